package app_test

import (
	"fmt"
	"strings"
	"testing"

	"cubeconnect/config"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	a := start(t)
	url := a.admin + "/api/v1/tenants"
	made := a.call("POST", "/api-keys", object{"name": "second"}).ok(201)["key"].(string)
	for _, c := range []struct {
		name   string
		header []string
		status int
		code   string
	}{
		{"Bearer", []string{"Authorization", "Bearer " + adminKey}, 200, ""},
		{"bearer", []string{"Authorization", "bearer " + adminKey}, 200, ""},
		{"X-API-KEY", []string{"X-API-KEY", adminKey}, 200, ""},
		{"a key that was made", []string{"X-API-KEY", made}, 200, ""},
		{"nothing", nil, 401, "AUTHENTICATION_REQUIRED"},
		{"empty", []string{"Authorization", ""}, 401, "AUTHENTICATION_REQUIRED"},
		{"empty key", []string{"Authorization", "Bearer "}, 401, "AUTHENTICATION_REQUIRED"},
		{"other scheme", []string{"Authorization", "Basic " + adminKey}, 401, "AUTHENTICATION_REQUIRED"},
		{"a cookie", []string{"Cookie", "session=x"}, 401, "AUTHENTICATION_REQUIRED"},
		{"wrong", []string{"Authorization", "Bearer guess"}, 401, "INVALID_API_KEY"},
		{"wrong X-API-KEY", []string{"X-API-KEY", "guess"}, 401, "INVALID_API_KEY"},
		{"other case", []string{"X-API-KEY", strings.ToUpper(adminKey)}, 401, "INVALID_API_KEY"},
		{"a part", []string{"X-API-KEY", adminKey[:10]}, 401, "INVALID_API_KEY"},
	} {
		r := a.request("GET", url, nil, c.header...)
		if c.status == 200 {
			r.ok(200)
		} else {
			r.refused(c.status, c.code)
		}
	}
	// The query is no place for a key: it ends up in logs.
	if r := a.request("GET", url+"?api_key="+adminKey, nil); r.status != 401 {
		t.Errorf("a key in the query: %d", r.status)
	}
}

func TestWithoutBootstrapKey(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *config.Config) { c.Admin.APIKey = config.Default().Admin.APIKey })
	a.as("", "GET", "/tenants", nil).refused(401, "AUTHENTICATION_REQUIRED")
	a.as(adminKey, "GET", "/tenants", nil).refused(401, "INVALID_API_KEY")
}

// Who tries many keys has to wait; who knows one need not.
func TestGuessingKeys(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.get("/tenants")
	var r answer
	for i := range 100 {
		if r = a.as(fmt.Sprintf("guess %d", i), "GET", "/tenants", nil); r.status != 401 {
			break
		}
	}
	r.refused(429, "RATE_LIMIT_EXCEEDED")
	if got := r.header.Get("Retry-After"); got == "" {
		t.Error("no Retry-After")
	}
	a.get("/tenants")
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	a := start(t)
	n := a.tenant("One", "UTC")
	key := a.call("POST", "/api-keys", object{"name": "theirs", "tenant_id": n.id}).ok(201)
	secret := key["key"].(string)
	a.as(secret, "GET", n.path, nil).ok(200)
	if raw := a.call("GET", "/api-keys", nil).raw; strings.Contains(string(raw), secret) {
		t.Errorf("the list shows a key: %s", raw)
	}
	a.restart()
	a.as(secret, "GET", n.path, nil).ok(200)
	a.call("DELETE", fmt.Sprintf("/api-keys/%s", key["id"]), nil).ok(200)
	a.as(secret, "GET", n.path, nil).refused(401, "INVALID_API_KEY")
	a.call("POST", "/api-keys", object{"name": "x", "tenant_id": 99}).invalid("tenant_id")
	a.call("POST", "/api-keys", object{}).invalid("name")
	// A tenant's keys go with it.
	secret = n.key()
	a.call("DELETE", n.path, nil).ok(200)
	a.as(secret, "GET", "/tenants", nil).refused(401, "INVALID_API_KEY")
}

