package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// hostile is a name that nobody has.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{.}}` + "`"

// paths of every page, for a browser that is signed in.
var pages = []string{
	"/", "/?window=1h&show=attention&search=x", "/?window=7d&page=9", "/tenants/1", "/tenants/1?window=7d", "/tenants/2",
	"/tenants/1/endpoints/1/health", "/tenants/1/endpoints/1/health?window=1h", "/tenants/1/endpoints/1/health?window=7d",
	"/tenants", "/tenants?cursor=1", "/new-tenant", "/tenants/1/details", "/tenants/1/delete", "/tenants/1/erase", "/password",
	"/tenants/1/webhook", "/tenants/2/webhook", "/tenants/1/new-endpoint", "/tenants/1/endpoints/1", "/tenants/1/endpoints/1/delete",
	"/tenants/1/endpoints/1/secret", "/tenants/1/endpoints/1/remove-secret",
	"/tenants/1/accounts", "/tenants/2/accounts", "/tenants/1/new-account", "/tenants/1/accounts/1", "/tenants/1/accounts/1/delete",
	"/tenants/1/deliveries", "/tenants/1/deliveries?status=failed&find=x", "/tenants/1/deliveries?cursor=00000000000000000000000000", "/tenants/2/deliveries", "/tenants/1/deliveries/{delivery}",
	"/tenants/1/events", "/tenants/1/events?find=x", "/tenants/2/events", "/tenants/1/events/{event}",
	"/tenants/1/replay", "/tenants/1/replay?status=failed", "/tenants/1/replay?status=missing", "/tenants/1/verify?endpoint=1",
	"/api-keys", "/new-api-key", "/api-keys/1/delete",
	"/audit", "/messages", "/tenants/1/templates", "/tenants/2/templates", "/trail",
}

// hostileFixture has as much as possible of what others choose.
func hostileFixture(t *testing.T) *fixture { return chosenFixture(t, hostile) }

// chosenFixture has a name for as much as possible of what others choose.
func chosenFixture(t *testing.T, name string) *fixture {
	f := newFixture(t).withPassword()
	ctx := t.Context()
	f.tenant(name)
	_, err := f.store.CreateTenant(ctx, webhook.Tenant{Name: "empty", Timezone: "UTC"})
	f.ok(err)
	_, err = f.store.UpdateEndpoint(ctx, 1, 1, func(e *webhook.Endpoint) error {
		e.URL, e.Secret, e.DisabledReason = "https://x.example/"+name, webhook.GenerateSecret(), name
		e.Headers = map[string]string{"X-Chosen": name}
		return nil
	})
	f.ok(err)
	_, err = f.store.UpdateAccount(ctx, 1, 1, func(a *webhook.Account) error {
		a.DisplayPhoneNumber, a.AccessToken = name, webhook.NewSecret("token")
		a.State = webhook.AccountState{Quality: name, MessagingLimit: name, Review: name, NameReview: name, Ban: name, Restricted: true, UpdatedAt: &begun}
		return nil
	})
	f.ok(err)
	_, err = f.store.CreateAPIKey(ctx, webhook.APIKey{Name: name, TenantID: 1, Prefix: "cck_x"})
	f.ok(err)
	event := f.message(1, name, name)
	f.event, f.delivery = event.String(), event.WithOwner(1).String()
	f.attempt(1, event.WithOwner(1), webhook.Attempt{Error: webhook.ErrorStatus, StatusCode: 500, ResponseBody: []byte(name)}, begun)
	f.attempt(1, event.WithOwner(1), webhook.Attempt{Error: webhook.ErrorDNS}, time.Time{})
	return f
}

