package console

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// trail returns the newest lines of the trail, the newest first.
func (f *fixture) trail() []webhook.TrailEntry {
	f.t.Helper()
	list, err := f.store.Trail(f.t.Context(), webhook.TrailFilter{}, webhook.Page{Limit: webhook.MaxPage})
	f.ok(err)
	return list.Items
}

// unnoted are the forms that change nothing, or the browser's own cookies.
var unnoted = []string{"/preferences", tenantPath + "/verify"}

// Every form that changes something leaves one line, which says who and what, and no secret.
func TestTrailOfForms(t *testing.T) {
	f := newFixture(t)
	b := f.browser()
	const endpoint, account = "/tenants/1/endpoints/1", "/tenants/1/accounts/1"
	audit := f.inbound("hello")
	token := strings.TrimPrefix(f.setUpLink(), "/setup?token=")
	secrets := []string{goodPassword, "another horse", "wrong horse", token, "header-value", "path-secret", "EAAG-token", "966500000000", "+966 50 000 0000"}
	nobody, setUp, console := webhook.ByNobody, webhook.BySetUp, webhook.ByConsole
	walked := slices.Clone(unnoted)
	for _, s := range []struct {
		pattern, path string
		fields        []string
		who           webhook.ActorKind
		want          webhook.TrailEntry
	}{
		{"/setup", "", []string{"token", token, "password", goodPassword, "again", goodPassword}, setUp, webhook.TrailEntry{Action: webhook.PasswordSet}},
		{"/sign-out", "", nil, console, webhook.TrailEntry{Action: webhook.SignedOut}},
		{"/sign-in", "", []string{"password", "wrong horse"}, nobody, webhook.TrailEntry{Action: webhook.SignInRefused}},
		{"/sign-in", "", []string{"password", goodPassword}, console, webhook.TrailEntry{Action: webhook.SignedIn}},
		{"/password", "", []string{"old", "wrong horse", "password", "another horse", "again", "another horse"}, console, webhook.TrailEntry{Action: webhook.SignInRefused}},
		{"/password", "", []string{"old", goodPassword, "password", "another horse", "again", "another horse"}, console, webhook.TrailEntry{Action: webhook.PasswordSet}},
		{"/new-tenant", "", []string{"name", "Oasis", "timezone", "UTC"}, console, webhook.TrailEntry{Action: webhook.TenantCreated, TenantID: 1, ObjectID: "1", Name: "Oasis"}},
		{tenantPath + "/details", "/tenants/1/details", []string{"name", "Oasis", "timezone", "Asia/Riyadh"}, console, webhook.TrailEntry{Action: webhook.TenantUpdated, TenantID: 1, ObjectID: "1", Name: "Oasis", Details: []string{"timezone"}}},
		{
			tenantPath + "/new-account", "/tenants/1/new-account", []string{"name", "Sales", "waba_id", "1", "phone_number_id", "2", "access_token", "EAAG-token"}, console,
			webhook.TrailEntry{Action: webhook.AccountCreated, TenantID: 1, ObjectID: "1", Name: "Sales"},
		},
		{
			accountPath, account, []string{"name", "Sales", "waba_id", "1", "phone_number_id", "2", "remove_token", "yes"}, console,
			webhook.TrailEntry{Action: webhook.AccountUpdated, TenantID: 1, ObjectID: "1", Name: "Sales", Details: []string{"access_token"}},
		},
		{
			tenantPath + "/new-endpoint", "/tenants/1/new-endpoint", []string{"url", "https://crm.example.com/path-secret", "events", "*", "header_name", "X-Token", "header_value", "header-value"}, console,
			webhook.TrailEntry{Action: webhook.EndpointCreated, TenantID: 1, ObjectID: "1", Name: "crm.example.com"},
		},
		{
			endpointPath, endpoint, []string{"url", "https://crm.example.com/path-secret", "events", "*", "enabled", "yes", "header_name", "X-Token", "header_value", "header-value"}, console,
			webhook.TrailEntry{Action: webhook.EndpointUpdated, TenantID: 1, ObjectID: "1", Name: "crm.example.com", Details: []string{"enabled"}},
		},
		{endpointPath + "/secret", endpoint + "/secret", nil, console, webhook.TrailEntry{Action: webhook.SecretChanged, TenantID: 1, ObjectID: "1", Name: "crm.example.com"}},
		{endpointPath + "/remove-secret", endpoint + "/remove-secret", nil, console, webhook.TrailEntry{Action: webhook.SecretChanged, TenantID: 1, ObjectID: "1", Name: "crm.example.com"}},
		{endpointPath + "/test", endpoint + "/test", nil, console, webhook.TrailEntry{Action: webhook.EndpointTested, TenantID: 1, ObjectID: "1", Name: "crm.example.com"}},
		{deliveryPath + "/replay", "DELIVERY/replay", nil, console, webhook.TrailEntry{Action: webhook.DeliveryRetried, TenantID: 1, ObjectID: "DELIVERY"}},
		{
			tenantPath + "/replay", "/tenants/1/replay", []string{"status", "failed", "endpoint", "1", "find", "+966 50 000 0000", "until", "2026-03-11T00:00:00Z"}, console,
			webhook.TrailEntry{Action: webhook.Replayed, TenantID: 1, Details: []string{"status=failed", "endpoint=1", "conversation", "until=2026-03-11T00:00:00Z"}},
		},
		{
			tenantPath + "/replay", "/tenants/1/replay", []string{"status", "missing", "event", "message.received", "until", "2026-03-11T00:00:00Z", "cursor", audit.ID.String()}, console,
			webhook.TrailEntry{Action: webhook.Replayed, TenantID: 1, Details: []string{"status=missing", "event=message.received", "until=2026-03-11T00:00:00Z", "continued"}},
		},
		{tenantPath + "/erase", "/tenants/1/erase", []string{"phone", "+966 50 000 0000", "confirmed", "yes"}, console, webhook.TrailEntry{Action: webhook.CustomerErased, TenantID: 1, Name: "…000"}},
		{"/audit/{id}/reprocess", auditURL(audit.ID) + "/reprocess", nil, console, webhook.TrailEntry{Action: webhook.AuditDerived, ObjectID: audit.ID.String()}},
		{"/new-api-key", "", []string{"name", "ops"}, console, webhook.TrailEntry{Action: webhook.KeyCreated, ObjectID: "1", Name: "ops"}},
		{"/api-keys/{key}/delete", "/api-keys/1/delete", nil, console, webhook.TrailEntry{Action: webhook.KeyDeleted, ObjectID: "1", Name: "ops"}},
		{accountPath + "/delete", account + "/delete", nil, console, webhook.TrailEntry{Action: webhook.AccountDeleted, TenantID: 1, ObjectID: "1", Name: "Sales"}},
		{endpointPath + "/delete", endpoint + "/delete", nil, console, webhook.TrailEntry{Action: webhook.EndpointDeleted, TenantID: 1, ObjectID: "1", Name: "crm.example.com"}},
		{tenantPath + "/delete", "/tenants/1/delete", nil, console, webhook.TrailEntry{Action: webhook.TenantDeleted, TenantID: 1, ObjectID: "1", Name: "Oasis"}},
	} {
		walked = append(walked, s.pattern)
		path := s.path
		if path == "" {
			path = s.pattern
		}
		if s.want.ObjectID == "DELIVERY" {
			id := f.publish(1, webhook.CampaignCreated, `{}`).WithOwner(1)
			f.attempt(1, id, webhook.Attempt{Error: webhook.ErrorDNS}, time.Time{})
			s.want.ObjectID, path = id.String(), "/tenants/1/deliveries/"+id.String()+"/replay"
		}
		before := len(f.trail())
		a := b.post(path, s.fields...)
		if refused := s.want.Action == webhook.SignInRefused; !refused && a.Code != http.StatusSeeOther && a.Code != http.StatusOK || refused && a.Code != http.StatusUnprocessableEntity {
			t.Fatalf("%s: %d\n%s", a.what, a.Code, a.text())
		}
		lines := f.trail()
		if len(lines) != before+1 {
			t.Fatalf("%s: %d lines, want 1: %+v", a.what, len(lines)-before, lines)
		}
		got := lines[0]
		s.want.ID, s.want.Actor = got.ID, webhook.Actor{Kind: s.who, RemoteAddr: "192.0.2.1"}
		if !reflect.DeepEqual(got, s.want) {
			t.Errorf("%s: %+v, want %+v", a.what, got, s.want)
		}
		if s.pattern == endpointPath+"/secret" {
			e, err := f.store.Endpoint(t.Context(), 1, 1)
			f.ok(err)
			secrets = append(secrets, e.Secret.Reveal())
		}
	}
	for _, r := range f.console.Routes() {
		if r.Method == http.MethodPost && !slices.Contains(walked, r.Pattern) {
			t.Errorf("%s was not tried", r.Pattern)
		}
	}
	page := b.get("/trail").page(200, "Password set", "Set-up link", "Wrong password", "Not known", "Signed in", "192.0.2.1", "Endpoint changed", "enabled", "crm.example.com", "Tenant 1, deleted")
	for _, secret := range secrets {
		page.lacks(secret)
	}
	for _, e := range f.trail() {
		for _, secret := range secrets {
			for _, part := range append(e.Details, e.Name, e.ObjectID) {
				if strings.Contains(part, secret) {
					t.Errorf("%q is in %+v", secret, e)
				}
			}
		}
	}
}

