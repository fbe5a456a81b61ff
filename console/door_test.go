package console

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

func (f *fixture) setUpLink() string {
	f.t.Helper()
	link, err := f.console.SetUpPath(f.t.Context())
	f.ok(err)
	return link
}

func (f *fixture) login() webhook.Login {
	f.t.Helper()
	l, err := f.store.Login(f.t.Context())
	f.ok(err)
	return l
}

func TestSetUp(t *testing.T) {
	f := newFixture(t)
	b := f.browser()
	link := f.setUpLink()
	token := strings.TrimPrefix(link, "/setup?token=")
	if len(token) < 43 {
		t.Fatalf("link %q", link)
	}
	b.get(link).page(200, "Choose the administrator's password")
	b.get("/setup?token="+token[1:]).page(403, "no longer valid")
	b.get("/setup").page(403)
	b.post("/setup", "token", token, "password", "short", "again", "short").page(422, "at least 10 characters")
	b.post("/setup", "token", token, "password", goodPassword, "again", "other").page(422, "not the same").lacks(goodPassword)
	b.post("/setup", "password", goodPassword, "again", goodPassword).page(403)
	if l := f.login(); l.Password != "" || len(l.Sessions) != 0 {
		t.Fatalf("login %+v", l)
	}
	b.post("/setup", "token", token, "password", goodPassword, "again", goodPassword).to("/")
	b.get("/").page(200, "You are signed in")

	if strings.Contains(f.login().Password, goodPassword) || !strings.HasPrefix(f.login().Password, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("stored as %s", f.login().Password)
	}
	other := f.browser()
	other.get(link).page(403, "no longer valid")
	other.post("/setup", "token", token, "password", "another horse", "again", "another horse").page(403)
	if got := f.setUpLink(); got != "" {
		t.Errorf("there still is a link: %s", got)
	}
	other.post("/sign-in", "password", goodPassword).to("/")
}

