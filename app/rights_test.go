package app_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"cubeconnect/config"
	"cubeconnect/web"
)

// sorts are what can be expected of a route of the admin listener by everybody at the door.
type sort int

const (
	unsorted  sort = iota
	open           // to everybody
	keyed          // to every key, which sees its own tenant only
	ofTenant       // to administrators and the tenant of the path
	adminOnly      // to administrators
	profile        // to administrators' keys, and no session
	page           // to a session in the console
	door           // the console's pages for who is not signed in
)

// sortOf sorts a route. One that is in none of the lists below belongs to the strictest of its neighbours.
func sortOf(r web.Route) sort {
	name := r.Method + " " + r.Pattern
	switch {
	case name == "GET /api/openapi.json", name == "GET /api/health":
		return open
	case name == "GET /api/v1/tenants", name == "GET /api/v1/audit", name == "GET /api/v1/audit/{id}", name == "GET /api/v1/messages/{wamid...}",
		name == "GET /api/v1/templates", name == "GET /api/v1/monitor":
		return keyed
	case strings.HasPrefix(r.Pattern, "/api/v1/tenants/{tenant}"):
		return ofTenant
	case strings.HasPrefix(r.Pattern, "/api/"), r.Pattern == "/metrics":
		return adminOnly
	case strings.HasPrefix(r.Pattern, "/debug/"):
		return profile
	case r.Pattern == "/setup", r.Pattern == "/sign-in", r.Pattern == "/static/{file}", r.Pattern == "/preferences":
		return door
	}
	return page
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// target fills in a path. Whatever has an integer id is the first; other ids are ones that nothing has.
func target(pattern string) string {
	return pathParameter.ReplaceAllStringFunc(pattern, func(name string) string {
		switch name {
		case "{tenant}", "{account}", "{endpoint}", "{key}":
			return "1"
		case "{name...}":
			return "heap"
		}
		return "01JZZZZZZZZZZZZZZZZZZZZZZZ"
	})
}

// Everybody who has no business at the admin listener tries every route that it has. The routes come from
// the table that the listener is built from.
func TestRights(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *config.Config) { c.Admin.MetricsAuth = true })
	victim := a.tenant("Victim", "UTC")
	victim.account(waba1, phone1)
	victim.endpoint("http://127.0.0.1:9/", nil)
	own := victim.key()
	foreign := a.tenant("Thief", "UTC").key()
	session := a.signIn()
	before := a.everything(victim)

	type want struct {
		status int
		code   string // of the JSON; or where a redirect goes to
	}
	for _, who := range []struct {
		name    string
		headers []string
		of      func(web.Route, sort) want // status 0: not asked for
	}{
		{"nobody", nil, func(r web.Route, s sort) want {
			switch s {
			case open, door:
				return want{}
			case page:
				return want{303, "/sign-in"}
			}
			return want{401, "AUTHENTICATION_REQUIRED"}
		}},
		{"a wrong key", []string{"Authorization", "Bearer cck_wrong"}, func(r web.Route, s sort) want {
			switch s {
			case open, door:
				return want{}
			case page:
				return want{303, "/sign-in"}
			}
			return want{401, "INVALID_API_KEY"}
		}},
		{"another tenant's key", []string{"Authorization", "Bearer " + foreign}, func(r web.Route, s sort) want {
			switch s {
			case ofTenant:
				return want{404, "NOT_FOUND"}
			case adminOnly, profile:
				return want{403, "FORBIDDEN"}
			case page:
				return want{303, "/sign-in"}
			case keyed:
				if strings.Contains(r.Pattern, "{") {
					return want{404, "NOT_FOUND"}
				}
				return want{200, ""}
			}
			return want{}
		}},
		{"the tenant's own key", []string{"X-API-KEY", own}, func(r web.Route, s sort) want {
			switch {
			case s == adminOnly, s == profile, r.Method == "DELETE" && r.Pattern == "/api/v1/tenants/{tenant}":
				return want{403, "FORBIDDEN"}
			case s == page:
				return want{303, "/sign-in"}
			}
			return want{}
		}},
		{"a session, from another origin", []string{"Cookie", session, "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site"}, func(r web.Route, s sort) want {
			switch {
			case s == profile:
				return want{403, "FORBIDDEN"}
			case s == open, r.Method == "GET" && (s == page || s == door):
				return want{} // who follows a link reads a page; its form doesn't work
			}
			return want{403, "FORBIDDEN"}
		}},
		{"a session, from a sister site", []string{"Cookie", session, "Sec-Fetch-Site", "same-site"}, func(r web.Route, s sort) want {
			if s == open || r.Method == "GET" && (s == page || s == door) {
				return want{}
			}
			return want{403, "FORBIDDEN"}
		}},
		{"a session of an old browser, from another origin", []string{"Cookie", session, "Origin", "https://elsewhere.example"}, func(r web.Route, s sort) want {
			if r.Method == "GET" {
				return want{}
			}
			return want{403, "FORBIDDEN"}
		}},
		{"a session alone", []string{"Cookie", session, "Sec-Fetch-Site", "same-origin"}, func(r web.Route, s sort) want {
			if s == profile {
				return want{401, "AUTHENTICATION_REQUIRED"}
			}
			return want{}
		}},
	} {
		t.Run(who.name, func(t *testing.T) {
			a := a.within(t)
			for _, route := range a.program.AdminTable() {
				s := sortOf(route)
				w := who.of(route, s)
				if w.status == 0 {
					continue
				}
				r := a.request(route.Method, a.admin+target(route.Pattern), nil, who.headers...)
				failure, _ := r.body["error"].(object)
				code, _ := failure["code"].(string)
				if w.status == http.StatusSeeOther {
					code, _, _ = strings.Cut(r.header.Get("Location"), "?")
				}
				if r.status != w.status || code != w.code {
					t.Errorf("%s %s: %d %s, want %d %s\n%s", route.Method, route.Pattern, r.status, code, w.status, w.code, r.raw)
				}
			}
		})
	}
	if r := a.request("POST", a.admin+"/local/password", object{"password": "correct horse"}, "Authorization", "Bearer "+adminKey); r.status != 404 {
		t.Errorf("what is for the local socket: %d", r.status)
	}
	if after := a.everything(victim); after != before {
		t.Errorf("something changed\n%s\n%s", before, after)
	}
}

