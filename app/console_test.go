package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"cubeconnect/cli"
)

// browser is a person's: it keeps cookies, and says where its requests come from.
type browser struct {
	*appliance
}

// browser begins without cookies.
func (a *appliance) browser() browser {
	a.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	b := *a
	b.client = newClient()
	b.client.Jar = jar
	a.t.Cleanup(b.client.CloseIdleConnections)
	return browser{&b}
}

func (b browser) get(path string) answer {
	b.t.Helper()
	return b.request("GET", b.admin+path, nil, "Accept", "text/html")
}

// post sends a form; its fields come in pairs of name and value.
func (b browser) post(path string, fields ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.request("POST", b.admin+path, form.Encode(), "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded", "Origin", b.admin)
}

// shows checks that it is a page with these words.
func (r answer) shows(status int, words ...string) answer {
	r.t.Helper()
	if r.status != status || r.header.Get("Content-Security-Policy") == "" {
		r.t.Fatalf("%s: %d %s, want a page with %d", r.what, r.status, r.raw, status)
	}
	text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(r.raw), " "))
	for _, w := range words {
		if !strings.Contains(text, w) {
			r.t.Errorf("%s: no %q in %s", r.what, w, text)
		}
	}
	return r
}

// leads checks that it leads to a path.
func (r answer) leads(path string) answer {
	r.t.Helper()
	if r.status != http.StatusSeeOther || r.header.Get("Location") != path {
		r.t.Fatalf("%s: %d to %q, want to go to %s\n%s", r.what, r.status, r.header.Get("Location"), path, r.raw)
	}
	return r
}

const consolePassword = "correct horse"

// setUpLink finds the link in the log, and takes the path of it.
func (s *served) setUpLink() string {
	s.t.Helper()
	for line := range strings.Lines(s.command.err.String()) {
		var said struct{ Level, Link string }
		if json.Unmarshal([]byte(line), &said) == nil && said.Link != "" {
			if said.Level != "WARN" || !strings.HasPrefix(said.Link, s.admin+"/setup?token=") {
				s.t.Errorf("the log says %s", line)
			}
			return strings.TrimPrefix(said.Link, s.admin)
		}
	}
	return ""
}