// Of several who have the link, one sets the password.
func TestSetUpOnce(t *testing.T) {
	f := newFixture(t)
	token := strings.TrimPrefix(f.setUpLink(), "/setup?token=")
	var all sync.WaitGroup
	var in atomic.Int32
	for range 4 {
		all.Go(func() {
			if f.browser().post("/setup", "token", token, "password", goodPassword, "again", goodPassword).Code == http.StatusSeeOther {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 1 || len(f.login().Sessions) != 1 {
		t.Errorf("%d have set it, and there are %d sessions", in.Load(), len(f.login().Sessions))
	}
}

func TestSetUpLinkEnds(t *testing.T) {
	f := newFixture(t)
	b := f.browser()
	link := f.setUpLink()
	f.clock.advance(SetUpLife - time.Second)
	b.get(link).page(200)
	f.clock.advance(time.Second)
	b.get(link).page(403, "no longer valid", "cubeconnect password")
	b.get("/sign-in").page(200, "No password is set yet", "cubeconnect password")
	b.post("/sign-in", "password", "").page(422)
}

func TestSignIn(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.browser()
	b.get("/").to("/sign-in")
	b.get("/tenants/1/webhook?cursor=7").to("/sign-in?next=%2Ftenants%2F1%2Fwebhook%3Fcursor%3D7")
	b.get("/sign-in?next=%2Fapi-keys").page(200, "/api-keys")
	b.post("/sign-in", "password", "wrong horse").page(422, "not the right password").lacks("wrong horse")
	a := b.post("/sign-in", "password", goodPassword, "next", "/api-keys").to("/api-keys")
	c := a.set[cookieName]
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Secure || len(c.Value) < 43 {
		t.Errorf("cookie %v", c)
	}
	b.get("/api-keys").page(200)
	b.get("/sign-in").to("/")
	first := b.cookies[cookieName]
	if l := f.login(); len(l.Sessions) != 1 || l.Sessions[0].Hash != sha256.Sum256([]byte(first)) {
		t.Errorf("stored %+v", l.Sessions)
	}

	b.post("/sign-in", "password", goodPassword).to("/")
	if b.cookies[cookieName] == first || len(f.login().Sessions) != 1 {
		t.Error("signing in again keeps the old session")
	}
	b.get("/tenants").page(200)
	old := b.cookies[cookieName]
	b.post("/sign-out").to("/sign-in")
	if b.cookies[cookieName] != "" || len(f.login().Sessions) != 0 {
		t.Error("a session is left")
	}
	b.cookies[cookieName] = old
	b.get("/tenants").to("/sign-in?next=%2Ftenants")
}

// Whoever can write the link to the sign-in page doesn't choose where it leads.
func TestNextIsLocal(t *testing.T) {
	for next, want := range map[string]string{
		"":                     "/",
		"/tenants?cursor=3":    "/tenants?cursor=3",
		"//evil.example":       "/",
		"/\\evil.example":      "/",
		"https://evil.example": "/",
		"tenants":              "/",
		"/a\r\nX: y":           "/",
		"/\t/evil.example":     "/",
		"javascript:alert(1)":  "/",
	} {
		if got := local(next); got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	f := newFixture(t).withPassword()
	f.signedIn().get("/sign-in?next=//evil.example").to("/")
}

func TestCookieOverTLS(t *testing.T) {
	for name, change := range map[string]func(*browser){
		"own":   func(b *browser) { b.tls = true },
		"proxy": func(b *browser) { b.header.Set("X-Forwarded-Proto", "https") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t).withPassword()
			b := f.browser()
			change(b)
			c := b.post("/sign-in", "password", goodPassword).to("/").set[secureCookieName]
			if c == nil || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteStrictMode {
				t.Fatalf("cookie %v", c)
			}
			b.get("/tenants").page(200)
			// A cookie that somebody else in the domain can set doesn't count.
			b.cookies = map[string]string{cookieName: c.Value}
			b.get("/tenants").to("/sign-in?next=%2Ftenants")
		})
	}
}

func TestSessionEnds(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		f := newFixture(t).withPassword()
		b := f.signedIn()
		f.clock.advance(webhook.SessionIdle - time.Second)
		b.get("/tenants").page(200)
		f.clock.advance(webhook.SessionIdle - time.Second)
		b.get("/tenants").page(200)
		f.clock.advance(webhook.SessionIdle)
		b.get("/tenants").to("/sign-in?next=%2Ftenants")
	})
	t.Run("old", func(t *testing.T) {
		f := newFixture(t).withPassword()
		b := f.signedIn()
		for range int(webhook.SessionLife/time.Hour) - 1 {
			f.clock.advance(time.Hour)
			b.get("/tenants").page(200)
		}
		f.clock.advance(time.Hour)
		b.get("/tenants").to("/sign-in?next=%2Ftenants")
		if len(f.login().Sessions) != 1 {
			t.Fatal("nothing to remove")
		}
		f.signedIn()
		if got := len(f.login().Sessions); got != 1 {
			t.Errorf("%d sessions: the expired one is not removed", got)
		}
	})
	t.Run("too many", func(t *testing.T) {
		f := newFixture(t).withPassword()
		first := f.signedIn()
		for range webhook.MaxSessions {
			f.signedIn()
		}
		first.get("/tenants").to("/sign-in?next=%2Ftenants")
		if got := len(f.login().Sessions); got != webhook.MaxSessions {
			t.Errorf("%d sessions", got)
		}
	})
}

func TestSignInThrottle(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.browser()
	for range maxTries - 2 { // as posting would, without the time to hash
		f.console.throttle.begin(netip.MustParseAddr("192.0.2.1"))
	}
	b.post("/sign-in", "password", "wrong horse").page(422)
	b.post("/sign-in", "password", "wrong horse").page(422)
	a := b.post("/sign-in", "password", goodPassword).page(429, "Too many wrong passwords", "15 minutes")
	if got := a.Header().Get("Retry-After"); got != "900" {
		t.Errorf("Retry-After %q", got)
	}
	other := f.browser()
	other.remote = "198.51.100.7:9"
	other.post("/sign-in", "password", goodPassword).to("/")
	other.post("/password", "old", goodPassword, "password", "another horse", "again", "another horse").to("/password")
	f.clock.advance(throttlePeriod)
	b.post("/sign-in", "password", "another horse").to("/")
}

func TestChangePassword(t *testing.T) {
	f := newFixture(t).withPassword()
	b, other := f.signedIn(), f.signedIn()
	b.get("/password").page(200, "Current password")
	b.post("/password", "old", "wrong horse", "password", "another horse", "again", "another horse").page(422, "not the right password")
	b.post("/password", "old", goodPassword, "password", "short", "again", "short").page(422, "at least 10 characters")
	b.post("/password", "old", goodPassword, "password", "another horse", "again", "another hose").page(422, "not the same")
	other.get("/tenants").page(200)
	before := b.cookies[cookieName]
	b.post("/password", "old", goodPassword, "password", "another horse", "again", "another horse").to("/password")
	if b.cookies[cookieName] == before {
		t.Error("the session was not renewed")
	}
	b.get("/password").page(200, "The password is changed")
	b.get("/password").lacks("The password is changed")
	other.get("/tenants").to("/sign-in?next=%2Ftenants")
	other.post("/sign-in", "password", goodPassword).page(422)
	other.post("/sign-in", "password", "another horse").to("/")
}

func TestLocalPassword(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	h := web.New(web.Options{}, f.console.Local())
	for body, status := range map[string]int{
		`{}`:                            422,
		`{"password":"short"}`:          422,
		`{"password":7}`:                422,
		`{"password":"another horse"}`:  200,
		`{"password":"x","more":"yes"}`: 422,
	} {
		if got := send(h, "POST", LocalPasswordPath, body); got != status {
			t.Errorf("%s: %d, want %d", body, got, status)
		}
	}
	b.get("/tenants").to("/sign-in?next=%2Ftenants")
	b.post("/sign-in", "password", "another horse").to("/")
	// Nobody reaches it from outside.
	if a := b.post(LocalPasswordPath); a.Code != 404 {
		t.Errorf("%d", a.Code)
	}
}

func TestStoredPassword(t *testing.T) {
	for phc, ok := range map[string]bool{
		goodHash:                              true,
		nobodys:                               true,
		"":                                    false,
		"x":                                   false,
		"$argon2id$v=19$m=19456,t=2,p=1$AAAA": false,
		strings.Replace(goodHash, "v=19", "v=16", 1):                                              false,
		strings.Replace(goodHash, "argon2id", "argon2i", 1):                                       false,
		strings.Replace(goodHash, "m=19456", "m=4294967295", 1):                                   false,
		strings.Replace(goodHash, "t=2", "t=0", 1):                                                false,
		strings.Replace(goodHash, "p=1", "p=0", 1):                                                false,
		goodHash[:strings.LastIndex(goodHash, "$")] + "$AAAA":                                     false,
		goodHash[:strings.LastIndex(goodHash, "$")] + "$!":                                        false,
		strings.Join(strings.Split(goodHash, "$")[:4], "$") + "$!$" + goodHash[len(goodHash)-43:]: false,
	} {
		if _, err := matches(phc, goodPassword); (err == nil) != ok {
			t.Errorf("%s: %v", phc, err)
		}
	}
	if a, b := HashPassword("x"), HashPassword("x"); a == b {
		t.Error("two hashes of one password are the same")
	}
	for password, ok := range map[string]bool{
		"123456789": false, "1234567890": true, "كلمةالمرور": true, strings.Repeat("x", MaxPassword): true, strings.Repeat("x", MaxPassword+1): false,
	} {
		if got := len(CheckPassword(password)) == 0; got != ok {
			t.Errorf("%.20s: %t", password, got)
		}
	}
}

func TestThrottle(t *testing.T) {
	c := &clock{}
	c.ns.Store(begun.UnixNano())
	th := newThrottle(c.now)
	known := addrOf(1)
	if th.begin(known) != 0 {
		t.Fatal("the first try waits")
	}
	th.succeeded(known)
	for i := range maxTriesOfAll {
		if wait := th.begin(addrOf(100 + i/(maxTries/2))); wait != 0 {
			t.Fatalf("try %d waits %s", i, wait)
		}
	}
	if wait := th.begin(addrOf(99)); wait != throttlePeriod {
		t.Errorf("a stranger waits %s", wait)
	}
	if wait := th.begin(known); wait != 0 {
		t.Errorf("who signed in before waits %s", wait)
	}
	c.advance(throttlePeriod)
	if wait := th.begin(addrOf(99)); wait != 0 {
		t.Errorf("after the period it waits %s", wait)
	}
	c.advance(-2 * throttlePeriod)
	if wait := th.begin(addrOf(100)); wait != 0 {
		t.Errorf("after the clock was set back it waits %s", wait)
	}
	for i := range 2 * maxThrottled {
		th.begin(addrOf(i))
	}
	if th.addrs.Len() > maxThrottled {
		t.Errorf("%d addresses", th.addrs.Len())
	}
}
