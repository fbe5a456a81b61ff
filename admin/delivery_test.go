package admin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// deliveries is a tenant with two endpoints and three events: to the first endpoint one was delivered,
// one is retried and one failed for good; to the second all are pending.
type deliveries struct {
	*fixture
	path                         string
	tenant                       uint32
	first, second                uint32
	succeeded, retrying, failing webhook.ID // events
}

func newDeliveries(t *testing.T) *deliveries {
	t.Helper()
	d := &deliveries{fixture: newFixture(t)}
	d.path, _, d.tenant = d.fixture.tenant(t, "Akme")
	_, d.first = d.endpoint(t, d.path)
	_, d.second = d.endpoint(t, d.path)
	publish := func(campaign int) webhook.ID {
		d.clock.advance(time.Second)
		return parseID(t, d.must(t, 202, "POST", d.path+"/events", fmt.Sprintf(`{"event":"campaign.started","data":{"campaign_id":%d,"name":"n","status":"s","total_count":2}}`, campaign)).str("event_id"))
	}
	d.succeeded, d.retrying, d.failing = publish(1), publish(2), publish(3)
	d.finish(t, d.tenant, d.succeeded.WithOwner(d.first), delivered(), time.Time{})
	d.finish(t, d.tenant, d.retrying.WithOwner(d.first), failed(), begin.Add(time.Hour))
	d.finish(t, d.tenant, d.failing.WithOwner(d.first), failed(), time.Time{})
	return d
}

// one returns the path of the first endpoint's delivery of an event.
func (d *deliveries) one(event webhook.ID) string {
	return d.path + "/deliveries/" + event.WithOwner(d.first).String()
}

func TestDeliveries(t *testing.T) {
	d := newDeliveries(t)
	for query, want := range map[string]int{
		"": 6, "status=pending": 3, "status=retrying": 1, "status=succeeded": 1, "status=failed": 1, "status=&endpoint=": 6,
		fmt.Sprintf("endpoint=%d", d.first): 3, "endpoint=99": 0, "event=campaign.started": 6, "event=message.received": 0,
		"since=2026-03-10T11:30:03Z": 2, "until=2026-03-10T11:30:03Z": 4, fmt.Sprintf("status=failed&endpoint=%d", d.second): 0,
	} {
		if a := d.must(t, 200, "GET", d.path+"/deliveries?"+query, ""); a.len("items") != want {
			t.Errorf("%s: %d in %s", query, a.len("items"), a.text)
		}
	}
	for query, field := range map[string]string{"status=dead": "status", "event=x": "event", "endpoint=x": "endpoint", "endpoint=0": "endpoint", "since=x": "since", "state=failed": "state"} {
		d.invalid(t, "GET", d.path+"/deliveries?"+query, "", field)
	}
	a := d.must(t, 200, "GET", d.path+"/deliveries?status=failed", "")
	for name, want := range map[string]any{
		"id": d.failing.WithOwner(d.first), "event_id": d.failing, "event": "campaign.started", "tenant_id": d.tenant, "endpoint_id": d.first, "status": "failed",
		"attempt_count": 1, "next_attempt_at": nil, "created_at": "2026-03-10T11:30:03.000Z", "finished_at": "2026-03-10T11:30:03.000Z",
	} {
		a.equal(t, want, "items", 0, name)
	}
	if item := a.get("items", 0).(map[string]any); item["attempts"] != nil || item["payload"] != nil {
		t.Errorf("lists have attempts: %s", a.text)
	}
	d.must(t, 200, "GET", d.path+"/deliveries?status=retrying", "").equal(t, "2026-03-10T12:30:00.000Z", "items", 0, "next_attempt_at")
}

