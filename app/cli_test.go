package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"cubeconnect/cli"
)

// output is what a command writes, which can be read while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// command is a command that runs or has run.
type command struct {
	t      *testing.T
	out    output
	err    output
	cancel context.CancelFunc
	ended  chan int
}

// begin starts a command. It ends with the test.
func begin(t *testing.T, environ []string, args ...string) *command {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &command{t: t, cancel: cancel, ended: make(chan int, 1)}
	go func() {
		c.ended <- cli.Run(ctx, &cli.Env{Args: args, Environ: environ, Stdout: &c.out, Stderr: &c.err})
	}()
	t.Cleanup(func() {
		cancel()
		c.ended <- <-c.ended
	})
	return c
}

// code waits for the command's end and returns its exit code.
func (c *command) code() int {
	code := <-c.ended
	c.ended <- code
	return code
}

// run runs a command to its end and checks its exit code.
func run(t *testing.T, want int, environ []string, args ...string) (stdout, stderr string) {
	t.Helper()
	c := begin(t, environ, args...)
	if code := c.code(); code != want {
		t.Errorf("%s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, c.out.String(), c.err.String())
	}
	return c.out.String(), c.err.String()
}

// write writes a file into a folder of the test's.
func write(t *testing.T, name, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		code int
	}{
		{"", 2},
		{"help", 0},
		{"--help", 0},
		{"serve --help", 0},
		{"fly", 2},
		{"version extra", 2},
		{"check --colour", 2},
		{"serve extra", 2},
		{"simulate", 2},
		{"simulate message-text", 2},
		{"simulate message-text --to http://127.0.0.1:1/", 2},
		{"simulate message-text --to http://127.0.0.1:1/ --app-secret s --count 0", 2},
		{"simulate message-text --to http://127.0.0.1:1/ --app-secret s --count x", 2},
		{"simulate no-such-sample --to http://127.0.0.1:1/ --app-secret s", 1},
		{"simulate message-text --to http://127.0.0.1:1/ --app-secret s", 1},
		{"listen", 2},
		{"listen --secret s --status 1000", 2},
		{"listen --secret s --addr nonsense", 1},
		{"apikey", 2},
		{"apikey create", 2},
		{"apikey revoke --name x", 2},
		{"apikey create --name x --tenant y", 2},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			stdout, stderr := run(t, c.code, nil, strings.Fields(c.args)...)
			if c.code != 0 && (stderr == "" || stdout != "") {
				t.Errorf("errors go to stderr: %q, %q", stdout, stderr)
			}
			if c.code != 0 && c.args != "" && strings.Count(stderr, "\n") != 1 {
				t.Errorf("an error is one line: %q", stderr)
			}
			if c.code == 0 && stdout == "" {
				t.Error("no help")
			}
		})
	}
	help, _ := run(t, 0, nil, "help")
	for _, name := range []string{"serve", "demo", "check", "listen", "simulate", "verify", "apikey", "version"} {
		if !strings.Contains(help, "\n  "+name) {
			t.Errorf("help doesn't name %s", name)
		}
	}
	if out, _ := run(t, 0, nil, "version"); !strings.Contains(out, runtime.Version()) || !strings.Contains(out, "commit") {
		t.Errorf("version: %q", out)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if _, stderr := run(t, 0, nil, "check"); !strings.Contains(stderr, "meta.app_secrets") || !strings.Contains(stderr, "meta.verify_token") {
		t.Errorf("nothing says how to set the secrets: %q", stderr)
	}
	run(t, 0, nil, "check", "--config", filepath.Join("..", "config.example.toml"))
	for _, c := range []struct {
		name, content string
		line          int
		key           string
	}{
		{"unknown key", "data_dir = \"x\"\ndata_dri = \"y\"\n", 2, "data_dri"},
		{"unknown section", "[publik]\nlisten = \"127.0.0.1:1\"\n", 1, "publik"},
		{"wrong type", "[meta]\n\napp_secrets = \"one\"\n", 3, "meta.app_secrets"},
		{"number for a string", "data_dir = 1\n", 1, "data_dir"},
		{"a duration that is none", "[delivery]\ntimeout = \"soon\"\n", 2, "delivery.timeout"},
		{"an impossible one", "[delivery]\ntimeout = \"-1s\"\n", 2, "delivery.timeout"},
		{"a network that is none", "[delivery]\nallow_networks = [\"10.0.0.0/33\"]\n", 2, "delivery.allow_networks"},
		{"an address that is none", "[admin]\nlisten = \"here\"\n", 2, "admin.listen"},
		{"a mode that is none", "[public.tls]\nmode = \"on\"\n", 2, "public.tls.mode"},
		{"a size that is none", "[meta]\nmax_body = \"much\"\n", 2, "meta.max_body"},
		{"syntax", "[meta\n", 1, ""},
		{"a key twice", "data_dir = \"x\"\ndata_dir = \"y\"\n", 2, "data_dir"},
		{"a level that is none", "[log]\nlevel = \"loud\"\n", 2, "log.level"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := write(t, "c.toml", c.content)
			_, stderr := run(t, 1, nil, "check", "--config", file)
			where := fmt.Sprintf("%s:%d", file, c.line)
			if !strings.Contains(stderr, where) || !strings.Contains(stderr, c.key) {
				t.Errorf("no %s and %s in %q", where, c.key, stderr)
			}
			// What doesn't pass doesn't serve.
			run(t, 1, nil, "serve", "--config", file)
		})
	}
	// Every problem is told, not the first only.
	file := write(t, "c.toml", "x = 1\n[delivery]\ntimeout = \"soon\"\nconcurrency = 0\n")
	if _, stderr := run(t, 1, nil, "check", "--config", file); strings.Count(stderr, file+":") != 3 {
		t.Errorf("%q", stderr)
	}
	run(t, 1, nil, "check", "--config", filepath.Join(t.TempDir(), "none.toml"))
	_, stderr := run(t, 1, []string{"CUBECONNECT_DELIVERY_TIMEOUT=soon"}, "check")
	if !strings.Contains(stderr, "CUBECONNECT_DELIVERY_TIMEOUT") {
		t.Errorf("%q", stderr)
	}
	// A secret is not repeated, whatever is wrong about it.
	file = write(t, "c.toml", "[admin]\napi_key = \" s3cr3t \"\n")
	if _, stderr := run(t, 1, nil, "check", "--config", file); strings.Contains(stderr, "s3cr3t") {
		t.Errorf("%q", stderr)
	}
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	a := start(t)
	n := a.tenant("One", "UTC")
	n.account("77", "88")
	n.account(waba1, phone1)
	simulate := func(want int, args ...string) (string, string) {
		t.Helper()
		return run(t, want, nil, append([]string{"simulate", "--to", a.public + webhookPath}, args...)...)
	}
	events := func(want int) []object {
		t.Helper()
		list := n.payloads()
		if len(list) != want {
			t.Fatalf("%d events, want %d", len(list), want)
		}
		return list
	}
	simulate(0, "message-text", "--app-secret", appSecret)
	events(1)
	simulate(0, "message-text", "--app-secret", appSecret) // another message
	events(2)
	simulate(0, "status-read", "--app-secret", appSecret, "--count", "10")
	events(12)
	simulate(0, "message-image", "--app-secret", appSecret, "--waba", "77", "--phone-number-id", "88")
	says(t, "the last event", events(13)[12], object{"type": "image", "whatsapp_account_id": 1})
	file := write(t, "own.json", string(text(customer, "wamid.own", "from a file")))
	simulate(0, file, "--app-secret", appSecret)
	says(t, "the last event", events(14)[13], object{"wa_message_id": "wamid.own", "content": "from a file"})
	simulate(0, file, "--app-secret", appSecret) // its own bytes: a repeat
	events(14)
	if _, stderr := simulate(1, "message-text", "--app-secret", "guess"); !strings.Contains(stderr, "401") {
		t.Errorf("%q", stderr)
	}
	events(14)
	list, _ := run(t, 0, nil, "simulate", "--list")
	if !strings.Contains(list, "message-text\n") {
		t.Errorf("%q", list)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	a := start(t)
	n := a.tenant("One", "UTC")
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	for _, c := range []struct {
		name, key string
		args      []string
		status    int
		delivered bool
	}{
		{"good", secret, nil, 200, true},
		{"another status", secret, []string{"--status", "503"}, 503, false},
		{"another secret", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", nil, 401, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := begin(t, nil, append([]string{"listen", "--addr", "127.0.0.1:0", "--secret", secret}, c.args...)...)
			var addr string
			eventually(t, func() error {
				_, rest, _ := strings.Cut(l.out.String(), "listening on ")
				var ok bool
				if addr, _, ok = strings.Cut(rest, ","); !ok {
					return fmt.Errorf("it does not listen: %s%s", l.out.String(), l.err.String())
				}
				return nil
			})
			e := n.endpoint("http://"+addr+"/x", nil)
			a.call("POST", e.path+"/secret", object{"secret": c.key}).ok(200)
			says(t, "Send Test", a.call("POST", e.path+"/test", nil).ok(200), object{"delivered": c.delivered, "status_code": c.status})
			if out := l.out.String(); !strings.Contains(out, `"event": "webhook.test"`) || !strings.Contains(out, "X-Webhook-Id: 01") {
				t.Errorf("it printed %q", out)
			}
			l.cancel()
			if code := l.code(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	out, stderr := run(t, 0, nil, "demo", "--once")
	if !strings.Contains(out, "message.received") || stderr != "" {
		t.Errorf("%s%s", out, stderr)
	}
}

// The filled demo has a week behind it, one endpoint in each state, and a password to sign in with.
func TestDemoFilled(t *testing.T) {
	t.Parallel()
	c := begin(t, nil, "demo", "--filled")
	within(t, 10*patience, func() error { // it plays a week, under the race detector too
		if !strings.Contains(c.out.String(), "It keeps running") {
			return fmt.Errorf("%s%s", c.out.String(), c.err.String())
		}
		return nil
	})
	m := regexp.MustCompile(`password "([^"]+)":\s+(http://\S+)/\n`).FindStringSubmatch(c.out.String())
	if m == nil {
		t.Fatalf("it says nothing of how to sign in: %s", c.out.String())
	}
	a := &appliance{t: t, admin: m[2], client: newClient()}
	a.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if r := a.request("POST", m[2]+"/sign-in", []byte(url.Values{"password": {m[1]}}.Encode()), "Content-Type", "application/x-www-form-urlencoded"); r.status != 303 || r.header.Get("Set-Cookie") == "" {
		t.Errorf("the password does not sign in: %d %s", r.status, r.raw)
	}
	r := a.as("demo-admin-key", "GET", "/monitor?series=7d", nil).ok(200)
	states := map[string]int{}
	for _, n := range r["tenants"].([]any) {
		for _, e := range n.(object)["endpoints"].([]any) {
			states[e.(object)["state"].(string)]++
		}
	}
	if states["healthy"] < 4 || states["failing"] != 1 || states["disabled"] != 1 || states["unused"] != 1 {
		t.Errorf("states %v", states)
	}
	inbound := r["inbound"].(object)
	for _, outcome := range []string{"accepted", "duplicate", "ignored", "unrouted", "unparsed", "bad_signature", "handshakes"} {
		if number(t, inbound["7d"].(object), outcome) == 0 {
			t.Errorf("nothing in the week was %s", outcome)
		}
	}
	for _, window := range []string{"1h", "24h"} {
		if number(t, inbound[window].(object), "accepted") < 40 || number(t, r["attempts"].(object)[window].(object), "dead_letters") == 0 {
			t.Errorf("too little in %s: %v %v", window, inbound[window], r["attempts"])
		}
	}
	if got := len(r["series"].([]any)); got < 150 {
		t.Errorf("something was delivered in %d of 168 hours", got)
	}
	for _, path := range []string{"/templates?status=APPROVED", "/templates?status=REJECTED", "/templates?status=PAUSED", "/api-keys", "/tenants/2/deliveries?status=failed", "/tenants/3/events?event=campaign.completed"} {
		if answer := a.as("demo-admin-key", "GET", path, nil); len(answer.items()) == 0 {
			t.Errorf("%s is empty", path)
		}
	}
	c.cancel()
	if code := c.code(); code != 0 || c.err.String() != "" {
		t.Errorf("exit code %d, %s", code, c.err.String())
	}
}
