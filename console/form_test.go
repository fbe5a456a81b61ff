package console

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/admin"
	"cubeconnect/webhook"
)

func send(h http.Handler, method, path, body string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, io.NopCloser(strings.NewReader(body))))
	return w.Code
}

func addrOf(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestTenantPages(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	b.get("/").page(200, "Begin with a tenant", "Add tenant")
	b.get("/tenants").page(200, "Begin with a tenant", "Add tenant")
	b.get("/new-tenant").page(200, "UTC")
	b.post("/new-tenant", "name", " ", "timezone", "Mars/Olympus").page(422, "Enter a value here", `"Mars/Olympus" is not a time zone`, "Nothing was saved")
	b.post("/new-tenant", "name", " Oasis Trading ", "timezone", "Asia/Riyadh").to("/tenants/1/webhook")
	b.get("/tenants/1/webhook").page(200, "The tenant is added", "Oasis Trading", "Add an endpoint")
	b.get("/tenants/1").page(200, "Oasis Trading", "Add an endpoint")
	b.get("/tenants").page(200, "Oasis Trading", "Asia/Riyadh", "10 Mar 2026, 11:30 UTC")

	b.get("/tenants/1/details").page(200, "Oasis Trading", "Asia/Riyadh")
	b.post("/tenants/1/details", "name", "", "timezone", "UTC").page(422, "Enter a value here")
	b.post("/tenants/1/details", "name", "Oasis", "timezone", "UTC").to("/tenants/1/details")
	b.get("/tenants/1/details").page(200, "Saved.", "Oasis")
	got, err := f.store.Tenant(t.Context(), 1)
	f.ok(err)
	if got.Name != "Oasis" || got.Timezone != "UTC" {
		t.Errorf("%+v", got)
	}

	b.get("/tenants/1/delete").page(200, "Delete Oasis?", "can't be undone")
	b.get("/tenants/1/details").page(200)
	b.post("/tenants/1/delete").to("/tenants")
	b.get("/tenants").page(200, "The tenant is deleted", "Begin with a tenant")
	b.get("/tenants/1/details").page(404, "Nothing is here")
}

func TestPager(t *testing.T) {
	f := newFixture(t).withPassword()
	for i := range webhook.DefaultPage + 1 {
		_, err := f.store.CreateTenant(t.Context(), webhook.Tenant{Name: fmt.Sprintf("tenant-%02d.", i), Timezone: "UTC"})
		f.ok(err)
	}
	b := f.signedIn()
	first := b.get("/tenants").page(200, "tenant-50.", "tenant-01.", "Next page").lacks("tenant-00.", "First page")
	_, rest, _ := strings.Cut(first.Body.String(), `href="/tenants?cursor=`)
	cursor, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatal("no link to the next page")
	}
	b.get("/tenants?cursor="+cursor).page(200, "tenant-00.", "First page").lacks("tenant-01.", "Next page")
	b.get("/tenants?cursor=x").page(422, "This page of the list doesn't exist")
}

// full is every field of an endpoint's form, filled in.
var full = []string{
	"url", " https://crm.example.com/other ", "description", "staging", "events", "message.received", "events", "campaign.created",
	"include_raw", "yes", "retries_of", "own", "retries", "10s, 1m،1h", "timeout", "5s",
	"header_name", "X-Env", "header_value", "live", "header_name", "", "header_value", "", "header_name", " X-Key ", "header_value", " k ",
}

func with(fields []string, more ...string) []string { return append(slices.Clone(fields), more...) }