// A person sets up everything in the browser, from the first start to the first delivery.
func TestConsole(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := receive(t)
	b := s.browser()
	b.get("/").leads("/sign-in")
	b.get("/sign-in").shows(200, "No password is set yet")
	link := s.setUpLink()
	if link == "" {
		t.Fatalf("no link in the log: %s", s.command.err.String())
	}
	b.get(link).shows(200)
	token := strings.TrimPrefix(link, "/setup?token=")
	b.post("/setup", "token", token, "password", consolePassword, "again", consolePassword).leads("/")
	b.get("/").shows(200, "You are signed in", "Begin with a tenant")
	s.browser().get(link).shows(403, "no longer valid")

	b.post("/new-tenant", "name", "Oasis Trading", "timezone", "Asia/Riyadh").leads("/tenants/1/webhook")
	b.post("/tenants/1/new-endpoint", "url", "ftp://x", "events", "*").shows(422, "The URL must begin with https:// or http://.")
	b.post("/tenants/1/new-endpoint", "url", r.url, "events", "*", "enabled", "yes").leads("/tenants/1/endpoints/1")
	b.post("/tenants/1/endpoints/1/secret").leads("/tenants/1/endpoints/1")
	secret := regexp.MustCompile(`whsec_[A-Za-z0-9+/=]+`).FindString(html.UnescapeString(string(b.get("/tenants/1/endpoints/1").shows(200, "shown this once").raw)))
	if secret == "" {
		t.Fatal("the secret is not shown")
	}
	b.post("/tenants/1/endpoints/1/test").leads("/tenants/1/endpoints/1")
	b.get("/tenants/1/endpoints/1").shows(200, "Delivered", "200")
	r.wait(1)
	r.fails(1, 500)
	b.post("/tenants/1/endpoints/1/test").leads("/tenants/1/endpoints/1")
	b.get("/tenants/1/endpoints/1").shows(200, "Failed", "500", "Its own log says why")
	r.wait(2)

	b.post("/tenants/1/new-account", "name", "Support", "waba_id", waba1, "phone_number_id", phone1).leads("/tenants/1/accounts/1")
	steps := func(want int) {
		t.Helper()
		if got := strings.Count(string(b.get("/tenants/1/accounts/1").shows(200).raw), `<li class="good">`); got != want {
			t.Errorf("%d steps are done, want %d", got, want)
		}
	}
	steps(2) // secrets and endpoint
	s.request("GET", s.public+webhookPath+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong", nil)
	steps(2)
	s.request("GET", s.public+webhookPath+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token="+verifyToken, nil)
	steps(3)
	s.meta(text(customer, "wamid.1", "hello"))
	r.wait(3)
	n := &tenant{s.appliance, 1, "/tenants/1"}
	n.ended(1)
	steps(5)
	for i, d := range r.requests() {
		if d.header.Get("X-Webhook-Signature") == "" {
			t.Errorf("request %d is not signed", i)
		}
	}

	// The session does for the API what a key does, from the console's own pages only.
	page := s.browser()
	page.client.Jar = b.client.Jar
	page.request("GET", s.admin+"/api/v1/tenants", nil).ok(200)
	page.request("POST", s.admin+"/api/v1/tenants", object{"name": "x", "timezone": "UTC"}, "Origin", "https://evil.example").refused(403, "FORBIDDEN")
	page.request("POST", s.admin+"/api/v1/tenants", object{"name": "x", "timezone": "UTC"}, "Origin", s.admin).ok(201)
	b.post("/sign-out").leads("/sign-in")
	page.request("GET", s.admin+"/api/v1/tenants", nil).refused(401, "AUTHENTICATION_REQUIRED")

	// The password is there after a restart, and no link is made any more.
	s.end()
	s.begin()
	if link := s.setUpLink(); link != "" {
		t.Errorf("a link again: %s", link)
	}
	b = s.browser()
	b.post("/sign-in", "password", "wrong horse").shows(422, "not the right password")
	b.post("/sign-in", "password", consolePassword, "next", "/api-keys").leads("/api-keys")
	b.get("/api-keys").shows(200)
	s.end()
	for _, word := range []string{consolePassword, "wrong horse", secret} {
		if strings.Contains(s.command.err.String(), word) {
			t.Errorf("%q is in the log", word)
		}
	}
}

// runWith runs a command with something to read.
func runWith(t *testing.T, want int, stdin string, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Run(context.Background(), &cli.Env{Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs})
	if code != want || out.Len() > 0 || errs.Len() == 0 {
		t.Errorf("%v: exit code %d, %q, %q", args, code, out.String(), errs.String())
	}
	return errs.String()
}

func TestPasswordCommand(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	set := func(want int, stdin string) string {
		t.Helper()
		return runWith(t, want, stdin, "password", "--config", s.config)
	}
	for stdin, says := range map[string]string{"": "at least 10", "short\n": "at least 10", strings.Repeat("x", 2000): "at most"} {
		if got := set(1, stdin); !strings.Contains(got, says) || strings.Count(got, "\n") != 1 {
			t.Errorf("%.10q: %q", stdin, got)
		}
	}
	link := s.setUpLink()
	set(0, consolePassword+"\nmore\n")
	b := s.browser()
	b.get(link).shows(403, "no longer valid")
	b.post("/sign-in", "password", consolePassword).leads("/")
	set(0, "another horse\r\n")
	b.get("/tenants").leads("/sign-in?next=%2Ftenants")
	b.post("/sign-in", "password", "another horse").leads("/")
	s.end()

	set(0, "a third horse") // straight into the file
	s.begin()
	b = s.browser()
	b.post("/sign-in", "password", "another horse").shows(422)
	b.post("/sign-in", "password", "a third horse").leads("/")
	if got := runWith(t, 2, "", "password", "now"); !strings.Contains(got, "usage") {
		t.Errorf("%q", got)
	}
	s.end()
}

// A new start has a new link, and the one before is good for nothing.
func TestSetUpLinkOfEachStart(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	first := s.setUpLink()
	s.end()
	s.begin()
	second := s.setUpLink()
	if first == "" || second == "" || first == second {
		t.Fatalf("links %q, %q", first, second)
	}
	b := s.browser()
	b.get(first).shows(403)
	b.get(second).shows(200)
	// Others find what they find everywhere: pages for people, JSON for programs, open health and metrics.
	b.get("/nowhere").shows(404, "Nothing is here")
	b.request("GET", b.admin+"/nowhere", nil).refused(404, "NOT_FOUND")
	b.request("GET", b.admin+"/api/nowhere", nil, "Accept", "text/html").refused(404, "NOT_FOUND")
	for _, path := range []string{"/api/health", "/metrics", "/api/openapi.json"} {
		if r := b.get(path); r.status != 200 {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	// The console is nowhere near Meta.
	for _, path := range []string{"/", "/sign-in", second, "/local/password"} {
		if r := b.request("GET", b.public+path, nil); r.status != 404 {
			t.Errorf("%s is public: %d", path, r.status)
		}
	}
	if r := b.request("POST", b.admin+"/local/password", object{"password": consolePassword}); r.status != 404 {
		t.Errorf("anybody can set the password: %d", r.status)
	}
	s.end()
}

// A person finds a dead letter in the browser, sees why, checks its signature, and replays it.
func TestConsoleReplay(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := receive(t)
	b := s.browser()
	b.post("/setup", "token", strings.TrimPrefix(s.setUpLink(), "/setup?token="), "password", consolePassword, "again", consolePassword).leads("/")
	b.post("/new-tenant", "name", "Oasis Trading", "timezone", "Asia/Riyadh").leads("/tenants/1/webhook")
	b.post("/tenants/1/new-endpoint", "url", r.url, "events", "*", "enabled", "yes").leads("/tenants/1/endpoints/1")
	b.post("/tenants/1/endpoints/1/secret").leads("/tenants/1/endpoints/1")
	b.post("/tenants/1/new-account", "name", "Support", "waba_id", waba1, "phone_number_id", phone1).leads("/tenants/1/accounts/1")
	r.fails(2, 500)
	s.meta(text(customer, "wamid.1", "hello"))
	n := &tenant{s.appliance, 1, "/tenants/1"}
	dead := n.delivery("failed")
	at := "/tenants/1/deliveries/" + dead["id"].(string)
	for _, find := range []string{"wamid.1", customer, dead["event_id"].(string)} {
		if page := b.get("/tenants/1/deliveries?status=failed&find="+url.QueryEscape(find)).shows(200, "HTTP 500"); !strings.Contains(string(page.raw), `href="`+at+`"`) {
			t.Errorf("%s leads elsewhere", find)
		}
	}
	b.get(at).shows(200, "Attempt 2", "HTTP 500", "Its own log says why", "curl -sS")
	if got := b.request("GET", b.admin+at+"/body", nil); string(got.raw) != string(r.requests()[0].body) {
		t.Errorf("the body is %s", got.raw)
	}

	came := r.requests()[1]
	var lines []string
	for name := range came.header {
		lines = append(lines, name+": "+came.header.Get(name))
	}
	check := func(body string, words ...string) {
		t.Helper()
		b.post("/tenants/1/verify", "endpoint", "1", "headers", strings.Join(lines, "\n"), "body", body).shows(200, words...)
	}
	check(string(came.body), "The signature is right")
	check(strings.ReplaceAll(string(came.body), `":`, `": `), "has to refuse", "the same JSON written anew")

	b.post(at + "/replay").leads(at)
	n.delivery("succeeded")
	b.get(at).shows(200, "Delivered", "Attempt 3")

	r.fails(2, 500)
	s.meta(text(customer, "wamid.2", "again"))
	n.ended(2)
	b.get("/tenants/1/replay?status=failed").shows(200, "1 delivery matches")
	b.post("/tenants/1/replay", "status", "failed").shows(200, "1 delivery is on its way again")
	n.ended(2)
	r.wait(6)
	b.get("/tenants/1/deliveries?status=failed").shows(200, "No delivery matches")
	s.end()
}
