package admin

import (
	"testing"
	"time"

	"cubeconnect/webhook"
)

// understood is an option: every POST without tenants carries a message to the first tenant.
func understood(o *Options) {
	o.Parse = func(rec *webhook.Audit) webhook.Inbound {
		item := webhook.Item{
			TenantID: 1, AccountID: 1, Message: &webhook.MessageItem{PhoneNumberID: "101", MessageID: rec.ID.String(), At: rec.ReceivedAt},
			Event: &webhook.Event{TenantID: 1, Type: webhook.MessageReceived, Payload: []byte(`{}`)},
		}
		return webhook.Inbound{Items: []webhook.Item{item}, Tenants: []uint32{1}}
	}
}

func TestReprocess(t *testing.T) {
	f := newFixtureWith(t, understood)
	path, _, _ := f.tenant(t, "Akme")
	f.endpoint(t, path)
	for range 3 {
		f.inbound(t, "")
		f.clock.advance(time.Minute)
	}
	reprocess := func(body string, examined, events int) {
		t.Helper()
		a := f.must(t, 202, "POST", "/api/v1/audit/reprocess", body)
		a.equal(t, examined, "examined")
		a.equal(t, events, "changed")
		a.equal(t, events, "events")
		a.equal(t, 0, "undecided")
	}
	one := f.must(t, 200, "GET", "/api/v1/audit", "").str("items", 1, "id")
	reprocess(`{"since":"2026-03-10T11:30:00Z","dry_run":true}`, 3, 3)
	reprocess(`{"since":"2026-03-10T11:31:00Z","until":"2026-03-10T11:32:00Z","dry_run":true}`, 1, 1)
	reprocess(`{"since":1773142260,"dry_run":true}`, 2, 2)
	reprocess(`{"id":"`+one+`"}`, 1, 1)
	reprocess(`{"since":"2026-03-10","until":null}`, 3, 2)
	reprocess(`{"since":"2026-03-10"}`, 3, 0)
	if n := f.must(t, 200, "GET", path+"/deliveries?status=pending", "").len("items"); n != 3 {
		t.Errorf("%d deliveries", n)
	}
	a := f.must(t, 200, "GET", "/api/v1/audit/"+one, "")
	a.equal(t, "accepted", "outcome")
	a.equal(t, "[1]", "tenant_ids")
	if a.len("event_ids") != 1 {
		t.Errorf("%s", a.text)
	}
}

func TestReprocessRefuses(t *testing.T) {
	f := newFixtureWith(t, understood)
	for body, field := range map[string]string{
		`{}`:                               "since",
		`{"since":null}`:                   "since",
		`{"until":"2026-03-10T00:00:00Z"}`: "since",
		`{"since":"yesterday"}`:            "since",
		`{"since":"2026-03-10","until":"2026-03-09"}`: "until",
		`{"since":"2026-03-10","until":"soon"}`:       "until",
		`{"since":"2026-03-10","dry_run":"yes"}`:      "dry_run",
		`{"since":"2026-03-10","outcome":"unrouted"}`: "outcome",
		`{"id":"7"}`:  "id",
		`{"id":null}`: "id",
		`{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","since":"2026-03"}`:    "since",
		`{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","since":"2026-03-10"}`: "id",
		`[]`: "body",
	} {
		a := f.do(t, "POST", "/api/v1/audit/reprocess", body)
		if _, named := a.fields[field]; a.status != 422 || !named {
			t.Errorf("%s: %d %s", body, a.status, a.text)
		}
	}
	if a := f.do(t, "POST", "/api/v1/audit/reprocess", `{"id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`); a.status != 404 {
		t.Errorf("a record that isn't there: %d %s", a.status, a.text)
	}
}