func TestEndpointPages(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	b.get("/tenants/1/webhook").page(200, "https://crm.example.com/hooks", "All events", "Not signed", "Nothing sent yet")
	b.get("/tenants/1/new-endpoint").page(200, "As in the configuration: 10s", "Empty: 10s")
	b.post("/tenants/1/new-endpoint", "events", "*", "enabled", "yes").page(422, "Enter a value here")
	b.post("/tenants/1/new-endpoint", "url", "https://new.example.com/x", "events", "*", "events", "message.received", "enabled", "yes", "retries_of", "installation", "retries", "nonsense").to("/tenants/1/endpoints/2")
	e, err := f.store.Endpoint(t.Context(), 1, 2)
	f.ok(err)
	if !e.Enabled || e.IncludeRaw || e.Retries != nil || e.Timeout != 0 || len(e.Headers) != 0 || !slices.Equal(e.Events, []string{"*"}) {
		t.Errorf("%+v", e)
	}

	b.get("/tenants/1/endpoints/2").page(200, "The endpoint is added", "https://new.example.com/x")
	b.post("/tenants/1/endpoints/2", full...).to("/tenants/1/endpoints/2")
	b.get("/tenants/1/endpoints/2").page(200, "Saved.", "https://crm.example.com/other", "staging", "10s, 1m, 1h", "5s", "X-Env", "live", "X-Key", "Disabled")
	e, err = f.store.Endpoint(t.Context(), 1, 2)
	f.ok(err)
	if e.URL != "https://crm.example.com/other" || e.Enabled || !e.IncludeRaw || len(e.Retries) != 3 || e.Timeout.Std() != 5*time.Second ||
		e.Headers["X-Env"] != "live" || e.Headers["X-Key"] != "k" || len(e.Headers) != 2 || len(e.Events) != 2 {
		t.Errorf("%+v", e)
	}
	b.get("/tenants/1/webhook").page(200, "2 events", "Disabled")
	b.post("/tenants/1/endpoints/2", with(full, "retries", "")...).to("/tenants/1/endpoints/2")
	b.post("/tenants/1/endpoints/2", "url", e.URL, "events", "*", "retries_of", "own", "retries", "").to("/tenants/1/endpoints/2")
	e, err = f.store.Endpoint(t.Context(), 1, 2)
	f.ok(err)
	if e.Retries == nil || len(e.Retries) != 0 || e.Timeout != 0 || len(e.Headers) != 0 {
		t.Errorf("%+v", e)
	}

	for name, tt := range map[string]struct{ field, value, words string }{
		"URL that can't be reached": {"url", "https://bad.example/", "The host is not a valid name."},
		"no URL":                    {"url", "", "Enter a value here."},
		"no events":                 {"events", "", "is not an event"},
		"an unknown event":          {"events", "message.lost", `"message.lost" is not an event`},
		"waits that are none":       {"retries", "10s, soon", `"soon" is not a time`},
		"waits too long":            {"retries", "8d", "too long a wait"},
		"a timeout that is none":    {"timeout", "soon", `"soon" is not a time`},
		"a timeout of nothing":      {"timeout", "0s", "Enter a time from 100ms to 5m."},
		"a timeout too long":        {"timeout", "1h", "Enter a time from 100ms to 5m."},
		"description too long":      {"description", strings.Repeat("x", 501), "Use at most 500 characters."},
	} {
		t.Run(name, func(t *testing.T) {
			fields := slices.Clone(full)
			for i := 0; i < len(fields); i += 2 {
				if fields[i] == tt.field {
					fields[i+1] = tt.value
				}
			}
			b.post("/tenants/1/endpoints/2", fields...).page(422, tt.words, "Nothing was saved", "X-Env")
			b.post("/tenants/1/new-endpoint", fields...).page(422, tt.words, "X-Env")
		})
	}
	for words, pair := range map[string][]string{
		"Host can't be set":                   {"Host", "x"},
		"X-Env is there twice":                {"X-Env", "x"},
		`"a b" can't be a header's name`:      {"a b", "x"},
		`"" can't be a header's name`:         {"", "x"},
		"characters that a header can't have": {"X-New", "a\x00b"},
	} {
		b.post("/tenants/1/endpoints/2", with(full, "header_name", pair[0], "header_value", pair[1])...).page(422, words)
	}
	b.post("/tenants/1/endpoints/2", "url", "https://bad.example/x", "retries_of", "own", "retries", "soon").page(422, "The host is not a valid name.", "is not a time", "Choose at least one event")

	b.get("/tenants/1/endpoints/2/delete").page(200, "https://crm.example.com/other", "can't be undone")
	b.post("/tenants/1/endpoints/2/delete").to("/tenants/1/webhook")
	b.get("/tenants/1/webhook").page(200, "The endpoint is deleted").lacks("crm.example.com/other")
	b.get("/tenants/1/endpoints/2").page(404)
	b.post("/tenants/1/endpoints/2", full...).page(404)
}