func TestDelivery(t *testing.T) {
	d := newDeliveries(t)
	a := d.must(t, 200, "GET", d.one(d.failing), "")
	for name, want := range map[string]any{
		"number": 1, "started_at": "2026-03-10T11:30:00.000Z", "duration_ms": 1, "status_code": 500, "error": "status", "response_body": "broken \uFFFD<b>",
	} {
		a.equal(t, want, "attempts", 0, name)
	}
	a.equal(t, 3, "payload", "campaign_id")
	a = d.must(t, 200, "GET", d.one(d.succeeded), "")
	a.equal(t, nil, "attempts", 0, "error")
	a = d.must(t, 200, "GET", d.path+"/deliveries/"+d.failing.WithOwner(d.second).String(), "")
	if !strings.Contains(a.text, `"attempts":[]`) {
		t.Errorf("attempts of a fresh delivery: %s", a.text)
	}
	d.finish(t, d.tenant, d.failing.WithOwner(d.second), webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: webhook.ErrorRefused}}, time.Time{})
	a = d.must(t, 200, "GET", d.path+"/deliveries/"+d.failing.WithOwner(d.second).String(), "")
	a.equal(t, nil, "attempts", 0, "status_code")
	a.equal(t, "refused", "attempts", 0, "error")
	d.must(t, 404, "GET", d.path+"/deliveries/"+d.failing.WithOwner(99).String(), "")
}

func TestRetry(t *testing.T) {
	d := newDeliveries(t)
	for _, event := range []webhook.ID{d.failing, d.succeeded} {
		a := d.must(t, 202, "POST", d.one(event)+"/retry", "")
		a.equal(t, "pending", "status")
		a.equal(t, 1, "attempt_count")
		a.equal(t, nil, "finished_at")
		a.equal(t, "2026-03-10T11:30:03.000Z", "next_attempt_at")
	}
	a := d.must(t, 202, "POST", d.one(d.retrying)+"/retry", "")
	a.equal(t, "retrying", "status")
	a.equal(t, "2026-03-10T11:30:03.000Z", "next_attempt_at")
	if got := d.wakes(); !slices.Equal(got, []uint32{d.first, d.first, d.first}) {
		t.Errorf("woken %v", got)
	}
	d.must(t, 404, "POST", d.path+"/deliveries/"+d.failing.WithOwner(99).String()+"/retry", "")
	d.must(t, 200, "DELETE", fmt.Sprintf("%s/endpoints/%d", d.path, d.first), "")
	if a := d.do(t, "POST", d.one(d.failing)+"/retry", ""); a.status != 409 && a.status != 404 {
		t.Errorf("to a deleted endpoint: %d %s", a.status, a.text)
	}
}

func TestReplay(t *testing.T) {
	d := newDeliveries(t)
	replays := d.path + "/replays"
	for _, tt := range []struct {
		body  string
		count int
	}{
		{`{"status":"failed","dry_run":true}`, 1},
		{`{"status":"succeeded","dry_run":true}`, 1},
		{`{"status":"missing","dry_run":true}`, 0},
		{fmt.Sprintf(`{"status":"failed","endpoint":%d}`, d.second), 0},
		{`{"status":"failed","event":"message.received"}`, 0},
		{`{"status":"failed","since":"2026-03-10T11:30:04Z"}`, 0},
		{`{"status":"failed","until":1773142203}`, 0},
	} {
		d.must(t, 202, "POST", replays, tt.body).equal(t, tt.count, "count")
	}
	if got := d.wakes(); got != nil {
		t.Errorf("woken for nothing: %v", got)
	}
	d.must(t, 202, "POST", replays, fmt.Sprintf(`{"status":"failed","endpoint":%d,"event":"campaign.started","since":"2026-03-10","until":null,"dry_run":false}`, d.first)).equal(t, 1, "count")
	if got := d.wakes(); !slices.Equal(got, []uint32{d.first}) {
		t.Errorf("woken %v", got)
	}
	d.must(t, 202, "POST", replays, `{"status":"failed"}`).equal(t, 0, "count")
	d.must(t, 200, "GET", d.one(d.failing), "").equal(t, "pending", "status")
	d.must(t, 202, "POST", replays, `{"status":"succeeded","endpoint":null,"event":null}`).equal(t, 1, "count")
	if got := d.wakes(); !slices.Equal(got, []uint32{d.first, d.second}) {
		t.Errorf("woken %v", got)
	}

	third, id := d.endpoint(t, d.path)
	d.must(t, 202, "POST", replays, fmt.Sprintf(`{"status":"missing","endpoint":%d}`, id)).equal(t, 3, "count")
	d.must(t, 202, "POST", replays, fmt.Sprintf(`{"status":"missing","endpoint":%d}`, id)).equal(t, 0, "count")
	if a := d.must(t, 200, "GET", fmt.Sprintf("%s/deliveries?endpoint=%d", d.path, id), ""); a.len("items") != 3 {
		t.Errorf("%s has %s", third, a.text)
	}
}

