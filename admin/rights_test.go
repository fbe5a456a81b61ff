package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// victim is a tenant with one of everything, whose name stands wherever a name fits.
type victim struct {
	path, key string
	ids       map[string]string // by the name of the path's parameter
	audit     string
	apiKey    string
}

const victimName = "Victim"

func newVictim(t *testing.T, f *fixture) victim {
	t.Helper()
	path, key, id := f.tenant(t, victimName)
	f.must(t, 201, "POST", path+"/accounts", `{"name":"Victim's number","waba_id":"77001","phone_number_id":"77002"}`)
	f.must(t, 201, "POST", path+"/endpoints", `{"url":"https://victim.example/in","description":"Victim's endpoint"}`)
	event := parseID(t, f.must(t, 202, "POST", path+"/events", `{"event":"campaign.started","data":{"campaign_id":1,"name":"Victim's campaign","status":"s","total_count":2}}`).str("event_id"))
	delivery := event.WithOwner(1)
	f.finish(t, id, delivery, failed(), time.Time{})
	f.inbound(t, "wamid.victim", id)
	in := webhook.Inbound{ReceivedAt: begin, Tenants: []uint32{id}, Items: []webhook.Item{{TenantID: id, AccountID: 1, Template: &webhook.TemplateItem{
		WABAID: "77001", TemplateID: "1", Name: "victim_template", Language: "ar", Status: "APPROVED", At: begin,
	}}}}
	if _, err := f.store.Accept(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
	return victim{
		path: path, key: key,
		ids:    map[string]string{"tenant": fmt.Sprint(id), "account": "1", "endpoint": "1", "event": event.String(), "delivery": delivery.String(), "wamid": "wamid.victim", "phone": "966500000001"},
		audit:  f.must(t, 200, "GET", "/api/v1/audit?limit=1", "").str("items", 0, "id"),
		apiKey: "1",
	}
}

// target fills a route's pattern with the victim's ids.
func (v victim) target(pattern string) string {
	ids := v.audit
	if strings.Contains(pattern, "api-keys") {
		ids = v.apiKey
	}
	return documented.ReplaceAllStringFunc(pattern, func(part string) string {
		name := strings.TrimRight(strings.Trim(part, "{}"), ".")
		if name == "id" {
			return ids
		}
		return v.ids[name]
	})
}

// state is all that an administrator sees of the installation.
func state(t *testing.T, f *fixture) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/api/v1/tenants", "/api/v1/tenants/1", "/api/v1/tenants/1/accounts", "/api/v1/tenants/1/endpoints", "/api/v1/tenants/1/events", "/api/v1/tenants/1/deliveries",
		"/api/v1/tenants/2/accounts", "/api/v1/tenants/2/endpoints", "/api/v1/tenants/2/events", "/api/v1/tenants/2/deliveries", "/api/v1/audit", "/api/v1/templates", "/api/v1/api-keys",
	} {
		all.WriteString(f.must(t, 200, "GET", path, "").text)
	}
	return all.String()
}

// bodyFor returns a good request for a route that wants a body.
func bodyFor(method, pattern string) string {
	switch {
	case method == "GET" || method == "DELETE":
		return ""
	case strings.HasSuffix(pattern, "/accounts"):
		return `{"name":"stolen","waba_id":"77001","phone_number_id":"1"}`
	case strings.HasSuffix(pattern, "/endpoints"), strings.HasSuffix(pattern, "/{endpoint}"):
		return `{"url":"https://thief.example"}`
	case strings.HasSuffix(pattern, "/events"):
		return started
	case strings.HasSuffix(pattern, "/replays"):
		return `{"status":"failed"}`
	case strings.HasSuffix(pattern, "/secret"), strings.HasSuffix(pattern, "/test"), strings.HasSuffix(pattern, "/retry"):
		return `{}`
	}
	return `{"name":"stolen"}`
}

