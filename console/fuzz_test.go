package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// FuzzPage sends anything to every page, from a browser that is signed in and from one that isn't: the answer
// is a page, and never the console's own fault; nothing of the input runs in the browser; who isn't signed
// in sees nothing.
func FuzzPage(f *testing.F) {
	x := newFixture(f).withPassword()
	x.tenant("Oasis")
	session := x.signedIn().cookies[cookieName]
	routes := x.console.Routes()
	for i := range routes {
		f.Add(uint8(i), "1", "cursor=&status=failed&since=2026-03-10&until=now&limit=1", "name=a&url=https%3A%2F%2Fa.example.com&events=*&timezone=UTC&retries=1s&headers=A:+b", cookieName+"="+session)
		f.Add(uint8(i), "01KKBR5PKRBKSCTNXPRC000001", "q=<script>&next=//evil.example&endpoint=99", "password=x&again=y&token=z", cookieName+"=x; "+cookieName+"="+session+"; theme=dark; lang=ar")
	}
	f.Add(uint8(3), "../..", "%zz", "%", "=;,;\x00")
	f.Fuzz(func(t *testing.T, route uint8, id, query, form, cookie string) {
		r := routes[int(route)%len(routes)]
		if r.Pattern == livePath || strings.Contains(r.Pattern, "delete") && r.Method == http.MethodPost || r.Method == http.MethodPost && (r.Pattern == "/sign-in" || r.Pattern == "/password" || r.Pattern == "/sign-out") {
			return // a stream doesn't end; what is there shall stay; hashing takes too long
		}
		target := strings.Replace(r.Pattern, "{tenant}", "1", 1)
		target = pathParameter.ReplaceAllLiteralString(target, url.PathEscape(id))
		req := httptest.NewRequest(r.Method, "/", strings.NewReader(form))
		req.URL.RawQuery = query
		var err error
		if req.URL.Path, err = url.PathUnescape(target); err != nil {
			return
		}
		req.URL.RawPath = target
		req.Header = http.Header{"Accept": {"text/html"}, "Cookie": {cookie}, "Sec-Fetch-Site": {"same-origin"}, "Content-Type": {"application/x-www-form-urlencoded"}}
		w := httptest.NewRecorder()
		x.h.ServeHTTP(w, req)
		switch w.Code {
		case 200, 303, 400, 403, 404, 405, 409, 413, 422, 429:
		default:
			t.Fatalf("%s %s?%s %q: %d %s", r.Method, target, query, form, w.Code, w.Body)
		}
		if to := w.Header().Get("Location"); w.Code == 303 && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
			t.Errorf("%s %s leads to %q", r.Method, target, to)
		}
		if strings.Contains(strings.ToLower(w.Body.String()), "<script>") && strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s %s?%s: a script", r.Method, target, query)
		}
		if !strings.Contains(cookie, session) && strings.Contains(w.Body.String(), "Oasis") && !strings.Contains(query+form, "Oasis") {
			t.Errorf("%s %s: a stranger sees the tenant", r.Method, target)
		}
	})
}
