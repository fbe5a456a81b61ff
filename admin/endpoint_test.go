package admin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEndpoints(t *testing.T) {
	f := newFixture(t)
	path, _, tenant := f.tenant(t, "Akme")
	a := f.must(t, 201, "POST", path+"/endpoints", `{"url":" https://example.com/in "}`)
	for name, want := range map[string]any{
		"id": 1, "tenant_id": tenant, "url": "https://example.com/in", "events": "[*]", "enabled": true, "description": "", "include_raw": false,
		"retries": "[10s 1m]", "timeout": "10s", "inherited": "[retries timeout]", "headers": "map[]", "has_secret": false, "disabled_reason": nil, "created_at": "2026-03-10T11:30:00.000Z",
	} {
		a.equal(t, want, name)
	}
	b := f.must(t, 201, "POST", path+"/endpoints", `{"url":"https://example.com/2","events":["message.received","webhook.test"],"enabled":false,"description":"orders","include_raw":true,"retries":["1m30s",7,"7d"],"timeout":2.5,"headers":{"X-Tenant":"7"}}`)
	for name, want := range map[string]any{
		"id": 2, "events": "[message.received webhook.test]", "enabled": false, "description": "orders", "include_raw": true,
		"retries": "[1m30s 7s 7d]", "timeout": "2.5s", "inherited": "[]", "headers": "map[X-Tenant:7]",
	} {
		b.equal(t, want, name)
	}
	f.must(t, 201, "POST", path+"/endpoints", `{"url":"https://example.com/3","retries":[]}`).equal(t, "[]", "retries")
	if got := f.must(t, 200, "GET", path+"/endpoints", ""); got.len("items") != 3 {
		t.Errorf("list %s", got.text)
	}
	f.must(t, 200, "DELETE", path+"/endpoints/3", "")
	f.must(t, 404, "GET", path+"/endpoints/3", "")
	f.must(t, 404, "PATCH", path+"/endpoints/3", `{"enabled":true}`)
	f.must(t, 404, "POST", "/api/v1/tenants/9/endpoints", `{"url":"https://example.com"}`)
}

func TestEndpointPatch(t *testing.T) {
	f := newFixture(t)
	tenant, _, _ := f.tenant(t, "Akme")
	path, id := f.endpoint(t, tenant)
	f.must(t, 200, "PATCH", path, `{"retries":["1s"],"timeout":"5s","headers":{"X-A":"b"},"description":"d"}`)
	if got := f.wakes(); !slices.Equal(got, []uint32{id}) {
		t.Errorf("woken %v", got)
	}
	a := f.must(t, 200, "PATCH", path, `{"url":"https://example.com/new"}`)
	for name, want := range map[string]any{"retries": "[1s]", "timeout": "5s", "headers": "map[X-A:b]", "description": "d", "url": "https://example.com/new", "inherited": "[]"} {
		a.equal(t, want, name)
	}
	a = f.must(t, 200, "PATCH", path, `{"retries":null,"timeout":null,"headers":{}}`)
	for name, want := range map[string]any{"retries": "[10s 1m]", "timeout": "10s", "headers": "map[]", "inherited": "[retries timeout]"} {
		a.equal(t, want, name)
	}

	if _, err := f.store.DisableEndpoint(t.Context(), id, "it answered 410"); err != nil {
		t.Fatal(err)
	}
	a = f.must(t, 200, "PATCH", path, `{"description":"still off"}`)
	a.equal(t, false, "enabled")
	a.equal(t, "it answered 410", "disabled_reason")
	f.must(t, 200, "PATCH", path, `{"enabled":false}`).equal(t, "it answered 410", "disabled_reason")
	a = f.must(t, 200, "PATCH", path, `{"enabled":true}`)
	a.equal(t, true, "enabled")
	a.equal(t, nil, "disabled_reason")
}