// Every page, in both languages, is whole, lets nothing of others run, and says what it may load.
func TestPages(t *testing.T) {
	f := hostileFixture(t)
	b := f.signedIn()
	f.sender.outcome = webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{StatusCode: 500, Error: webhook.ErrorStatus, ResponseBody: []byte(hostile)}}
	for _, code := range languageCodes {
		b.cookies[languageCookie] = code
		for _, path := range pages {
			t.Run(code+path, func(t *testing.T) { checkPage(t, b.get(f.example(path)), 200, code) })
		}
		b.post("/tenants/1/endpoints/1/test").to("/tenants/1/endpoints/1")
		checkPage(t, b.get("/tenants/1/endpoints/1"), 200, code)
		b.post("/tenants/1/endpoints/1/secret").to("/tenants/1/endpoints/1")
		checkPage(t, b.get("/tenants/1/endpoints/1"), 200, code)
		b.post("/new-api-key", "name", hostile).to("/api-keys")
		checkPage(t, b.get("/api-keys"), 200, code)
		for _, path := range []string{"/new-tenant", "/tenants/1/details", "/tenants/1/new-endpoint", "/tenants/1/endpoints/1", "/tenants/1/new-account", "/tenants/1/accounts/1", "/new-api-key", "/password"} {
			a := b.post(path, "name", "", "timezone", hostile, "url", hostile+"\x00", "description", hostile, "events", hostile, "retries_of", "own", "retries", hostile, "timeout", hostile,
				"header_name", hostile, "header_value", hostile+"\x00", "waba_id", hostile, "phone_number_id", hostile, "display_phone_number", hostile+strings.Repeat("x", 50), "access_token", hostile, "tenant", hostile, "password", "short")
			checkPage(t, a, 422, code)
		}
		at := "/tenants/1/"
		query := url.QueryEscape(hostile)
		checkPage(t, b.get(at+"deliveries?status="+query+"&event="+query+"&endpoint="+query+"&since="+query+"&until="+query+"&find="+query), 422, code)
		checkPage(t, b.get(at+"events?event="+query+"&find="+query+"&since="+query), 422, code)
		checkPage(t, b.get(at+"deliveries?find="+query), 200, code)
		checkPage(t, b.get(at+"replay?find="+query+"&status=failed"), 422, code)
		checkPage(t, b.get(at+"replay?endpoint=77&status="+query), 422, code)
		checkPage(t, b.post(at+"replay", "status", "failed", "until", "2026-03-10"), 200, code)
		checkPage(t, b.post(at+"verify", "headers", hostile, "body", hostile, "endpoint", hostile), 422, code)
		checkPage(t, b.post(at+"verify", "headers", "X-Webhook-Id: "+f.event+"\nX-Webhook-Signature: "+hostile, "body", hostile, "endpoint", "1", "secret", hostile), 200, code)
		checkPage(t, b.get("/tenants/99/webhook"), 404, code)
		checkPage(t, b.get("/"+url.PathEscape(hostile)), 404, code)
		checkPage(t, b.get("/tenants?cursor="+url.QueryEscape(hostile)), 422, code)
		checkPage(t, b.get("/preferences"), 405, code)

		stranger := f.browser()
		stranger.cookies[languageCookie] = code
		checkPage(t, stranger.get("/sign-in?next="+url.QueryEscape("/"+hostile)), 200, code)
		checkPage(t, stranger.post("/sign-in", "password", hostile), 422, code)
		checkPage(t, stranger.get("/setup?token="+url.QueryEscape(hostile)), 403, code)
	}
	for _, code := range languageCodes {
		f := newFixture(t)
		b := f.browser()
		b.cookies[languageCookie] = code
		checkPage(t, b.get(f.setUpLink()), 200, code)
		checkPage(t, b.get("/sign-in"), 200, code)
	}
}

var (
	attribute   = regexp.MustCompile(`\s([a-zA-Z-]+)(?:="[^"]*")?`)
	opening     = regexp.MustCompile(`<([a-z0-9]+)((?:\s+[a-zA-Z-]+(?:="[^"]*")?)*)\s*/?>`)
	idAttribute = regexp.MustCompile(`\sid="([^"]*)"`)
	reference   = regexp.MustCompile(`\s(?:for|aria-labelledby|aria-describedby|data-copy|data-inline|list)="([^"]*)"`)
	inputID     = regexp.MustCompile(`<(?:input|select)\s(?:[^>]*\s)?id="([^"]*)"`)
)