// within is the appliance for a subtest.
func (a *appliance) within(t *testing.T) *appliance {
	b := *a
	b.t = t
	return &b
}

// signIn sets the console's password with the set-up link, and returns the session's cookie.
func (a *appliance) signIn() string {
	a.t.Helper()
	link, err := a.program.SetUpURL(a.t.Context())
	if err != nil || link == "" {
		a.t.Fatalf("no set-up link: %v", err)
	}
	r := a.request("POST", link, "password=correct+horse&again=correct+horse", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	cookie, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	if r.status != 303 || cookie == "" {
		a.t.Fatalf("set up: %d %s", r.status, r.raw)
	}
	return cookie
}

// What every answer says to a browser, whatever it answers.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	a := start(t)
	session := a.signIn()
	for _, route := range a.program.AdminTable() {
		for _, cookie := range []string{"", session} {
			if cookie != "" && route.Method != "GET" || route.Pattern == "/events" {
				continue // a stream that doesn't end; its headers are tested where it is
			}
			r := a.request(route.Method, a.admin+target(route.Pattern), nil, "Cookie", cookie)
			a.headers(r, map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			})
			if csp := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; ") {
				t.Errorf("%s: policy %q", r.what, csp)
			}
			for _, cors := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
				if got := r.header.Get(cors); got != "" {
					t.Errorf("%s: %s %q", r.what, cors, got)
				}
			}
		}
	}
	for _, url := range []string{
		a.public + "/", a.public + "/api/health", a.public + webhookPath, a.public + webhookPath + "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=" + verifyToken,
	} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			a.headers(a.request(method, url, nil), map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
			})
		}
	}
}

func (a *appliance) headers(r answer, want map[string]string) {
	a.t.Helper()
	for name, value := range want {
		if got := r.header.Get(name); got != value {
			a.t.Errorf("%s: %s %q, want %q", r.what, name, got, value)
		}
	}
}

// Profiles tell much and cost much: an administrator's key opens them, and nothing else does.
func TestProfiles(t *testing.T) {
	t.Parallel()
	a := start(t)
	get := func(path string, header ...string) answer {
		return a.request("GET", a.admin+"/debug/pprof/"+path, nil, header...)
	}
	admin := []string{"Authorization", "Bearer " + adminKey}
	for path, words := range map[string]string{
		"": "goroutine", "heap?debug=1": "heap profile", "goroutine?debug=2": "goroutine ", "cmdline": "", "symbol": "num_symbols",
		"profile?seconds=1": "", "trace?seconds=1": "go 1.",
	} {
		if r := get(path, admin...); r.status != 200 || !strings.Contains(string(r.raw), words) {
			t.Errorf("%s: %d %.200q", path, r.status, r.raw)
		}
	}
	get("profile?seconds=301", admin...).invalid("seconds")
	get("trace?seconds=0", admin...).invalid("seconds")
	if r := get("nothing", admin...); r.status != 404 {
		t.Errorf("an unknown profile: %d", r.status)
	}
	if r := a.request("GET", a.public+"/debug/pprof/", nil, admin...); r.status != 404 {
		t.Errorf("on the public listener: %d", r.status)
	}
}
