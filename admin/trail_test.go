package admin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// trail returns the newest lines of the trail, the newest first.
func (f *fixture) trail(t *testing.T, limit int) []webhook.TrailEntry {
	t.Helper()
	list, err := f.store.Trail(t.Context(), webhook.TrailFilter{}, webhook.Page{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// unnoted are the routes that change something and leave no line: an event is its own record, and there are
// as many as the platform publishes.
var unnoted = []string{"POST /api/v1/tenants/{tenant}/events"}

// Everything that changes something leaves one line, which says who, what and where, and no secret.
func TestTrail(t *testing.T) {
	f := newFixtureWith(t, understood)
	f.sender.outcome = delivered()
	const one = "/api/v1/tenants/1"
	secrets := []string{bootstrapKey, "EAAG-token-1", "EAAG-token-2", "path-secret", "query-secret", "user-secret", "header-secret", "own-secret", "+966-secret", "the description", "966500000001"}
	f.inbound(t, "")
	audit := f.must(t, 200, "GET", "/api/v1/audit", "").str("items", 0, "id")
	var delivery webhook.ID

	steps := []struct {
		pattern, path, body string
		want                webhook.TrailEntry
		before              func()
	}{
		{"POST /api/v1/tenants", "", `{"name":"Akme","timezone":"UTC"}`, webhook.TrailEntry{Action: webhook.TenantCreated, TenantID: 1, ObjectID: "1", Name: "Akme"}, nil},
		{"PATCH " + tenantPath, one, `{"name":"Acme"}`, webhook.TrailEntry{Action: webhook.TenantUpdated, TenantID: 1, ObjectID: "1", Name: "Acme", Details: []string{"name"}}, nil},
		{
			"POST " + tenantPath + "/accounts", one + "/accounts", `{"name":"Sales","waba_id":"1","phone_number_id":"2","display_phone_number":"+966-secret","access_token":"EAAG-token-1"}`,
			webhook.TrailEntry{Action: webhook.AccountCreated, TenantID: 1, ObjectID: "1", Name: "Sales"}, nil,
		},
		{
			"PATCH " + accountPath, one + "/accounts/1", `{"waba_id":"3","phone_number_id":"4","access_token":"EAAG-token-2"}`,
			webhook.TrailEntry{Action: webhook.AccountUpdated, TenantID: 1, ObjectID: "1", Name: "Sales", Details: []string{"waba_id", "phone_number_id", "access_token"}}, nil,
		},
		{
			"POST " + tenantPath + "/endpoints", one + "/endpoints", `{"url":"https://example.com/path-secret?k=query-secret","headers":{"X-Token":"header-secret"}}`,
			webhook.TrailEntry{Action: webhook.EndpointCreated, TenantID: 1, ObjectID: "1", Name: "example.com"}, nil,
		},
		{
			"PATCH " + endpointPath, one + "/endpoints/1",
			`{"url":"https://two.example.com/path-secret","events":["message.received"],"enabled":false,"description":"the description","include_raw":true,"retries":["1s"],"timeout":"3s","headers":{}}`,
			webhook.TrailEntry{
				Action: webhook.EndpointUpdated, TenantID: 1, ObjectID: "1", Name: "two.example.com",
				Details: []string{"url", "events", "enabled", "description", "include_raw", "retries", "timeout", "headers"},
			}, nil,
		},
		{"POST " + endpointPath + "/secret", one + "/endpoints/1/secret", `{"secret":"own-secret"}`, webhook.TrailEntry{Action: webhook.SecretChanged, TenantID: 1, ObjectID: "1", Name: "two.example.com"}, nil},
		{"POST " + endpointPath + "/test", one + "/endpoints/1/test", "", webhook.TrailEntry{Action: webhook.EndpointTested, TenantID: 1, ObjectID: "1", Name: "two.example.com"}, nil},
		{
			"POST " + tenantPath + "/deliveries/{delivery}/retry", "", "", webhook.TrailEntry{Action: webhook.DeliveryRetried, TenantID: 1}, func() {
				f.must(t, 200, "PATCH", one+"/endpoints/1", `{"enabled":true,"events":["*"]}`)
				delivery = f.publishOne(t, one).WithOwner(1)
				f.finish(t, 1, delivery, failed(), time.Time{})
			},
		},
		{
			"POST " + tenantPath + "/replays", one + "/replays", `{"status":"failed","event":"campaign.started","endpoint":1,"since":"2026-03-10","until":"2026-03-11T00:00:00+03:00"}`,
			webhook.TrailEntry{Action: webhook.Replayed, TenantID: 1, Details: []string{"status=failed", "event=campaign.started", "endpoint=1", "since=2026-03-10T00:00:00Z", "until=2026-03-10T21:00:00Z"}}, nil,
		},
		{"DELETE " + tenantPath + "/customers/{phone}", one + "/customers/+966500000001", "", webhook.TrailEntry{Action: webhook.CustomerErased, TenantID: 1, Name: "…001"}, nil},
		{"POST /api/v1/audit/reprocess", "", `{"id":"` + audit + `"}`, webhook.TrailEntry{Action: webhook.AuditDerived, ObjectID: audit}, nil},
		{"POST /api/v1/api-keys", "", `{"name":"crm","tenant_id":1}`, webhook.TrailEntry{Action: webhook.KeyCreated, TenantID: 1, ObjectID: "1", Name: "crm"}, nil},
		{"DELETE /api/v1/api-keys/{id}", "/api/v1/api-keys/1", "", webhook.TrailEntry{Action: webhook.KeyDeleted, TenantID: 1, ObjectID: "1", Name: "crm"}, nil},
		{"DELETE " + accountPath, one + "/accounts/1", "", webhook.TrailEntry{Action: webhook.AccountDeleted, TenantID: 1, ObjectID: "1", Name: "Sales"}, nil},
		{"DELETE " + endpointPath, one + "/endpoints/1", "", webhook.TrailEntry{Action: webhook.EndpointDeleted, TenantID: 1, ObjectID: "1", Name: "two.example.com"}, nil},
		{"DELETE " + tenantPath, one, "", webhook.TrailEntry{Action: webhook.TenantDeleted, TenantID: 1, ObjectID: "1", Name: "Acme"}, nil},
	}
	walked := map[string]bool{}
	for _, s := range steps {
		walked[s.pattern] = true
		if s.before != nil {
			s.before()
		}
		method, path, _ := strings.Cut(s.pattern, " ")
		if s.path != "" {
			path = s.path
		}
		if s.want.Action == webhook.DeliveryRetried {
			s.want.ObjectID = delivery.String()
			path = one + "/deliveries/" + delivery.String() + "/retry"
		}
		before := len(f.trail(t, webhook.MaxPage))
		a := f.do(t, method, path, s.body)
		if a.status >= 300 {
			t.Fatalf("%s: %d %s", s.pattern, a.status, a.text)
		}
		for _, made := range []string{a.str("key"), a.str("secret")} {
			if made != "" {
				secrets = append(secrets, made)
			}
		}
		lines := f.trail(t, webhook.MaxPage)
		if len(lines) != before+1 {
			t.Fatalf("%s: %d lines, want 1: %+v", s.pattern, len(lines)-before, lines)
		}
		got := lines[0]
		s.want.ID, s.want.Actor = got.ID, webhook.Actor{Kind: webhook.ByBootstrap, RemoteAddr: "192.0.2.1"}
		if !reflect.DeepEqual(got, s.want) || got.ID.Time() != begin {
			t.Errorf("%s: %+v, want %+v", s.pattern, got, s.want)
		}
	}
	for _, route := range f.api.Routes(f.api.Keys) {
		name := route.Method + " " + route.Pattern
		if route.Method != http.MethodGet && !walked[name] && !strings.Contains(strings.Join(unnoted, " "), name) {
			t.Errorf("%s was not tried", name)
		}
	}
	text := fmt.Sprint(f.trail(t, webhook.MaxPage)) + f.must(t, 200, "GET", "/api/v1/trail?limit=200", "").text
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in the trail", secret)
		}
	}
}

// What was refused, or changed nothing, or was only counted, leaves no line; nor do questions.
func TestTrailOfNothing(t *testing.T) {
	f := newFixtureWith(t, understood)
	path, key, _ := f.tenant(t, "Akme")
	endpoint, _ := f.endpoint(t, path)
	f.must(t, 200, "POST", endpoint+"/secret", `{"secret":"own-secret"}`)
	before := len(f.trail(t, webhook.MaxPage))
	for _, request := range [][3]string{
		{"POST", "/api/v1/tenants", `{"name":""}`},
		{"PATCH", path, `{"name":"Akme"}`},
		{"PATCH", path, `{"timezone":"Mars"}`},
		{"PATCH", endpoint, `{"url":"https://bad.example/"}`},
		{"PATCH", endpoint, `{}`},
		{"POST", endpoint + "/secret", `{"secret":"own-secret"}`},
		{"POST", path + "/replays", `{"status":"failed","dry_run":true}`},
		{"POST", "/api/v1/audit/reprocess", `{"since":"2026-03-10","dry_run":true}`},
		{"DELETE", path + "/accounts/9", ""},
		{"DELETE", "/api/v1/api-keys/9", ""},
		{"GET", "/api/v1/trail", ""},
		{"GET", path + "/endpoints", ""},
	} {
		f.do(t, request[0], request[1], request[2])
	}
	f.as(t, key, "DELETE", path, "")
	f.as(t, key, "POST", "/api/v1/tenants", `{"name":"x"}`)
	f.as(t, "cck_wrong", "POST", "/api/v1/tenants", `{"name":"x"}`)
	f.publishOne(t, path)
	if lines := f.trail(t, webhook.MaxPage); len(lines) != before {
		t.Errorf("%d lines: %+v", len(lines)-before, lines)
	}
}

// The line says who it was, however they are known.
func TestTrailActors(t *testing.T) {
	f := newFixtureWith(t, func(o *Options) {
		o.Session = func(r *http.Request) (Identity, bool) {
			return Identity{Name: "console"}, r.Header.Get("X-Test-Session") != ""
		}
	})
	path, key, _ := f.tenant(t, "Akme")
	local := web.New(web.Options{}, f.api.Routes(Local))
	change := func(h http.Handler, name, remote string, header ...string) {
		t.Helper()
		r := httptest.NewRequest("PATCH", path, strings.NewReader(`{"name":"`+name+`"}`))
		r.RemoteAddr = remote
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, tt := range map[string]struct {
		do   func(name string)
		want webhook.Actor
	}{
		"key": {func(name string) { change(f.h, name, "[2001:db8::7]:99", "X-API-KEY", key) }, webhook.Actor{Kind: webhook.ByKey, KeyID: 1, KeyName: "Akme", RemoteAddr: "2001:db8::7"}},
		"bootstrap": {
			func(name string) { change(f.h, name, "[::ffff:192.0.2.7]:99", "Authorization", "Bearer "+bootstrapKey) },
			webhook.Actor{Kind: webhook.ByBootstrap, RemoteAddr: "192.0.2.7"},
		},
		"console": {
			func(name string) {
				change(f.h, name, "192.0.2.8:99", "X-Test-Session", "yes", "Sec-Fetch-Site", "same-origin")
			},
			webhook.Actor{Kind: webhook.ByConsole, RemoteAddr: "192.0.2.8"},
		},
		"local": {func(name string) { change(local, name, "@") }, webhook.Actor{Kind: webhook.ByLocal}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.do(name)
			if got := f.trail(t, 1)[0]; got.Actor != tt.want || got.Name != name {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTrailBackup(t *testing.T) {
	f := newFixture(t)
	for _, method := range []string{"HEAD", "GET"} {
		if res := f.request(t, method, "/api/v1/backup", bootstrapKey, nil); res.Code != 200 {
			t.Fatalf("%s: %d %s", method, res.Code, res.Body)
		}
	}
	lines := f.trail(t, 10)
	if len(lines) != 1 || lines[0].Action != webhook.BackupTaken {
		t.Errorf("%+v", lines)
	}
}

func TestListTrail(t *testing.T) {
	f := newFixture(t)
	path, key, _ := f.tenant(t, "Akme")
	f.clock.advance(time.Hour)
	f.tenant(t, "Other")
	f.as(t, key, "PATCH", path, `{"name":"Acme"}`)
	count := func(query string, want int) answer {
		t.Helper()
		a := f.must(t, 200, "GET", "/api/v1/trail"+query, "")
		if a.len("items") != want {
			t.Errorf("%s: %d lines, want %d: %s", query, a.len("items"), want, a.text)
		}
		return a
	}
	a := count("", 5)
	a.equal(t, "tenant.update", "items", 0, "action")
	a.equal(t, "key", "items", 0, "actor")
	a.equal(t, 1, "items", 0, "key_id")
	a.equal(t, "Akme", "items", 0, "key_name")
	a.equal(t, "192.0.2.1", "items", 0, "remote_addr")
	a.equal(t, "2026-03-10T12:30:00.000Z", "items", 0, "at")
	a.equal(t, "[name]", "items", 0, "details")
	a.equal(t, nil, "items", 1, "key_id")
	count("?tenant=2", 2)
	count("?action=key.create", 2)
	count("?actor=key", 1)
	count("?until=2026-03-10T12:00:00Z", 2)
	count("?since=2026-03-10T12:00:00Z&tenant=1", 1)
	page := count("?limit=2", 2)
	count("?limit=4&cursor="+page.str("next_cursor"), 3)
	f.invalid(t, "GET", "/api/v1/trail?action=x&actor=y&tenant=0&cursor=z", "", "action", "actor", "tenant")
	f.invalid(t, "GET", "/api/v1/trail?cursor=z", "", "cursor")
}