func checkPage(t *testing.T, a answer, status int, code string) {
	t.Helper()
	body := a.page(status).Body.String()
	dir := languages[code].Dir
	if !strings.Contains(body, `<html lang="`+code+`" dir="`+dir+`"`) || !strings.HasSuffix(strings.TrimSpace(body), "</html>") {
		t.Errorf("%s: not a whole page in %s", a.what, code)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
		"Cache-Control":           "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
	} {
		if got := a.Header().Get(name); got != want {
			t.Errorf("%s: %s: %q", a.what, name, got)
		}
	}
	for _, bad := range []string{"<script>", "<img", "onerror=alert(2)>", "ZgotmplZ", "<style", "&lt;no value&gt;", "%!"} {
		if strings.Contains(body, bad) {
			t.Errorf("%s: %q in\n%s", a.what, bad, body)
		}
	}
	// What is left of a tag when its well-formed ones are gone is none of ours.
	if rest := opening.ReplaceAllString(body, ""); strings.ContainsAny(regexp.MustCompile(`</[a-z0-9]+>|<!doctype html>`).ReplaceAllString(rest, ""), "<>") {
		t.Errorf("%s: a broken tag", a.what)
	}
	for _, m := range opening.FindAllStringSubmatch(body, -1) {
		for _, attr := range attribute.FindAllStringSubmatch(m[2], -1) {
			if attr[1] == "style" || strings.HasPrefix(attr[1], "on") {
				t.Errorf("%s: %s", a.what, m[0])
			}
		}
	}
	ids := map[string]bool{}
	for _, m := range idAttribute.FindAllStringSubmatch(body, -1) {
		if ids[m[1]] {
			t.Errorf("%s: two elements have the id %s", a.what, m[1])
		}
		ids[m[1]] = true
	}
	named := map[string]bool{}
	for _, m := range reference.FindAllStringSubmatch(body, -1) {
		for id := range strings.FieldsSeq(m[1]) {
			if named[id] = true; !ids[id] {
				t.Errorf("%s: nothing has the id %s", a.what, id)
			}
		}
	}
	for _, m := range inputID.FindAllStringSubmatch(body, -1) {
		if !named[m[1]] {
			t.Errorf("%s: %s has no label", a.what, m[1])
		}
	}
	if strings.Count(body, "<h1>") != 1 {
		t.Errorf("%s: %d first headings", a.what, strings.Count(body, "<h1>"))
	}
}

// openPaths are what everybody may ask for.
var openPaths = []string{"/static/{file}", "/preferences", "/setup", "/sign-in"}

// example fills in a pattern with what a hostileFixture has.
func (f *fixture) example(pattern string) string {
	return strings.NewReplacer("{tenant}", "1", "{endpoint}", "1", "{account}", "1", "{key}", "1", "{file}", "x", "{delivery}", f.delivery, "{event}", f.event).Replace(pattern)
}

// Without a session there is the door and nothing else, and nothing changes.
func TestEveryPageWantsASession(t *testing.T) {
	f := hostileFixture(t)
	before := f.snapshot()
	for name, b := range map[string]*browser{"no cookie": f.browser(), "a guess": f.browser(), "empty": f.browser()} {
		switch name {
		case "a guess":
			b.cookies[cookieName] = "guess"
		case "empty":
			b.cookies[cookieName] = ""
		}
		for _, r := range f.console.Routes() {
			if slices.Contains(openPaths, r.Pattern) {
				continue
			}
			var form url.Values
			if r.Method == "POST" {
				form = url.Values{"name": {"x"}, "timezone": {"UTC"}, "url": {"https://x.example"}, "events": {"*"}, "status": {"failed"}}
			}
			a := b.do(r.Method, f.example(r.Pattern), form)
			if to, ok := strings.CutPrefix(a.Header().Get("Location"), "/sign-in"); a.Code != http.StatusSeeOther || !ok || to != "" && to[0] != '?' {
				t.Errorf("%s with %s: %d to %q", a.what, name, a.Code, a.Header().Get("Location"))
			}
		}
	}
	if after := f.snapshot(); after != before {
		t.Errorf("something has changed: %s\n%s", before, after)
	}
}