// A URL that was good when it was saved doesn't keep the rest from being changed.
func TestEndpointKeepsURL(t *testing.T) {
	f := newFixture(t).withPassword()
	n := f.tenant("Oasis")
	e, err := f.store.CreateEndpoint(t.Context(), webhook.Endpoint{
		TenantID: n.ID, URL: "https://bad.example/", Events: []string{"message.received", "webhook.test"}, DisabledReason: "the endpoint answered 410 Gone",
	})
	f.ok(err)
	b := f.signedIn()
	page := b.get(endpointURL(&e)).page(200, "it wants no more events", "disabled by itself").Body.String()
	if !strings.Contains(page, `<input type="hidden" name="events" value="webhook.test">`) {
		t.Error("an event without a box gets lost")
	}
	b.post(endpointURL(&e), "url", e.URL, "events", "message.received", "events", "webhook.test", "enabled", "yes").to(endpointURL(&e))
	got, err := f.store.Endpoint(t.Context(), n.ID, e.ID)
	f.ok(err)
	if !got.Enabled || got.DisabledReason != "" || len(got.Events) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestSecretPages(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b, other := f.signedIn(), f.signedIn()
	const at = "/tenants/1/endpoints/1"
	secret := func() string {
		e, err := f.store.Endpoint(t.Context(), 1, 1)
		f.ok(err)
		return e.Secret.Reveal()
	}
	b.get(at).page(200, "not signed", "Generate new secret").lacks("whsec_")
	b.post(at + "/secret").to(at)
	first := secret()
	other.get(at).page(200).lacks(first)
	b.get("/tenants").page(200).lacks(first)
	b.get(at).page(200, first, "shown this once", "PHP", "JavaScript", "Python", "Go", "hash_hmac", "timingSafeEqual", "hmac.compare_digest", "hmac.Equal")
	b.get(at).page(200, "Signed").lacks(first)
	b.get(at+"/secret").page(200, "Generate a new secret?", "signs beside it")
	if secret() != first {
		t.Error("asking has changed it")
	}
	b.post(at + "/secret").to(at)
	if second := secret(); second == first || second == "" {
		t.Errorf("the new secret is %q", second)
	}
	f.clock.advance(noteLife + time.Second)
	b.get(at).page(200).lacks(secret())
	b.get(at+"/remove-secret").page(200, "Remove the secret?")
	b.post(at + "/remove-secret").to(at)
	if secret() != "" {
		t.Error("it is still there")
	}
	b.get(at).page(200, "The secret is removed")
	b.post("/tenants/1/endpoints/9/secret").page(404)
}

func TestSendTest(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	const at = "/tenants/1/endpoints/1"
	for name, tt := range map[string]struct {
		outcome webhook.Outcome
		words   []string
	}{
		"delivered": {
			webhook.Outcome{Verdict: webhook.Delivered, Attempt: webhook.Attempt{StatusCode: 204, Duration: 1234 * time.Millisecond, ResponseBody: []byte("<b>thanks</b>")}},
			[]string{"Delivered", "204", "1,234 ms", "<b>thanks</b>", "Your system took the event"},
		},
		"refused": {
			webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: webhook.ErrorRefused}},
			[]string{"Failed", "–", "Nothing accepts connections there"},
		},
		"status": {
			webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: webhook.ErrorStatus, StatusCode: 500, ResponseBody: []byte("\xff" + strings.Repeat("x", webhook.MaxResponseBytes))}},
			[]string{"Failed", "500", "Its own log says why", "The beginning of its answer", "\uFFFDx"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.sender.outcome = tt.outcome
			b.post(at + "/test").to(at)
			b.get(at).page(200, tt.words...)
			b.get(at).page(200).lacks(tt.words[len(tt.words)-1])
		})
	}
	b.post("/tenants/1/endpoints/9/test").page(404)
}

func TestAccountPages(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	f.tenant("Other")
	b := f.signedIn()
	const token = "EAAG-the-token"
	b.get("/tenants/1/accounts").page(200, "Oasis", "+966 11 000 0000", "201")
	b.get("/tenants/1/new-account").page(200, "Phone number ID")
	b.post("/tenants/1/new-account", "name", "", "waba_id", "x1").page(422, "Enter a value here", "digits only", "x1")
	b.post("/tenants/1/new-account", "name", "Sales", "waba_id", "101", "phone_number_id", "201").page(409, "The phone number id 201 belongs to another account.")
	b.post("/tenants/1/new-account", "name", "Sales", "waba_id", "102", "phone_number_id", "777").page(409, "The WhatsApp Business Account 102 belongs to another tenant.")
	b.post("/tenants/1/new-account", "name", " Sales ", "waba_id", " 101 ", "phone_number_id", "777", "display_phone_number", "+966 1", "access_token", token).to("/tenants/1/accounts/3")
	a, err := f.store.Account(t.Context(), 1, 3)
	f.ok(err)
	if a.Name != "Sales" || a.WABAID != "101" || a.PhoneNumberID != "777" || a.AccessToken.Reveal() != token {
		t.Errorf("%+v", a)
	}
	b.get("/tenants/1/accounts/3").page(200, "The number is added", "/api/webhooks/whatsapp", "meta.verify_token", "POST /101/subscribed_apps", "A token is stored", "Meta has reported nothing").lacks(token)
	b.post("/tenants/1/accounts/3", "name", "Sales 2", "waba_id", "101", "phone_number_id", "201").page(409)
	b.post("/tenants/1/accounts/3", "name", "Sales 2", "waba_id", "", "phone_number_id", "777").page(422, "Enter a value here")
	b.post("/tenants/1/accounts/3", "name", "Sales 2", "waba_id", "101", "phone_number_id", "778").to("/tenants/1/accounts/3")
	a, err = f.store.Account(t.Context(), 1, 3)
	f.ok(err)
	if a.Name != "Sales 2" || a.PhoneNumberID != "778" || a.AccessToken.Reveal() != token || a.DisplayPhoneNumber != "" {
		t.Errorf("%+v", a)
	}
	b.post("/tenants/1/accounts/3", "name", "Sales 2", "waba_id", "101", "phone_number_id", "778", "remove_token", "yes").to("/tenants/1/accounts/3")
	if a, err = f.store.Account(t.Context(), 1, 3); err != nil || !a.AccessToken.IsZero() {
		t.Errorf("%+v %v", a, err)
	}
	b.get("/tenants/1/accounts/3/delete").page(200, "Delete Sales 2?")
	b.post("/tenants/1/accounts/3/delete").to("/tenants/1/accounts")
	b.get("/tenants/1/accounts").page(200, "deleted").lacks("Sales 2")
	b.get("/tenants/2/accounts/1").page(404)
	b.post("/tenants/2/accounts/1/delete").page(404)
}