// TestForeignKey tries a tenant's key on everything that another tenant has.
func TestForeignKey(t *testing.T) {
	f := newFixture(t)
	v := newVictim(t, f)
	_, thief, thiefID := f.tenant(t, "Thief")
	before := state(t, f)
	woken := len(f.wakes())
	for _, route := range f.api.Routes(f.api.Keys) {
		if route.Pattern == "/api/openapi.json" {
			continue
		}
		body := bodyFor(route.Method, route.Pattern)
		a := f.as(t, thief, route.Method, v.target(route.Pattern), body)
		want := map[string]int{
			"GET /api/v1/tenants": 200, "POST /api/v1/tenants": 403, "GET /api/v1/audit": 200, "GET /api/v1/templates": 200, "GET /api/v1/monitor": 200,
			"GET /api/v1/api-keys": 403, "POST /api/v1/api-keys": 403, "DELETE /api/v1/api-keys/{id}": 403,
			"POST /api/v1/audit/reprocess": 403, "GET /api/v1/backup": 403, "GET /api/v1/trail": 403,
		}[route.Method+" "+route.Pattern]
		if want == 0 {
			want = 404
		}
		if a.status != want {
			t.Errorf("%s %s: %d %s, want %d", route.Method, route.Pattern, a.status, a.text, want)
		}
		if strings.Contains(strings.ToLower(a.text), "victim") {
			t.Errorf("%s %s tells of the victim: %s", route.Method, route.Pattern, a.text)
		}
		// The same by way of the thief's own tenant, where the path has one.
		if strings.Contains(route.Pattern, "{tenant}/") && strings.Count(route.Pattern, "{") > 1 && !strings.Contains(route.Pattern, "{phone}") { // anybody can have this customer
			own := strings.Replace(v.target(route.Pattern), v.path, fmt.Sprintf("/api/v1/tenants/%d", thiefID), 1)
			if a := f.as(t, thief, route.Method, own, body); a.status != 404 {
				t.Errorf("%s %s: %d %s, want 404", route.Method, own, a.status, a.text)
			}
		}
	}
	for _, path := range []string{"/api/v1/audit", "/api/v1/templates", "/api/v1/monitor"} {
		if a := f.as(t, thief, "GET", path+"?tenant="+v.ids["tenant"], ""); a.status != 404 {
			t.Errorf("%s of the victim: %d %s", path, a.status, a.text)
		}
	}
	if len(f.sender.claims) > 0 || len(f.wakes()) != woken {
		t.Error("something was sent or woken")
	}
	if after := state(t, f); after != before {
		t.Errorf("something changed\n%s\n%s", before, after)
	}
	// A foreign tenant and one that does not exist look the same.
	foreign, missing := f.as(t, thief, "GET", v.path, ""), f.as(t, thief, "GET", "/api/v1/tenants/4711", "")
	if foreign.text != missing.text {
		t.Errorf("%s is not %s", foreign.text, missing.text)
	}
}

// TestOwnKey shows that a tenant's key can do everything with its own tenant but delete it.
func TestOwnKey(t *testing.T) {
	f := newFixture(t)
	v := newVictim(t, f)
	f.sender.outcome = delivered()
	if a := f.as(t, v.key, "GET", "/api/v1/tenants?limit=1", ""); a.len("items") != 1 || a.str("items", 0, "name") != victimName || a.get("next_cursor") != nil {
		t.Errorf("list %s", a.text)
	}
	if a := f.as(t, v.key, "DELETE", v.path, ""); a.status != 403 {
		t.Errorf("delete %d %s", a.status, a.text)
	}
	// Deletions last, or nothing is left for the rest.
	for _, deletion := range []bool{false, true} {
		for _, route := range f.api.Routes(f.api.Keys) {
			if (route.Method == "DELETE") != deletion || route.Pattern == tenantPath && deletion || strings.Contains(route.Pattern, "api-keys") || route.Method+route.Pattern == "POST/api/v1/tenants" || strings.HasSuffix(route.Pattern, "/reprocess") || strings.HasSuffix(route.Pattern, "/backup") || strings.HasSuffix(route.Pattern, "/trail") || strings.Contains(route.Pattern, "openapi") {
				continue
			}
			if a := f.as(t, v.key, route.Method, v.target(route.Pattern), bodyFor(route.Method, route.Pattern)); a.status >= 300 {
				t.Errorf("%s %s: %d %s", route.Method, route.Pattern, a.status, a.text)
			}
		}
	}
}
