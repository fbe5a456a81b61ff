package admin

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

func TestEveryRouteWantsAKey(t *testing.T) {
	f := newFixture(t)
	v := newVictim(t, f)
	for _, route := range f.api.Routes(f.api.Keys) {
		if strings.HasPrefix(route.Pattern, "/api/v1/") {
			target := v.target(route.Pattern)
			if a := f.as(t, "", route.Method, target, ""); a.status != 401 || a.code != web.CodeAuthenticationRequired {
				t.Errorf("%s %s without a key: %d %s", route.Method, target, a.status, a.text)
			}
			if a := f.as(t, "cck_wrong", route.Method, target, ""); a.status != 401 || a.code != web.CodeInvalidAPIKey {
				t.Errorf("%s %s with a wrong key: %d %s", route.Method, target, a.status, a.text)
			}
		}
	}
}

func TestKeyForms(t *testing.T) {
	f := newFixture(t)
	for name, tt := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"bearer":           {[]string{"Authorization", "Bearer " + bootstrapKey}, 200, ""},
		"lower case":       {[]string{"Authorization", "bearer  " + bootstrapKey + " "}, 200, ""},
		"X-API-KEY":        {[]string{"X-API-KEY", bootstrapKey}, 200, ""},
		"beside a proxy's": {[]string{"Authorization", "Basic dTpw", "X-API-KEY", bootstrapKey}, 200, ""},
		"bearer first":     {[]string{"Authorization", "Bearer wrong", "X-API-KEY", bootstrapKey}, 401, web.CodeInvalidAPIKey},
		"nothing":          {nil, 401, web.CodeAuthenticationRequired},
		"basic":            {[]string{"Authorization", "Basic " + bootstrapKey}, 401, web.CodeAuthenticationRequired},
		"empty":            {[]string{"Authorization", "Bearer ", "X-API-KEY", " "}, 401, web.CodeAuthenticationRequired},
		"no scheme":        {[]string{"Authorization", bootstrapKey}, 401, web.CodeAuthenticationRequired},
		"shorter":          {[]string{"Authorization", "Bearer " + bootstrapKey[:len(bootstrapKey)-1]}, 401, web.CodeInvalidAPIKey},
		"longer":           {[]string{"Authorization", "Bearer " + bootstrapKey + "x"}, 401, web.CodeInvalidAPIKey},
		"huge":             {[]string{"X-API-KEY", strings.Repeat("k", 1<<16)}, 401, web.CodeInvalidAPIKey},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.as(t, "", "GET", "/api/v1/tenants", "", tt.headers...)
			if a.status != tt.status || a.code != tt.code {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	res := f.request(t, "GET", "/api/v1/tenants", "", nil)
	if got := res.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
		t.Errorf("WWW-Authenticate %q", got)
	}
}

func TestBootstrapKey(t *testing.T) {
	f := newFixtureWith(t, func(o *Options) { o.BootstrapKey = webhook.Secret{} })
	for _, step := range []struct {
		set    string
		status int
	}{{"", 401}, {bootstrapKey, 200}, {"another", 401}, {bootstrapKey, 200}, {"", 401}} {
		f.api.SetBootstrapKey(webhook.NewSecret(step.set))
		if a := f.as(t, bootstrapKey, "GET", "/api/v1/tenants", ""); a.status != step.status {
			t.Errorf("with %q: %d %s", step.set, a.status, a.text)
		}
	}
}