// Looking at pages leaves no line, nor does what was refused, nor that a session goes on.
func TestTrailOfLooking(t *testing.T) {
	f := hostileFixture(t)
	b := f.signedIn()
	f.clock.advance(webhook.SessionSeen)
	for _, path := range pages {
		b.get(f.example(path)).page(200)
	}
	b.post("/new-tenant", "name", "").page(422)
	b.post("/preferences", "language", "ar")
	if lines := f.trail(); len(lines) > 0 {
		t.Errorf("%+v", lines)
	}
}

func TestTrailOfCommandLine(t *testing.T) {
	f := newFixture(t)
	if got := send(web.New(web.Options{}, f.console.Local()), "POST", LocalPasswordPath, `{"password":"another horse"}`); got != 200 {
		t.Fatal(got)
	}
	lines := f.trail()
	if len(lines) != 1 || lines[0].Action != webhook.PasswordSet || lines[0].Actor != (webhook.Actor{Kind: webhook.ByLocal}) {
		t.Errorf("%+v", lines)
	}
}

func TestTrailPage(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	b.get("/trail").page(200, "Nothing has been changed yet")
	b.get("/trail?action=tenant.create").page(200, "No action matches", "Show all")
	note := func(kind webhook.ActorKind, e webhook.TrailEntry) {
		t.Helper()
		f.ok(f.store.Note(webhook.WithActor(t.Context(), webhook.Actor{Kind: kind, KeyID: 3, KeyName: hostile, RemoteAddr: hostile}), e))
		f.clock.advance(time.Minute)
	}
	f.tenant("Oasis")
	for i, a := range webhook.Actions {
		note(webhook.ActorKinds[i%len(webhook.ActorKinds)], webhook.TrailEntry{Action: a, TenantID: uint32(i % 3), ObjectID: "1", Name: "", Details: []string{"status=failed"}})
	}
	note("new", webhook.TrailEntry{Action: "new.thing", TenantID: 9, ObjectID: hostile, Name: hostile, Details: []string{hostile}})
	for _, code := range languageCodes {
		b.cookies[languageCookie] = code
		for _, query := range []string{"", "?action=tenant.create", "?actor=key", "?tenant=1", "?tenant=9", "?since=2026-03-10T11:35&until=2026-03-10T11:36", "?until=2026-03-09"} {
			checkPage(t, b.get("/trail"+query), 200, code)
		}
		for _, query := range []string{"?action=x", "?actor=x", "?tenant=x", "?since=x", "?cursor=x", "?actor=new"} {
			checkPage(t, b.get("/trail"+query), 422, code)
		}
	}
	b.cookies[languageCookie] = "en"
	rows := func(query string, want int, words ...string) answer {
		t.Helper()
		a := b.get("/trail?"+query).page(200, words...)
		if got := strings.Count(a.Body.String(), `<td class="main">`); got != want {
			t.Errorf("%s: %d lines, want %d", query, got, want)
		}
		return a
	}
	rows("tenant=9", 1, "new.thing", hostile, "Tenant 9, deleted")
	rows("action=endpoint.test", 1, "Test sent", "status=failed")
	rows("since=2026-03-10T11:35&until=2026-03-10T11:36", 1)
	a := rows("tenant=1&action=account.update", 1)
	if !strings.Contains(a.Body.String(), `href="/tenants/1/accounts/1"`) {
		t.Errorf("no link to the account:\n%s", a.Body)
	}
	rows("action=delivery.retry", 1)
}
