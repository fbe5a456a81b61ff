package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// publishable holds every event that can be published, with all its fields.
func publishable(account int64) map[string]object {
	return map[string]object{
		"campaign.created":      {"campaign_id": "c-1", "name": "Spring", "status": "scheduled", "total_count": 10, "scheduled_at": "2026-03-10T14:30:00+03:00"},
		"campaign.started":      {"campaign_id": 17, "name": "Spring", "status": "running", "total_count": 10},
		"campaign.completed":    {"campaign_id": "c-1", "name": "Spring", "status": "completed", "total_count": 10, "sent_count": 9, "failed_count": 1},
		"template.submitted":    {"whatsapp_account_id": account, "template_name": "order_update", "language": "en_US", "category": "UTILITY", "status": "PENDING"},
		"account.quality_event": {"whatsapp_account_id": account, "type": "block", "user_phone": "16505550111"},
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	a := start(t)
	n := a.tenant("Oasis Trading", "Asia/Riyadh")
	account := n.account(waba1, phone1)
	r := receive(t)
	secret := n.endpoint(r.url, nil).newSecret()
	count := 0
	for name, data := range publishable(account) {
		t.Run(name, func(t *testing.T) {
			answer := a.call("POST", n.path+"/events", object{"event": name, "data": data}).ok(202)
			has(t, "the answer", answer, shape{"event_id": "ulid"})
			id := answer["event_id"].(string)
			count++
			got := r.wait(count)[count-1]
			wellFormed(t, &got)
			signedWith(t, secret, &got)
			if got.id() != id {
				t.Errorf("X-Webhook-Id %s, event_id %s", got.id(), id)
			}
			says(t, "what came", got.event, data)
			says(t, "what came", got.event, object{"event": name, "tenant_id": n.id})
			has(t, "what came", got.event, shape{"timestamp": "time"})
			if !strings.HasSuffix(got.event["timestamp"].(string), "+03:00") {
				t.Errorf("timestamp %s", got.event["timestamp"])
			}
			ev := a.get(n.path + "/events/" + id)
			says(t, "the event", ev, object{"id": id, "event": name, "tenant_id": n.id, "audit_id": nil, "payload": got.event})

			for field := range data {
				without := maps.Clone(data)
				delete(without, field)
				a.call("POST", n.path+"/events", object{"event": name, "data": without}).mentions(field)
				without[field] = object{}
				a.call("POST", n.path+"/events", object{"event": name, "data": without}).mentions(field)
				if field != "scheduled_at" {
					without[field] = nil
					a.call("POST", n.path+"/events", object{"event": name, "data": without}).mentions(field)
				}
			}
		})
	}
	if got := len(n.events()); got != count {
		t.Errorf("%d events, want %d: what is refused leaves nothing", got, count)
	}
}

// mentions checks that a request was refused because of a member of its data.
func (r answer) mentions(field string) {
	r.t.Helper()
	details := r.refused(422, "VALIDATION_ERROR")
	for name := range details {
		if name == field || strings.HasSuffix(name, "."+field) {
			return
		}
	}
	r.t.Errorf("%s: nothing about %q: %s", r.what, field, r.raw)
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	a := start(t)
	n, other := a.tenant("One", "UTC"), a.tenant("Two", "UTC")
	n.account(waba1, phone1)
	foreign := other.account(waba2, phone2)
	good := object{"campaign_id": "1", "name": "x", "status": "s", "total_count": 1}
	with := func(name string, value any) object {
		o := maps.Clone(good)
		o[name] = value
		return object{"event": "campaign.started", "data": o}
	}
	for _, c := range []struct {
		name string
		body any
	}{
		{"nothing", nil},
		{"empty", object{}},
		{"no event", object{"data": good}},
		{"no data", object{"event": "campaign.started"}},
		{"data is null", object{"event": "campaign.started", "data": nil}},
		{"data is a list", object{"event": "campaign.started", "data": []any{good}}},
		{"data is a string", object{"event": "campaign.started", "data": "{}"}},
		{"event is a number", object{"event": 1, "data": good}},
		{"unknown event", object{"event": "campaign.paused", "data": good}},
		{"other case", object{"event": "Campaign.Started", "data": good}},
		{"any event", object{"event": "*", "data": good}},
		{"Meta's event", object{"event": "message.received", "data": good}},
		{"Meta's event", object{"event": "message.status_updated", "data": good}},
		{"Meta's event", object{"event": "template.status_changed", "data": good}},
		{"flow's event", object{"event": "flow.session_started", "data": good}},
		{"test event", object{"event": "webhook.test", "data": object{"message": "x"}}},
		{"negative count", with("total_count", -1)},
		{"fraction", with("total_count", 1.5)},
		{"count as a string", with("total_count", "1")},
		{"empty name", with("name", "")},
		{"id is a boolean", with("campaign_id", true)},
		{"own event", with("event", "x")},
		{"own tenant", with("tenant_id", 1)},
		{"own timestamp", with("timestamp", "2026-01-01T00:00:00Z")},
		{"unknown member beside data", object{"event": "campaign.started", "data": good, "tenant": 1}},
		{"another tenant's account", object{"event": "account.quality_event", "data": object{"whatsapp_account_id": foreign, "type": "block", "user_phone": "1"}}},
		{"unknown account", object{"event": "account.quality_event", "data": object{"whatsapp_account_id": 99, "type": "block", "user_phone": "1"}}},
		{"account as a string", object{"event": "account.quality_event", "data": object{"whatsapp_account_id": "1", "type": "block", "user_phone": "1"}}},
		{"other quality type", object{"event": "account.quality_event", "data": object{"whatsapp_account_id": 1, "type": "spam", "user_phone": "1"}}},
		{"a time that is none", object{"event": "campaign.created", "data": object{"campaign_id": "1", "name": "x", "status": "s", "total_count": 1, "scheduled_at": "tomorrow"}}},
		{"no JSON", "event=campaign.started"},
		{"truncated", `{"event":"campaign.started","data":{"campaign_id":"1"`},
		{"invalid UTF-8", "{\"event\":\"campaign.started\",\"data\":{\"campaign_id\":\"1\",\"name\":\"\xff\",\"status\":\"s\",\"total_count\":1}}"},
		{"a field twice", `{"event":"campaign.started","data":{"campaign_id":"1","name":"x","name":"y","status":"s","total_count":1}}`},
		{"10,000 levels", `{"event":"campaign.started","data":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a.call("POST", n.path+"/events", c.body).refused(422, "VALIDATION_ERROR")
		})
	}
	a.call("POST", "/tenants/99/events", object{"event": "campaign.started", "data": good}).refused(404, "NOT_FOUND")
	if r := a.call("POST", n.path+"/events", `{"event":"campaign.started","data":{"x":"`+strings.Repeat("x", 5<<20)+`"}}`); r.status != 413 {
		t.Errorf("5 MiB: %d", r.status)
	}
	if got := len(n.events()); got != 0 {
		t.Errorf("%d events", got)
	}
}

// Numbers keep their digits, strings their characters, and more fields than the table has pass.
func TestPublishKeepsValues(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	const data = `{"campaign_id":12345678901234567890123,"name":"<b> & \"ü\" \u2028 😀","status":"running","total_count":9007199254740991,"more":{"a":[1.10,1e3,null,true]},"z":-0}`
	a.call("POST", n.path+"/events", `{"event":"campaign.started","data":`+data+`}`).ok(202)
	got := r.wait(1)[0]
	for _, want := range []string{`"campaign_id":12345678901234567890123`, `"total_count":9007199254740991`, `"more":{"a":[1.10,1e3,null,true]}`, `"z":-0`} {
		if !bytes.Contains(got.body, []byte(want)) {
			t.Errorf("no %s in %s", want, got.body)
		}
	}
	says(t, "what came", got.event, object{"name": "<b> & \"ü\" \u2028 😀"})
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	other := a.tenant("Other", "UTC")
	data := func(name string) object {
		return object{"campaign_id": "1", "name": name, "status": "s", "total_count": 1}
	}
	publish := func(n *tenant, key string, data object) answer {
		t.Helper()
		return a.call("POST", n.path+"/events", object{"event": "campaign.started", "data": data}, "Idempotency-Key", key)
	}
	first := publish(n, "k1", data("x")).ok(202)["event_id"]
	if got := publish(n, "k1", data("x")).ok(202)["event_id"]; got != first {
		t.Errorf("the repeat is %s, the first was %s", got, first)
	}
	publish(n, "k1", data("y")).refused(409, "CONFLICT")
	a.call("POST", n.path+"/events", object{"event": "campaign.completed", "data": object{"campaign_id": "1", "name": "x", "status": "s", "total_count": 1, "sent_count": 1, "failed_count": 0}},
		"Idempotency-Key", "k1").refused(409, "CONFLICT")
	ids := []any{first, publish(n, "K1", data("x")).ok(202)["event_id"], publish(other, "k1", data("y")).ok(202)["event_id"], n.campaign("no key"), n.campaign("no key")}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			t.Errorf("%s twice", id)
		}
	}
	// What was refused has taken no key.
	publish(n, "k2", data("")).refused(422, "VALIDATION_ERROR")
	publish(n, "k2", data("x")).ok(202)
	for _, key := range []string{strings.Repeat("k", 10_000), ""} {
		publish(n, key, data("x")).invalid("Idempotency-Key")
	}
	a.restart()
	if got := publish(n, "k1", data("x")).ok(202)["event_id"]; got != first {
		t.Errorf("after a restart %s, before %s", got, first)
	}
	publish(n, "k1", data("y")).refused(409, "CONFLICT")

	var posts sync.WaitGroup
	got := make([]any, 20)
	for i := range got {
		posts.Go(func() {
			var id struct{ Data struct{ EventID any } }
			r := publish(n, "at once", data("x"))
			_ = json.Unmarshal(bytes.Replace(r.raw, []byte("event_id"), []byte("EventID"), 1), &id)
			got[i] = id.Data.EventID
		})
	}
	posts.Wait()
	for _, id := range got {
		if id == nil || id != got[0] {
			t.Errorf("at once: %v", got)
			break
		}
	}
	n.ended(6)
	if got := len(r.requests()); got != 6 {
		t.Errorf("%d requests, want 6", got)
	}
}

func TestEventLists(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	for _, name := range []string{"message-text", "status-sent"} {
		a.samples(name)
		tick(t)
	}
	for i := range 3 {
		n.campaign(fmt.Sprint(i))
	}
	n.ended(5)
	events := n.events()
	second := events[1]["created_at"].(string)
	for _, c := range []struct {
		query string
		want  int
	}{
		{"/events", 5},
		{"/events?event=campaign.started", 3},
		{"/events?event=message.received", 1},
		{"/events?event=template.submitted", 0},
		{"/events?since=" + second, 4},
		{"/events?until=" + second, 1},
		{"/deliveries", 5},
		{"/deliveries?status=succeeded", 5},
		{"/deliveries?status=failed", 0},
		{"/deliveries?status=pending", 0},
		{"/deliveries?status=retrying", 0},
		{"/deliveries?event=campaign.started&status=succeeded&endpoint=1", 3},
		{"/deliveries?endpoint=99", 0},
		{"/deliveries?since=" + second, 4},
		{"/deliveries?until=" + second, 1},
		{"/deliveries?since=2026-01-01&until=2026-01-02", 0},
	} {
		if got := a.list(n.path + c.query); len(got) != c.want {
			t.Errorf("%s: %d, want %d", c.query, len(got), c.want)
		}
	}
	for _, query := range []string{"/events?event=x", "/deliveries?status=lost", "/deliveries?event=x", "/deliveries?endpoint=x", "/deliveries?since=x", "/deliveries?sort=asc", "/events?since=2026-01-02&until=2026-01-01"} {
		a.call("GET", n.path+query, nil).refused(422, "VALIDATION_ERROR")
	}
	a.call("GET", n.path+"/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", nil).refused(404, "NOT_FOUND")
}
