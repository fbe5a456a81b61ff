package admin

import (
	"fmt"
	"strings"
	"testing"
)

func TestTenants(t *testing.T) {
	f := newFixture(t)
	empty := f.must(t, 200, "GET", "/api/v1/tenants", "")
	if !strings.Contains(empty.text, `"items":[],"next_cursor":null`) {
		t.Errorf("empty list %s", empty.text)
	}
	a := f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"  شركة <b> ","timezone":"Asia/Riyadh"}`)
	a.equal(t, 1, "id")
	a.equal(t, "شركة <b>", "name")
	a.equal(t, "2026-03-10T11:30:00.000Z", "created_at")
	if strings.Contains(a.text, `\u003c`) {
		t.Errorf("escaped for HTML: %s", a.text)
	}
	f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"Second"}`).equal(t, "UTC", "timezone")

	f.must(t, 200, "GET", "/api/v1/tenants/1", "").equal(t, "Asia/Riyadh", "timezone")
	b := f.must(t, 200, "PATCH", "/api/v1/tenants/1", `{"name":"Akme"}`)
	b.equal(t, "Akme", "name")
	b.equal(t, "Asia/Riyadh", "timezone")
	f.must(t, 200, "PATCH", "/api/v1/tenants/1", `{}`).equal(t, "Akme", "name")

	f.must(t, 200, "DELETE", "/api/v1/tenants/1", "").equal(t, 1, "id")
	f.must(t, 404, "GET", "/api/v1/tenants/1", "")
	f.must(t, 404, "DELETE", "/api/v1/tenants/1", "")
	f.must(t, 404, "PATCH", "/api/v1/tenants/1", `{}`)
}

func TestTenantsRefused(t *testing.T) {
	f := newFixture(t)
	f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"a"}`)
	for body, fields := range map[string][]string{
		``:                                   {"body"},
		`[]`:                                 {"body"},
		`{}`:                                 {"name"},
		`{"name":""}`:                        {"name"},
		`{"name":null}`:                      {"name"},
		`{"name":7}`:                         {"name"},
		`{"name":"a","timezone":""}`:         {"timezone"},
		`{"name":"a","timezone":"Local"}`:    {"timezone"},
		`{"name":"a","timezone":null}`:       {"timezone"},
		`{"name":"a","id":5}`:                {"id"},
		`{"name":"a","nmae":"b"}`:            {"nmae"},
		`{"timezone":"Mars","created_at":1}`: {"created_at", "name", "timezone"},
	} {
		f.invalid(t, "POST", "/api/v1/tenants", body, fields...)
	}
	for body, fields := range map[string][]string{
		``:                    {"body"},
		`{"name":" "}`:        {"name"},
		`{"timezone":"Mars"}`: {"timezone"},
		`{"id":1}`:            {"id"},
	} {
		f.invalid(t, "PATCH", "/api/v1/tenants/1", body, fields...)
	}
	if a := f.do(t, "POST", "/api/v1/tenants", `{"name":"`+strings.Repeat("x", 2<<20)+`"}`); a.status != 413 {
		t.Errorf("2 MiB: %d", a.status)
	}
	if f.must(t, 200, "GET", "/api/v1/tenants", "").len("items") != 1 {
		t.Error("a refused request left something")
	}
}

func TestMalformedIDs(t *testing.T) {
	f := newFixture(t)
	f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"a"}`)
	for _, id := range []string{"0", "01", "+1", "-1", "1x", "4294967296", "99999999999999999999", "%31%00", "x", "%20"} {
		if a := f.do(t, "GET", "/api/v1/tenants/"+id, ""); a.status != 404 || a.code != "NOT_FOUND" {
			t.Errorf("%s: %d %s", id, a.status, a.text)
		}
	}
	for _, path := range []string{
		"/accounts/x", "/endpoints/0", "/events/1", "/events/8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "/deliveries/01ARZ3NDEKTSV4RRFFQ69G5FA", "/deliveries/01ARZ3NDEKTSV4RRFFQ69G5FAV",
	} {
		f.must(t, 404, "GET", "/api/v1/tenants/1"+path, "")
	}
	f.must(t, 404, "GET", "/api/v1/audit/01ARZ3NDEKTSV4RRFFQ69G5FAV", "")
	f.must(t, 404, "GET", "/api/v1/audit/x", "")
	f.must(t, 404, "DELETE", "/api/v1/api-keys/9", "")
}

func TestPages(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		f.must(t, 201, "POST", "/api/v1/tenants", fmt.Sprintf(`{"name":"t%d"}`, i+1))
	}
	var got []any
	cursor := ""
	for range 3 {
		a := f.must(t, 200, "GET", "/api/v1/tenants?limit=2&cursor="+cursor, "")
		for i := range a.len("items") {
			got = append(got, a.get("items", i, "id"))
		}
		if cursor = a.str("next_cursor"); cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != "[5 4 3 2 1]" || cursor != "" {
		t.Errorf("pages %v, then %q", got, cursor)
	}
	for query, fields := range map[string][]string{
		"limit=0": {"limit"}, "limit=201": {"limit"}, "limit=x": {"limit"}, "cursor=%00": {"cursor"}, "cursor=..%2F": {"cursor"}, "page=2": {"page"}, "limit=1&limit=2": {"limit"},
	} {
		f.invalid(t, "GET", "/api/v1/tenants?"+query, "", fields...)
	}
}

// TestEmptyLists also shows that every list knows limit and cursor and refuses what is misspelt.
func TestEmptyLists(t *testing.T) {
	f := newFixture(t)
	f.must(t, 201, "POST", "/api/v1/tenants", `{"name":"a"}`)
	for _, path := range []string{
		"/api/v1/tenants/1/accounts", "/api/v1/tenants/1/endpoints", "/api/v1/tenants/1/events", "/api/v1/tenants/1/deliveries", "/api/v1/audit", "/api/v1/templates", "/api/v1/api-keys",
	} {
		if a := f.must(t, 200, "GET", path+"?limit=200&cursor=", ""); !strings.Contains(a.text, `"items":[],"next_cursor":null`) {
			t.Errorf("%s: %s", path, a.text)
		}
		f.invalid(t, "GET", path+"?limit=201", "", "limit")
		if path != "/api/v1/templates" { // its cursors are of no fixed form
			f.invalid(t, "GET", path+"?cursor=no-cursor", "", "cursor")
		}
		f.invalid(t, "GET", path+"?lmiit=1", "", "lmiit")
	}
	for _, path := range []string{"/accounts", "/endpoints", "/events", "/deliveries"} {
		f.must(t, 404, "GET", "/api/v1/tenants/2"+path, "")
	}
}
