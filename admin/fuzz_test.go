package admin

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cubeconnect/web"
)

// FuzzRequest sends anything to every route: the answer has a form and is never the API's own fault.
func FuzzRequest(f *testing.F) {
	x := newFixture(f)
	for _, setup := range [][2]string{
		{"/api/v1/tenants", `{"name":"a"}`}, {"/api/v1/tenants/1/endpoints", `{"url":"https://example.com"}`}, {"/api/v1/tenants/1/events", started},
	} {
		if w := x.request(f, "POST", setup[0], bootstrapKey, strings.NewReader(setup[1])); w.Code >= 300 {
			f.Fatal(w.Body)
		}
	}
	routes := x.api.Routes(x.api.Keys)
	for i, r := range routes {
		f.Add(uint8(i), "1", "limit=1&since=2026-03-10&status=failed", bodyFor(r.Method, r.Pattern))
	}
	f.Add(uint8(2), "01KKBR5PKRBKSCTNXPRC000001", "%zz", `{"retries":[1e300,"9d"],"headers":{"X":"\u0000"},"timeout":-1}`)
	f.Fuzz(func(t *testing.T, route uint8, id, query, body string) {
		r := routes[int(route)%len(routes)]
		if r.Method == "DELETE" || r.Pattern == "/api/openapi.json" {
			return // tenant 1 shall stay; the document is no answer
		}
		target := documented.ReplaceAllString(r.Pattern, url.PathEscape(id))
		if id == "" {
			target = documented.ReplaceAllString(r.Pattern, "1")
		}
		target = strings.Replace(target, "/tenants/"+url.PathEscape(id), "/tenants/1", 1)
		if query != "" && !strings.ContainsFunc(query, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) {
			target += "?" + query
		}
		w := x.request(t, r.Method, target, bootstrapKey, strings.NewReader(body))
		if r.Pattern == "/api/v1/backup" && w.Code == 200 {
			return // a database is no answer either
		}
		var envelope struct{ Success *bool }
		if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || envelope.Success == nil || *envelope.Success != (w.Code < 300) {
			t.Errorf("%s %s: %d %s: %v", r.Method, target, w.Code, w.Body, err)
		}
		if !slices.Contains([]int{200, 201, 202, 404, 405, 409, 413, 422}, w.Code) {
			t.Errorf("%s %s %s: %d %s", r.Method, target, body, w.Code, w.Body)
		}
	})
}

// FuzzKey sends anything as a key: nobody gets in but who has one.
func FuzzKey(f *testing.F) {
	x := newFixture(f)
	w := x.request(f, "POST", "/api/v1/api-keys", bootstrapKey, strings.NewReader(`{"name":"a"}`))
	made := regexp.MustCompile(`cck_[A-Za-z0-9_-]{43}`).FindString(w.Body.String())
	if made == "" {
		f.Fatal(w.Body)
	}
	for _, key := range []string{bootstrapKey, made, made[:len(made)-1], made + "=", strings.ToUpper(made), "cck_", "", " ", "\x00", "Basic", strings.Repeat("k", 1<<16)} {
		f.Add("Bearer "+key, "")
		f.Add("", key)
		f.Add("bearer\t"+key, key)
	}
	f.Fuzz(func(t *testing.T, authorization, header string) {
		r := httptest.NewRequest("GET", "/api/v1/api-keys", nil)
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-API-KEY", header)
		x.clock.advance(throttlePeriod) // of guesses there are many here
		who, err := x.api.Keys(r)
		used := requestKey(r)
		if known := used == bootstrapKey || used == made; known != (err == nil) {
			t.Errorf("%q, %q: %+v, %v", authorization, header, who, err)
		}
		if failure := (web.Failure{}); err != nil && (!errors.As(err, &failure) || failure.Status != 401) {
			t.Errorf("%q, %q: %v", authorization, header, err)
		}
	})
}