func TestReplayRefused(t *testing.T) {
	d := newDeliveries(t)
	other, _, _ := d.fixture.tenant(t, "Other")
	_, foreign := d.endpoint(t, other)
	for body, fields := range map[string][]string{
		``:                                   {"body"},
		`{}`:                                 {"status"},
		`{"status":null}`:                    {"status"},
		`{"status":"pending"}`:               {"status"},
		`{"status":"failed","endpoint":"1"}`: {"endpoint"},
		`{"status":"failed","endpoint":0}`:   {"endpoint"},
		`{"status":"failed","endpoint":99}`:  {"endpoint"},
		fmt.Sprintf(`{"status":"failed","endpoint":%d}`, foreign):       {"endpoint"},
		`{"status":"failed","event":"x"}`:                               {"event"},
		`{"status":"failed","event":5}`:                                 {"event"},
		`{"status":"failed","since":"soon"}`:                            {"since"},
		`{"status":"failed","since":true}`:                              {"since"},
		`{"status":"failed","since":1.5}`:                               {"since"},
		`{"status":"failed","since":"2026-03-11","until":"2026-03-10"}`: {"until"},
		`{"status":"failed","dry_run":"yes"}`:                           {"dry_run"},
		`{"status":"failed","dryrun":true}`:                             {"dryrun"},
	} {
		d.invalid(t, "POST", d.path+"/replays", body, fields...)
	}
	d.must(t, 404, "POST", "/api/v1/tenants/99/replays", `{"status":"failed"}`)
	if a := d.must(t, 200, "GET", d.path+"/deliveries?status=failed", ""); a.len("items") != 1 {
		t.Error("a refused request did something")
	}
}

func TestSendTest(t *testing.T) {
	f := newFixture(t)
	tenant, _, tenantID := f.tenant(t, "Akme")
	path, id := f.endpoint(t, tenant)
	f.sender.outcome = delivered()
	a := f.must(t, 200, "POST", path+"/test", "")
	for name, want := range map[string]any{"delivered": true, "status_code": 200, "duration_ms": 12, "error": nil, "error_message": nil, "response_body": "ok"} {
		a.equal(t, want, name)
	}
	c := f.sender.claims[0]
	if want := `{"event":"webhook.test","tenant_id":1,"timestamp":"2026-03-10T14:30:00+03:00","message":"` + testMessage + `"}`; string(c.Body) != want {
		t.Errorf("body %s, want %s", c.Body, want)
	}
	if c.Endpoint.ID != id || c.EventID.Tenant() != tenantID || c.ID != c.EventID.WithOwner(id) || c.Number != 1 || c.Type != webhook.WebhookTest || a.str("event_id") != c.EventID.String() {
		t.Errorf("claim %+v", c)
	}

	f.must(t, 200, "PATCH", path, `{"enabled":false}`)
	f.sender.outcome = failed()
	a = f.must(t, 200, "POST", path+"/test", `{}`)
	for name, want := range map[string]any{"delivered": false, "status_code": 500, "duration_ms": 1, "error": "status", "response_body": "broken \uFFFD<b>"} {
		a.equal(t, want, name)
	}
	for _, class := range webhook.ErrorClasses {
		f.sender.outcome = webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: class}}
		a = f.must(t, 200, "POST", path+"/test", "")
		a.equal(t, nil, "status_code")
		a.equal(t, class, "error")
		if a.str("error_message") == "" {
			t.Errorf("%s has no words", class)
		}
	}
	if f.sender.claims[1].EventID == c.EventID {
		t.Error("two tests have one id")
	}
	if a := f.must(t, 200, "GET", tenant+"/events", ""); a.len("items") != 0 {
		t.Error("a test is stored")
	}
	f.must(t, 404, "POST", tenant+"/endpoints/99/test", "")
}

func TestStatusWords(t *testing.T) {
	seen := map[string]int{}
	for _, status := range []int{301, 401, 404, 410, 418, 500} {
		words := statusWords(status)
		if other := seen[words]; other != 0 {
			t.Errorf("%d and %d say the same", status, other)
		}
		seen[words] = status
	}
}
