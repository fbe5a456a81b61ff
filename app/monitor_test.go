package app_test

import (
	"fmt"
	"testing"
)

// The monitor tells how each endpoint does, what waits for it, and what Meta sends.
func TestMonitorReport(t *testing.T) {
	t.Parallel()
	a := start(t)
	good, bad := receive(t), receive(t)
	bad.fails(1000, 500)
	n, other := a.tenant("One", "UTC"), a.tenant("Two", "UTC")
	n.account(waba1, phone1)
	healthy, failing := n.endpoint(good.url, nil), n.endpoint(bad.url, object{"retries": []string{"1h"}})
	b := text("16505551234", "wamid.1", "hello")
	a.meta(b)
	a.meta(b)
	if r := a.request("POST", a.public+webhookPath, b); r.status != 401 {
		t.Fatalf("unsigned: %d", r.status)
	}
	good.wait(1)
	bad.wait(1)
	var r object
	eventually(t, func() error {
		r = a.get("/monitor?series=1h")
		if totals := r["totals"].(object); fmt.Sprintf("%v %v", totals["retrying"], totals["succeeded"]) != "1 1" {
			return fmt.Errorf("totals %v", totals)
		}
		return nil
	})
	inbound := r["inbound"].(object)
	for _, window := range []string{"1h", "24h", "7d"} {
		says(t, "inbound", inbound[window].(object), object{"accepted": 1, "duplicate": 1, "bad_signature": 1, "handshakes": 0})
	}
	if inbound["last_at"] == nil || len(inbound["series"].([]any)) == 0 {
		t.Errorf("inbound %v", inbound)
	}
	says(t, "all attempts", r["attempts"].(object)["24h"].(object), object{"succeeded": 1, "failed": 1, "success_rate": 0.5})
	if len(r["series"].([]any)) == 0 || inbound["quiet"] != false {
		t.Errorf("series %v, quiet %v", r["series"], inbound["quiet"])
	}
	for _, part := range r["tenants"].([]any) {
		part := part.(object)
		if fmt.Sprint(part["id"]) == fmt.Sprint(other.id) {
			says(t, "another tenant's attempts", part["attempts"].(object)["1h"].(object), object{"succeeded": 0, "failed": 0, "success_rate": nil})
			says(t, "another tenant's inbound", part["inbound"].(object)["24h"].(object), object{"accepted": 0, "bad_signature": 0})
			continue
		}
		says(t, "the tenant's inbound", part["inbound"].(object)["24h"].(object), object{"accepted": 1, "duplicate": 1, "bad_signature": 0})
		for _, e := range part["endpoints"].([]any) {
			e := e.(object)
			day := e["attempts"].(object)["24h"].(object)
			if len(e["series"].([]any)) != 1 {
				t.Errorf("series %v", e["series"])
			}
			switch fmt.Sprint(e["id"]) {
			case fmt.Sprint(healthy.id):
				says(t, "the healthy one", e, object{"state": "healthy", "next_retry_at": nil, "oldest_pending_at": nil, "last_error": nil, "last_status": nil})
				says(t, "its attempts", day, object{"succeeded": 1, "failed": 0, "success_rate": 1})
			case fmt.Sprint(failing.id):
				says(t, "the failing one", e, object{"state": "failing", "last_error": "status", "last_status": 500, "retrying": 1})
				says(t, "its attempts", day, object{"succeeded": 0, "failed": 1, "dead_letters": 0, "success_rate": 0})
				if e["next_retry_at"] == nil || e["oldest_pending_at"] == nil {
					t.Errorf("what waits: %v, %v", e["next_retry_at"], e["oldest_pending_at"])
				}
			}
		}
	}
	one := a.get(fmt.Sprintf("/monitor?tenant=%d&endpoint=%d", n.id, healthy.id))
	if list := one["tenants"].([]any)[0].(object)["endpoints"].([]any); len(list) != 1 || list[0].(object)["series"] != nil {
		t.Errorf("one endpoint: %v", list)
	}
	theirs := a.as(other.key(), "GET", "/monitor", nil).ok(200)
	says(t, "what a tenant sees", theirs["inbound"].(object)["24h"].(object), object{"accepted": 0, "bad_signature": 0})
	a.call("GET", "/monitor?series=1y", nil).refused(422, "VALIDATION_ERROR")
}