// snapshot is what the pages can change.
func (f *fixture) snapshot() string {
	f.t.Helper()
	ctx := f.t.Context()
	tenants, err1 := f.store.Tenants(ctx, webhook.Page{})
	endpoints, err2 := f.store.Endpoints(ctx, 1, webhook.Page{})
	accounts, err3 := f.store.Accounts(ctx, 1, webhook.Page{})
	keys, err4 := f.store.APIKeys(ctx, webhook.Page{})
	deliveries, err5 := f.store.Deliveries(ctx, 1, webhook.DeliveryFilter{}, webhook.Page{})
	for _, err := range []error{err1, err2, err3, err4, err5} {
		f.ok(err)
	}
	b, err := json.Marshal([]any{tenants, endpoints, accounts, keys, deliveries, f.login(), endpoints.Items[0].Secret.Reveal()})
	f.ok(err)
	return string(b)
}

// Another site can't make a browser change anything, neither here nor through the API.
func TestCrossOrigin(t *testing.T) {
	f := hostileFixture(t)
	b := f.signedIn()
	before := f.snapshot()
	form := url.Values{"name": {"x"}, "timezone": {"UTC"}, "url": {"https://x.example"}, "events": {"*"}, "password": {goodPassword}, "language": {"ar"}, "status": {"failed"}}
	for name, header := range map[string]http.Header{
		"another site":      {"Sec-Fetch-Site": {"cross-site"}},
		"the same domain":   {"Sec-Fetch-Site": {"same-site"}},
		"an older browser":  {"Origin": {"https://evil.example"}},
		"from a local file": {"Origin": {"null"}},
	} {
		b.header = header
		b.header.Set("Accept", "text/html")
		for _, r := range f.console.Routes() {
			if r.Method == "POST" {
				a := b.do("POST", f.example(r.Pattern), form).page(403, "The request came from another site")
				if len(a.set) > 0 {
					t.Errorf("%s from %s sets %v", a.what, name, a.set)
				}
			}
		}
		for _, path := range []string{"/api/v1/tenants", "/api/v1/tenants/1/endpoints/1/secret", "/api/v1/tenants/1/endpoints/1/test"} {
			if a := b.do("POST", path, url.Values{}); a.Code != 403 {
				t.Errorf("%s from %s: %d %s", a.what, name, a.Code, a.Body)
			}
		}
	}
	if after := f.snapshot(); after != before {
		t.Errorf("something has changed: %s\n%s", before, after)
	}
	b.header = http.Header{"Origin": {"http://example.com"}} // httptest's own host
	b.post("/new-tenant", "name", "x", "timezone", "UTC").to("/tenants/3/webhook")
	b.header = http.Header{"Sec-Fetch-Site": {"same-origin"}}
	b.post("/tenants/3/delete").to("/tenants")
}

// The API takes a session in place of a key.
func TestSessionForAPI(t *testing.T) {
	f := newFixture(t).withPassword()
	stranger := f.browser()
	if a := stranger.get("/api/v1/tenants"); a.Code != 401 || a.Header().Get("Content-Type") != "application/json" {
		t.Errorf("without a session: %d %s", a.Code, a.Body)
	}
	b := f.signedIn()
	if a := b.get("/api/v1/tenants"); a.Code != 200 {
		t.Errorf("with a session: %d %s", a.Code, a.Body)
	}
	if a := b.get("/api/v1/tenants/9"); a.Code != 404 || a.Header().Get("Content-Type") != "application/json" {
		t.Errorf("an error: %d %s", a.Code, a.Body)
	}
	f.clock.advance(webhook.SessionIdle)
	if a := b.get("/api/v1/tenants"); a.Code != 401 {
		t.Errorf("with an old session: %d", a.Code)
	}
}

