package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

const started = `{"event":"campaign.started","data":{"campaign_id":1,"name":"Eid <b>","status":"running","total_count":2}}`

func TestPublish(t *testing.T) {
	f := newFixture(t)
	path, _, tenant := f.tenant(t, "Akme")
	_, endpoint := f.endpoint(t, path)
	id := parseID(t, f.must(t, 202, "POST", path+"/events", started).str("event_id"))

	e := f.must(t, 200, "GET", path+"/events/"+id.String(), "")
	e.equal(t, "campaign.started", "event")
	e.equal(t, tenant, "tenant_id")
	e.equal(t, nil, "audit_id")
	e.equal(t, "2026-03-10T14:30:00+03:00", "payload", "timestamp")
	e.equal(t, "2026-03-10T11:30:00.000Z", "created_at")
	e.equal(t, "pending", "deliveries", 0, "status")
	e.equal(t, endpoint, "deliveries", 0, "endpoint_id")
	if want := `"payload":{"event":"campaign.started","tenant_id":1,"timestamp":"2026-03-10T14:30:00+03:00","campaign_id":1,"name":"Eid <b>","status":"running","total_count":2}`; !strings.Contains(e.text, want) {
		t.Errorf("%s has no %s", e.text, want)
	}
	l := f.must(t, 200, "GET", path+"/events", "")
	l.equal(t, id, "items", 0, "id")
	if _, ok := l.get("items", 0).(map[string]any)["deliveries"]; ok {
		t.Error("lists have deliveries")
	}
	// Nobody wants it: it is an event all the same, and its list of deliveries is no null.
	f.must(t, 200, "DELETE", fmt.Sprintf("%s/endpoints/%d", path, endpoint), "")
	id = parseID(t, f.must(t, 202, "POST", path+"/events", started).str("event_id"))
	if e := f.must(t, 200, "GET", path+"/events/"+id.String(), ""); !strings.Contains(e.text, `"deliveries":[]`) {
		t.Errorf("event %s", e.text)
	}
}

func TestPublishFilters(t *testing.T) {
	f := newFixture(t)
	path, _, _ := f.tenant(t, "Akme")
	f.publishOne(t, path)
	f.clock.advance(time.Hour)
	f.must(t, 202, "POST", path+"/events", `{"event":"campaign.completed","data":{"campaign_id":1,"name":"n","status":"s","total_count":1,"sent_count":1,"failed_count":0}}`)
	for query, want := range map[string]int{
		"": 2, "event=campaign.started": 1, "event=message.received": 0,
		"since=2026-03-10T12:00:00Z": 1, "until=2026-03-10T12:00:00Z": 1, "since=2026-03-11": 0, "since=1773142200&until=1773142201": 1,
	} {
		if a := f.must(t, 200, "GET", path+"/events?"+query, ""); a.len("items") != want {
			t.Errorf("%s: %s", query, a.text)
		}
	}
	f.invalid(t, "GET", path+"/events?event=campaign.nope", "", "event")
	f.invalid(t, "GET", path+"/events?since=soon&until=later", "", "since", "until")
	f.invalid(t, "GET", path+"/events?type=campaign.started", "", "type")
}

func TestPublishOnce(t *testing.T) {
	f := newFixture(t)
	path, _, _ := f.tenant(t, "Akme")
	other, _, _ := f.tenant(t, "Other")
	post := func(path, body, key string) answer {
		return f.do(t, "POST", path+"/events", body, "Idempotency-Key", key)
	}
	first := post(path, started, "k1")
	f.clock.advance(time.Hour)
	if again := post(path, strings.ReplaceAll(started, ":", ": "), "k1"); again.status != 202 || again.str("event_id") != first.str("event_id") {
		t.Errorf("a repeat: %s", again.text)
	}
	if changed := post(path, strings.Replace(started, `"total_count":2`, `"total_count":3`, 1), "k1"); changed.status != 409 || changed.code != "CONFLICT" {
		t.Errorf("another body: %s", changed.text)
	}
	if another := post(path, started, "k2"); another.str("event_id") == first.str("event_id") {
		t.Error("another key is the same event")
	}
	if foreign := post(other, started, "k1"); foreign.status != 202 || foreign.str("event_id") == first.str("event_id") {
		t.Errorf("another tenant's key: %s", foreign.text)
	}
	f.clock.advance(webhook.IdempotencyPeriod)
	if later := post(path, started, "k1"); later.str("event_id") == first.str("event_id") {
		t.Error("a key is remembered for ever")
	}
	for _, key := range []string{"", strings.Repeat("k", 256), "ключ"} {
		if a := post(path, started, key); a.status != 422 || a.fields["Idempotency-Key"] == nil {
			t.Errorf("%q: %s", key, a.text)
		}
	}
	if a := f.do(t, "POST", path+"/events", started, "Idempotency-Key", "a", "Idempotency-Key", "b"); a.status != 422 {
		t.Errorf("two keys: %s", a.text)
	}
}

func TestPublishRefused(t *testing.T) {
	f := newFixture(t)
	path, _, _ := f.tenant(t, "Akme")
	other, _, _ := f.tenant(t, "Other")
	f.must(t, 201, "POST", other+"/accounts", `{"name":"a","waba_id":"1","phone_number_id":"2"}`)
	for body, fields := range map[string][]string{
		``:                             {"body"},
		`{}`:                           {"event"},
		`{"event":5}`:                  {"event"},
		`{"event":null,"data":{}}`:     {"event"},
		`{"event":"message.received"}`: {"event"},
		`{"event":"webhook.test"}`:     {"event"},
		`{"event":"nope","data":{}}`:   {"event"},
		`{"event":"campaign.started"}`: {"data"},
		`{"event":"campaign.started","data":null}`:                                                                                       {"data"},
		`{"event":"campaign.started","data":{}}`:                                                                                         {"data.campaign_id", "data.name", "data.status", "data.total_count"},
		`{"event":"campaign.started","data":{"campaign_id":1,"name":"n","status":"s","total_count":-1},"x":1}`:                           {"data.total_count", "x"},
		`{"event":"campaign.started","data":{"campaign_id":1,"name":"n","status":"s","total_count":1,"tenant_id":2}}`:                    {"data.tenant_id"},
		`{"event":"account.quality_event","data":{"whatsapp_account_id":1,"type":"block","user_phone":"1"}}`:                             {"data.whatsapp_account_id"}, // another tenant's
		`{"event":"template.submitted","data":{"whatsapp_account_id":9,"template_name":"n","language":"l","category":"c","status":"s"}}`: {"data.whatsapp_account_id"},
	} {
		f.invalid(t, "POST", path+"/events", body, fields...)
	}
	large := strings.Replace(started, "Eid", strings.Repeat("x", webhook.MaxPublication), 1)
	if a := f.do(t, "POST", path+"/events", large); a.status != 413 || a.code != "VALIDATION_ERROR" {
		t.Errorf("large: %d %s", a.status, a.text)
	}
	f.must(t, 404, "POST", "/api/v1/tenants/9/events", started)
	if a := f.must(t, 200, "GET", path+"/events", ""); a.len("items") != 0 {
		t.Error("a refused request left something")
	}
	f.must(t, 202, "POST", other+"/events", `{"event":"account.quality_event","data":{"whatsapp_account_id":1,"type":"block","user_phone":"1"}}`)
}