// For a tenant's key other tenants do not exist.
func TestTenantsKey(t *testing.T) {
	t.Parallel()
	a := start(t)
	one, two := a.tenant("One", "UTC"), a.tenant("Two", "UTC")
	theirs := two.account(waba2, phone2)
	r := receive(t)
	e := two.endpoint(r.url, nil)
	ownEndpoint := one.endpoint(r.url, object{"events": []string{"webhook.test"}})
	a.meta(webhookOf(inMessages(waba2, phone2, "messages", textElement(customer, "wamid.2", "x"))))
	delivery := two.ended(1)[0]["id"].(string)
	event := two.events()[0]["id"].(string)
	record := a.list("/audit")[0]["id"].(string)
	key := one.key()
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", two.path, nil},
		{"PATCH", two.path, object{"name": "x"}},
		{"DELETE", two.path, nil},
		{"GET", two.path + "/accounts", nil},
		{"POST", two.path + "/accounts", object{"name": "x", "waba_id": "1", "phone_number_id": "1"}},
		{"GET", fmt.Sprintf("%s/accounts/%d", two.path, theirs), nil},
		{"GET", fmt.Sprintf("%s/accounts/%d", one.path, theirs), nil},
		{"PATCH", fmt.Sprintf("%s/accounts/%d", one.path, theirs), object{"name": "x"}},
		{"DELETE", fmt.Sprintf("%s/accounts/%d", one.path, theirs), nil},
		{"GET", two.path + "/endpoints", nil},
		{"POST", two.path + "/endpoints", object{"url": r.url}},
		{"GET", e.path, nil},
		{"PATCH", e.path, object{"enabled": false}},
		{"DELETE", e.path, nil},
		{"GET", fmt.Sprintf("%s/endpoints/%d", one.path, e.id), nil},
		{"PATCH", fmt.Sprintf("%s/endpoints/%d", one.path, e.id), object{"enabled": false}},
		{"DELETE", fmt.Sprintf("%s/endpoints/%d", one.path, e.id), nil},
		{"POST", fmt.Sprintf("%s/endpoints/%d/secret", one.path, e.id), nil},
		{"POST", fmt.Sprintf("%s/endpoints/%d/test", one.path, e.id), nil},
		{"POST", e.path + "/secret", nil},
		{"POST", e.path + "/test", nil},
		{"GET", two.path + "/events", nil},
		{"POST", two.path + "/events", object{"event": "campaign.started", "data": object{}}},
		{"GET", two.path + "/events/" + event, nil},
		{"GET", one.path + "/events/" + event, nil},
		{"GET", two.path + "/deliveries", nil},
		{"GET", two.path + "/deliveries/" + delivery, nil},
		{"GET", one.path + "/deliveries/" + delivery, nil},
		{"POST", two.path + "/deliveries/" + delivery + "/retry", nil},
		{"POST", one.path + "/deliveries/" + delivery + "/retry", nil},
		{"POST", two.path + "/replays", object{"status": "failed"}},
		{"GET", "/audit/" + record, nil},
		{"GET", fmt.Sprintf("/audit?tenant=%d", two.id), nil},
		{"GET", "/messages/wamid.2", nil},
	} {
		a.as(key, c.method, c.path, c.body).refused(404, "NOT_FOUND")
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/tenants", object{"name": "x", "timezone": "UTC"}},
		{"DELETE", one.path, nil},
		{"GET", "/api-keys", nil},
		{"POST", "/api-keys", object{"name": "x"}},
	} {
		a.as(key, c.method, c.path, c.body).refused(403, "FORBIDDEN")
	}
	for path, want := range map[string]int{"/tenants": 1, "/audit": 0, "/templates": 0, one.path + "/endpoints": 1, one.path + "/deliveries": 0} {
		if got := a.as(key, "GET", path, nil).items(); len(got) != want {
			t.Errorf("%s shows %d, want %d", path, len(got), want)
		}
	}
	if raw := a.as(key, "GET", "/monitor", nil); raw.status != 200 || strings.Contains(string(raw.raw), `"Two"`) {
		t.Errorf("monitor: %d %s", raw.status, raw.raw)
	}
	a.as(key, "PATCH", ownEndpoint.path, object{"description": "ours"}).ok(200)
	a.as(key, "POST", ownEndpoint.path+"/secret", nil).ok(200)
	a.as(key, "POST", ownEndpoint.path+"/test", nil).ok(200)
	// Nothing of the above has happened to the other one.
	says(t, "the other's endpoint", e.get(), object{"enabled": true, "has_secret": false})
	if got := len(r.requests()); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}