func TestEndpointsRefused(t *testing.T) {
	f := newFixture(t)
	tenant, _, _ := f.tenant(t, "Akme")
	path, _ := f.endpoint(t, tenant)
	many := make([]string, 21)
	for i := range many {
		many[i] = fmt.Sprintf(`"X-%d":"v"`, i)
	}
	// Each is refused with POST, beside a good URL, and with PATCH.
	for members, fields := range map[string][]string{
		`"url":"https://bad.example"`:     {"url"},
		`"url":""`:                        {"url"},
		`"url":5`:                         {"url"},
		`"url":null`:                      {"url"},
		`"events":[]`:                     {"events"},
		`"events":null`:                   {"events"},
		`"events":"*"`:                    {"events"},
		`"events":[null]`:                 {"events"},
		`"events":["message.read"]`:       {"events"},
		`"enabled":null`:                  {"enabled"},
		`"enabled":"true"`:                {"enabled"},
		`"retries":"10s"`:                 {"retries"},
		`"retries":["soon"]`:              {"retries"},
		`"retries":[null]`:                {"retries"},
		`"retries":["-1s"]`:               {"retries"},
		`"retries":["169h"]`:              {"retries"},
		`"retries":[1e300]`:               {"retries"},
		`"timeout":"0s"`:                  {"timeout"},
		`"timeout":0`:                     {"timeout"},
		`"timeout":"99ms"`:                {"timeout"},
		`"timeout":"5m1s"`:                {"timeout"},
		`"timeout":true`:                  {"timeout"},
		`"headers":null`:                  {"headers"},
		`"headers":{"X-A":null}`:          {"headers"},
		`"headers":{"X-A":1}`:             {"headers"},
		`"headers":{"host":"x"}`:          {"headers"},
		`"headers":{"X-A":"a\r\nX-B: b"}`: {"headers"},
		`"headers":{"X A":"a"}`:           {"headers"},
		`"headers":{` + strings.Join(many, ",") + `}`:      {"headers"},
		`"description":"` + strings.Repeat("x", 501) + `"`: {"description"},
		`"secret":"12345678"`:                              {"secret"},
		`"has_secret":true`:                                {"has_secret"},
		`"disabled_reason":null`:                           {"disabled_reason"},
		`"id":1,"tenant_id":1,"created_at":0`:              {"created_at", "id", "tenant_id"},
		`"state":"healthy"`:                                {"state"},
		`"event":["*"]`:                                    {"event"},
	} {
		f.invalid(t, "PATCH", path, "{"+members+"}", fields...)
		if !strings.HasPrefix(members, `"url"`) {
			members = `"url":"https://example.com",` + members
		}
		f.invalid(t, "POST", tenant+"/endpoints", "{"+members+"}", fields...)
	}
	f.invalid(t, "POST", tenant+"/endpoints", `{}`, "url")
	a := f.do(t, "POST", tenant+"/endpoints", `{"url":"https://bad.example","events":["message.read"]}`)
	if text := fmt.Sprint(a.fields); !strings.Contains(text, "message.read") || !strings.Contains(text, "the address is private") {
		t.Errorf("words %s", text)
	}
	if got := f.must(t, 200, "GET", tenant+"/endpoints", ""); got.len("items") != 1 {
		t.Error("a refused request left something")
	}
}

func TestSecret(t *testing.T) {
	f := newFixture(t)
	tenant, _, tenantID := f.tenant(t, "Akme")
	path, id := f.endpoint(t, tenant)
	stored := func() string {
		e, err := f.store.Endpoint(t.Context(), tenantID, id)
		if err != nil {
			t.Fatal(err)
		}
		return e.Secret.Reveal()
	}
	first := f.must(t, 200, "POST", path+"/secret", "").str("secret")
	if !strings.HasPrefix(first, "whsec_") || stored() != first {
		t.Errorf("made %q, stored %q", first, stored())
	}
	if second := f.must(t, 200, "POST", path+"/secret", `{}`).str("secret"); second == first || stored() != second {
		t.Errorf("made %q again", second)
	}
	f.must(t, 200, "POST", path+"/secret", `{"secret":"my own secret"}`).equal(t, "my own secret", "secret")
	a := f.must(t, 200, "GET", path, "")
	a.equal(t, true, "has_secret")
	if strings.Contains(a.text, "my own secret") {
		t.Error("the secret is shown again")
	}
	for _, body := range []string{`{"secret":"short"}`, `{"secret":null}`, `{"secret":5}`, `{"secret":"whsec_%%%%"}`, `{"secret":"paßwort!"}`} {
		f.invalid(t, "POST", path+"/secret", body, "secret")
	}
	f.invalid(t, "POST", path+"/secret", `{"sceret":"12345678"}`, "sceret")
	if stored() != "my own secret" {
		t.Error("a refused request changed it")
	}
	f.must(t, 200, "POST", path+"/secret", `{"secret":""}`).equal(t, "", "secret")
	f.must(t, 200, "GET", path, "").equal(t, false, "has_secret")
	f.must(t, 404, "POST", tenant+"/endpoints/99/secret", "")
}