func TestAPIKeys(t *testing.T) {
	f := newFixture(t)
	f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"Akme"}`)
	a := f.must(t, 201, "POST", "/api/v1/api-keys", `{"name":" ops "}`)
	key := a.str("key")
	a.equal(t, "ops", "name")
	a.equal(t, nil, "tenant_id")
	a.equal(t, key[:10], "prefix")
	b := f.must(t, 201, "POST", "/api/v1/api-keys", `{"name":"akme","tenant_id":1}`)
	b.equal(t, 1, "tenant_id")
	f.must(t, 201, "POST", "/api/v1/api-keys", `{"name":"ops 2","tenant_id":null}`)

	l := f.as(t, key, "GET", "/api/v1/api-keys", "")
	if l.status != 200 || l.len("items") != 3 || strings.Contains(l.text, key) || strings.Contains(l.text, `"key"`) {
		t.Errorf("list %s", l.text)
	}
	if a := f.as(t, b.str("key"), "GET", "/api/v1/tenants/1", ""); a.status != 200 {
		t.Errorf("the tenant's key: %s", a.text)
	}
	f.must(t, 200, "DELETE", "/api/v1/api-keys/1", "").equal(t, 1, "id")
	if a := f.as(t, key, "GET", "/api/v1/tenants", ""); a.status != 401 || a.code != web.CodeInvalidAPIKey {
		t.Errorf("a deleted key: %s", a.text)
	}
	f.must(t, 404, "DELETE", "/api/v1/api-keys/1", "")
	f.must(t, 200, "DELETE", "/api/v1/tenants/1", "")
	if a := f.as(t, b.str("key"), "GET", "/api/v1/tenants", ""); a.status != 401 {
		t.Errorf("the key of a deleted tenant: %s", a.text)
	}
	for body, fields := range map[string][]string{
		`{}`:                          {"name"},
		`{"name":"a","tenant_id":0}`:  {"tenant_id"}, // not an administrator's by accident
		`{"name":"a","tenant_id":99}`: {"tenant_id"},
		`{"name":"a","tenant_id":""}`: {"tenant_id"},
		`{"name":"a","tenant":1}`:     {"tenant"},
		`{"name":"a","key":"cck_x"}`:  {"key"},
	} {
		f.invalid(t, "POST", "/api/v1/api-keys", body, fields...)
	}
}

func TestNewKey(t *testing.T) {
	secret, hash, prefix := NewKey()
	rest, ok := strings.CutPrefix(secret, "cck_")
	if b, err := base64.RawURLEncoding.DecodeString(rest); !ok || err != nil || len(b) != 32 || len(rest) != 43 {
		t.Errorf("key %q: %v", secret, err)
	}
	if hash != HashKey(secret) || !strings.HasPrefix(secret, prefix) || len(prefix) > 12 {
		t.Errorf("prefix %q", prefix)
	}
	if again, _, _ := NewKey(); again == secret {
		t.Error("twice the same key")
	}
}

func TestThrottle(t *testing.T) {
	f := newFixture(t)
	from := func(addr, key string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/api/v1/tenants", nil)
		r.RemoteAddr = addr
		r.Header.Set("X-API-KEY", key)
		w := httptest.NewRecorder()
		f.h.ServeHTTP(w, r)
		return w
	}
	const addr = "198.51.100.7:1234"
	if w := from(addr, bootstrapKey); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	good := f.must(t, 201, "POST", "/api/v1/api-keys", `{"name":"late"}`).str("key")
	for range 100 { // one client that was forgotten
		if w := from(addr, "old key"); w.Code != 401 {
			t.Fatalf("the same wrong key: %d", w.Code)
		}
	}
	f.clock.advance(20 * time.Second)
	for i := range maxWrongKeys - 1 {
		if w := from(addr, fmt.Sprint("guess ", i)); w.Code != 401 {
			t.Fatalf("guess %d: %d", i, w.Code)
		}
	}
	w := from(addr, "one more")
	if w.Code != 429 || w.Header().Get("Retry-After") != "40" || !strings.Contains(w.Body.String(), web.CodeRateLimited) {
		t.Errorf("%d %s, Retry-After %q", w.Code, w.Body, w.Header().Get("Retry-After"))
	}
	if w := from(addr, good); w.Code != 429 {
		t.Errorf("a right guess gets through: %d", w.Code)
	}
	if w := from(addr, bootstrapKey); w.Code != 200 {
		t.Errorf("a key that worked from here is locked out: %d", w.Code)
	}
	if w := from("198.51.100.8:1234", "guess"); w.Code != 401 {
		t.Errorf("another address: %d", w.Code)
	}
	if a := f.as(t, "", "GET", "/api/v1/tenants", ""); a.status != 401 {
		t.Errorf("no key is no guess: %d", a.status)
	}
	f.clock.advance(40 * time.Second)
	if w := from(addr, good); w.Code != 200 {
		t.Errorf("after a minute: %d", w.Code)
	}
}

func TestThrottleIsBounded(t *testing.T) {
	c := &clock{}
	c.advance(time.Hour)
	th := newThrottle(c.now)
	for i := range maxThrottled + 100 {
		addr := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		for k := range maxWorkingKeys + 2 {
			th.record(addr, [32]byte{byte(k)}, true)
		}
		for k := range maxWrongKeys + 2 {
			th.record(addr, [32]byte{1, byte(k)}, false)
		}
		c.advance(time.Millisecond)
	}
	if th.addrs.Len() != maxThrottled {
		t.Errorf("%d addresses", th.addrs.Len())
	}
	last := netip.AddrFrom4([4]byte{10, 0, byte((maxThrottled + 99) >> 8), byte((maxThrottled + 99) & 0xff)})
	g, _ := th.addrs.Get(last)
	if g == nil || len(g.wrong) != maxWrongKeys || len(g.working) != maxWorkingKeys {
		t.Fatalf("the last address: %+v", g)
	}
	if th.wait(last, [32]byte{9}) <= 0 {
		t.Error("the last address does not wait")
	}
	c.advance(-30 * time.Minute)
	if th.wait(last, [32]byte{9}) != 0 {
		t.Error("a clock that was set back locks out")
	}
}

func TestClientAddr(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::", "[fe80::1%eth0]:80": "fe80::", "@": "invalid IP", "": "invalid IP",
	} {
		if got := web.ClientAddr(&http.Request{RemoteAddr: remote}); got.String() != want {
			t.Errorf("%s: %s", remote, got)
		}
	}
}

func TestSession(t *testing.T) {
	f := newFixtureWith(t, func(o *Options) {
		o.Session = func(r *http.Request) (Identity, bool) {
			c, err := r.Cookie("session")
			return Identity{Name: "console"}, err == nil && c.Value == "good"
		}
	})
	for name, tt := range map[string]struct {
		method  string
		headers []string
		status  int
	}{
		"reads":               {"GET", []string{"Cookie", "session=good"}, 200},
		"another":             {"GET", []string{"Cookie", "session=bad"}, 401},
		"changes":             {"POST", []string{"Cookie", "session=good", "Sec-Fetch-Site", "same-origin"}, 201},
		"from elsewhere":      {"POST", []string{"Cookie", "session=good", "Sec-Fetch-Site", "cross-site"}, 403},
		"from a sister":       {"POST", []string{"Cookie", "session=good", "Sec-Fetch-Site", "same-site"}, 403},
		"reads elsewhere":     {"GET", []string{"Cookie", "session=good", "Sec-Fetch-Site", "cross-site"}, 403},
		"reads from a sister": {"GET", []string{"Cookie", "session=good", "Sec-Fetch-Site", "same-site"}, 403},
		"address typed":       {"GET", []string{"Cookie", "session=good", "Sec-Fetch-Site", "none"}, 200},
		"of another origin":   {"POST", []string{"Cookie", "session=good", "Origin", "https://evil.example"}, 403},
		"with a key anywhere": {"POST", []string{"Cookie", "session=good", "Sec-Fetch-Site", "cross-site", "X-API-KEY", bootstrapKey}, 201},
		"beside a wrong key":  {"GET", []string{"Cookie", "session=good", "X-API-KEY", "wrong"}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			body := ""
			if tt.method == "POST" {
				body = `{"name":"a"}`
			}
			if a := f.as(t, "", tt.method, "/api/v1/tenants", body, tt.headers...); a.status != tt.status {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}

func TestLocalSocket(t *testing.T) {
	f := newFixture(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(web.New(web.Options{}, f.api.Routes(Local)))
	_ = srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	res, err := client.Post("http://local/api/v1/tenants", "", strings.NewReader(`{"name":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 201 {
		t.Errorf("%d %s: %v", res.StatusCode, b, err)
	}
	head, err := client.Head("http://local/api/v1/tenants/1")
	if err != nil {
		t.Fatal(err)
	}
	defer head.Body.Close()
	if head.StatusCode != 200 || head.ContentLength <= 0 {
		t.Errorf("HEAD: %d, %d bytes", head.StatusCode, head.ContentLength)
	}
}

func TestUnknownAddresses(t *testing.T) {
	f := newFixture(t)
	for target, status := range map[string]int{
		"GET /api/v1": 404, "GET /api/v1/": 404, "GET /api/v1/tenants/": 404, "GET /api/v1/nothing": 404, "POST /api/v1/tenants/1/": 404, "GET /api/v1/tenants/1/endpoints/1/secret": 405,
		"PUT /api/v1/tenants/1": 405, "DELETE /api/v1/tenants": 405, "OPTIONS /api/v1/tenants": 405, "POST /api/openapi.json": 405,
	} {
		method, path, _ := strings.Cut(target, " ")
		a := f.do(t, method, path, "")
		if a.status != status {
			t.Errorf("%s: %d %s", target, a.status, a.text)
		}
	}
}

func TestStoreClosed(t *testing.T) {
	f := newFixture(t)
	f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"a"}`)
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	if a := f.do(t, "POST", "/api/v1/tenants", `{"name":"b"}`); a.status != 503 || a.code != web.CodeDegraded {
		t.Errorf("%d %s", a.status, a.text)
	}
}