func TestFailureForm(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.browser()
	b.header.Set("Accept", "*/*")
	if a := b.get("/nowhere"); a.Code != 404 || a.Header().Get("Content-Type") != "application/json" {
		t.Errorf("for a program: %d %s", a.Code, a.Header().Get("Content-Type"))
	}
	b.header.Set("Accept", "text/html,*/*")
	b.get("/nowhere").page(404, "Nothing is here")
	if a := b.post("/tenants", "x", "y").page(405); a.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", a.Header().Get("Allow"))
	}
	a := b.do("POST", "/sign-in", url.Values{"password": {strings.Repeat("x", 2<<20)}})
	a.page(413, "The form is too large")
	f.ok(f.store.Close())
	b.get("/sign-in").page(503, "stopping")
}

func TestStatic(t *testing.T) {
	f := newFixture(t)
	b := f.browser()
	page := b.get("/sign-in").Body.String()
	found := regexp.MustCompile(`"(/static/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(found) != 3 {
		t.Fatalf("the page loads %v", found)
	}
	for _, m := range found {
		a := b.get(m[1])
		if a.Code != 200 || a.Body.Len() == 0 || a.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || a.Header().Get("Content-Type") == "application/octet-stream" {
			t.Errorf("%s: %d %v", m[1], a.Code, a.Header())
		}
	}
	for _, path := range []string{"/static/console.css", "/static/console.000000000000.css", "/static/", "/static/../html/frame.html"} {
		if a := b.get(path); a.Code != 404 {
			t.Errorf("%s: %d", path, a.Code)
		}
	}
}

func TestPreferences(t *testing.T) {
	f := newFixture(t).withPassword()
	for accept, want := range map[string]string{
		"":                           "en",
		"de":                         "en",
		"ar":                         "ar",
		"ar-SA,ar;q=0.9,en;q=0.8":    "ar",
		"en-GB,en;q=0.9,ar;q=0.8":    "en",
		"fr;q=1, en;q=0.2, ar;q=0.7": "ar",
		"en;q=x,;,ar;q=0":            "en",
	} {
		b := f.browser()
		b.header.Set("Accept-Language", accept)
		if !strings.Contains(b.get("/sign-in").Body.String(), `<html lang="`+want+`"`) {
			t.Errorf("%q is not answered in %s", accept, want)
		}
	}
	b := f.browser()
	a := b.post("/preferences", "language", "ar", "back", "/sign-in?next=%2Fpassword").to("/sign-in?next=%2Fpassword")
	if c := a.set[languageCookie]; c == nil || c.MaxAge < int((300*24*time.Hour).Seconds()) || !c.HttpOnly {
		t.Errorf("cookie %v", a.set)
	}
	if got := b.get("/sign-in").Body.String(); !strings.Contains(got, `dir="rtl"`) || !strings.Contains(got, "تسجيل الدخول") {
		t.Error("the page is not Arabic")
	}
	b.post("/preferences", "theme", "dark", "back", "//evil.example").to("/")
	if !strings.Contains(b.get("/sign-in").Body.String(), `data-theme="dark"`) {
		t.Error("the page is not dark")
	}
	b.post("/preferences", "theme", "system", "back", "/sign-in")
	b.post("/preferences", "theme", "pink", "language", "xx", "back", "/sign-in").to("/sign-in")
	if got := b.get("/sign-in").Body.String(); strings.Contains(got, "data-theme") || !strings.Contains(got, `lang="ar"`) {
		t.Error("the page has another theme than the system's, or another language")
	}
}

// The code on the page is the code of the documentation.
func TestSamples(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "receiving.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if !strings.Contains(string(doc), "\n"+s.Code+"```") {
			t.Errorf("docs/receiving.md has other code for %s", s.Language)
		}
	}
}