// The list of a number that is being connected turns green as things happen.
func TestChecklist(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	const at = "/tenants/1/accounts/1"
	done := func(want int, words ...string) {
		t.Helper()
		page := b.get(at).page(200, words...).Body.String()
		if got := strings.Count(page, `<li class="good">`); got != want {
			t.Errorf("%d steps are done, want %d\n%s", got, want, page)
		}
		if open := strings.Count(page, `<li class="wait">`); open != 5-want {
			t.Errorf("%d steps are open", open)
		}
	}
	f.install = Installation{AppSecret: true}
	done(1, "YOUR-HOST", "Set meta.app_secrets") // the endpoint
	f.install = Installation{AppSecret: true, VerifyToken: true, Host: "hooks.example.com"}
	done(2, "https://hooks.example.com/api/webhooks/whatsapp")
	f.store.CountHandshake()
	done(3)
	quality := "RED"
	f.clock.advance(time.Hour)
	in := webhook.Inbound{ReceivedAt: f.clock.now(), Tenants: []uint32{1}, Items: []webhook.Item{{TenantID: 1, AccountID: 1, Account: &webhook.AccountItem{
		WABAID: "101", Quality: &quality, At: f.clock.now(),
	}}}}
	if _, err := f.store.Accept(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
	done(4, "RED", "10 Mar 2026, 15:30") // in the tenant's zone
	b.get("/tenants/1/accounts").page(200, "RED")
}

func TestKeyPages(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b, other := f.signedIn(), f.signedIn()
	b.get("/api-keys").page(200, "No API keys")
	b.get("/new-api-key?tenant=1").page(200, "Oasis")
	b.post("/new-api-key", "name", " ").page(422, "Enter a value here")
	b.post("/new-api-key", "name", "x", "tenant", "9").page(422, "This tenant doesn't exist")
	b.post("/new-api-key", "name", "x", "tenant", "0").page(422, "This tenant doesn't exist")
	b.post("/new-api-key", "name", "x", "tenant", "one").page(422, "This tenant doesn't exist")
	for tenant, scope := range map[string]string{"": "Administrator", "1": "Oasis"} {
		b.post("/new-api-key", "name", " ops ", "tenant", tenant).to("/api-keys")
		other.get("/api-keys").page(200).lacks("shown this once")
		page := b.get("/api-keys").page(200, "shown this once", "ops", scope)
		_, rest, _ := strings.Cut(page.Body.String(), `id="secret">`)
		key, _, ok := strings.Cut(rest, "<")
		if !ok || !strings.HasPrefix(key, "cck_") {
			t.Fatalf("the key is %q", key)
		}
		b.get("/api-keys").page(200, key[:10]+"…").lacks(key)
		k, known := f.store.APIKeyByHash(admin.HashKey(key))
		if !known || k.Name != "ops" || fmt.Sprint(k.TenantID) != strings.Replace("0"+tenant, "01", "1", 1) {
			t.Errorf("the key is stored as %+v", k)
		}
	}
	b.get("/api-keys/1/delete").page(200, "Revoke this key?", "ops (cck_")
	b.post("/api-keys/1/delete").to("/api-keys")
	b.get("/api-keys").page(200, "The key is revoked")
	list, err := f.store.APIKeys(t.Context(), webhook.Page{})
	f.ok(err)
	if len(list.Items) != 1 || list.Items[0].ID != 2 {
		t.Errorf("%+v", list.Items)
	}
	for _, id := range []string{"1", "9", "0", "x", "4294967295"} {
		b.get("/api-keys/" + id + "/delete").page(404)
		b.post("/api-keys/" + id + "/delete").page(404)
	}
}
