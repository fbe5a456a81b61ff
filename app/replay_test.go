package app_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"cubeconnect/config"
)

func (n *tenant) replay(body object) int64 {
	n.a.t.Helper()
	return number(n.a.t, n.a.call("POST", n.path+"/replays", body).ok(202), "count")
}

func TestReplayOne(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	r.fails(3, 500)
	a.samples("message-text")
	dead := n.delivery("failed")
	path := n.path + "/deliveries/" + dead["id"].(string)
	secret := e.newSecret() // set since

	got := a.call("POST", path+"/retry", nil).ok(202)
	says(t, "the answer", got, object{"id": dead["id"], "event_id": dead["event_id"]})
	d := n.delivery("succeeded")
	says(t, "the delivery", d, object{"attempt_count": 4, "id": dead["id"]})
	if got := d["attempts"].([]any); len(got) != 4 {
		t.Errorf("%d attempts on record, want 4", len(got))
	}
	came := r.requests()
	if len(came) != 4 || came[3].id() != came[0].id() || !bytes.Equal(came[3].body, came[0].body) {
		t.Fatalf("%d requests", len(came))
	}
	signedWith(t, secret, &came[3])
	wellFormed(t, &came[3])

	// What succeeded can be sent again too, on a new schedule.
	r.fails(1, 500)
	a.call("POST", path+"/retry", nil).ok(202)
	eventually(t, func() error {
		if d := a.get(path); d["status"] != "succeeded" || number(t, d, "attempt_count") != 6 {
			return fmt.Errorf("%s after %s attempts", d["status"], d["attempt_count"])
		}
		return nil
	})
	if got := a.metrics().value("cubeconnect_dead_letters"); got != 0 {
		t.Errorf("dead_letters %v", got)
	}
	for _, id := range []string{"01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "1"} {
		a.call("POST", n.path+"/deliveries/"+id+"/retry", nil).refused(404, "NOT_FOUND")
		a.call("GET", n.path+"/deliveries/"+id, nil).refused(404, "NOT_FOUND")
	}
	a.call("DELETE", e.path, nil).ok(200)
	a.call("POST", path+"/retry", nil).refused(409, "CONFLICT")
}

// A delivery that waits for its next attempt waits no longer, and keeps the rest of its schedule.
func TestReplayOfAWaitingDelivery(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(time.Hour, time.Hour) })
	r.fails(2, 500)
	n.campaign("1")
	d := n.delivery("retrying")
	a.call("POST", n.path+"/deliveries/"+d["id"].(string)+"/retry", nil).ok(202)
	r.wait(2)
	eventually(t, func() error {
		if d := n.delivery("retrying"); number(t, d, "attempt_count") != 2 {
			return fmt.Errorf("attempt %s", d["attempt_count"])
		}
		return nil
	})
	a.call("POST", n.path+"/deliveries/"+d["id"].(string)+"/retry", nil).ok(202)
	n.delivery("succeeded")
}

func TestReplayFilters(t *testing.T) {
	t.Parallel()
	a, n, first, r1 := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule() })
	r2 := receive(t)
	second := n.endpoint(r2.url, nil)
	r1.fails(1000, 500)
	r2.fails(1000, 500)
	for _, name := range []string{"message-text", "status-sent", "template-approved"} {
		a.samples(name)
		tick(t)
	}
	failed := n.ended(6)
	born := failed[2]["created_at"].(string) // of the second event
	other := a.tenant("Other", "UTC")
	for _, c := range []struct {
		filter object
		want   int64
	}{
		{object{"status": "failed"}, 6},
		{object{"status": "succeeded"}, 0},
		{object{"status": "missing"}, 0},
		{object{"status": "failed", "endpoint": first.id}, 3},
		{object{"status": "failed", "endpoint": second.id, "event": "message.received"}, 1},
		{object{"status": "failed", "event": "template.status_changed"}, 2},
		{object{"status": "failed", "event": "campaign.started"}, 0},
		{object{"status": "failed", "since": born}, 4},
		{object{"status": "failed", "until": born}, 2},
		{object{"status": "failed", "since": "2999-01-01T00:00:00Z"}, 0},
		{object{"status": "failed", "since": nil, "until": nil, "endpoint": nil, "event": nil}, 6},
	} {
		c.filter["dry_run"] = true
		if got := n.replay(c.filter); got != c.want {
			t.Errorf("%s: %d, want %d", encoded(c.filter), got, c.want)
		}
	}
	if got := other.replay(object{"status": "failed"}); got != 0 {
		t.Errorf("another tenant replays %d", got)
	}
	if got := len(r1.requests()) + len(r2.requests()); got != 6 {
		t.Errorf("%d requests: a dry run sends nothing", got)
	}
	for _, c := range []struct {
		filter object
		field  string
	}{
		{object{}, "status"},
		{object{"status": "pending"}, "status"},
		{object{"status": "FAILED"}, "status"},
		{object{"status": nil}, "status"},
		{object{"status": "failed", "event": "message.lost"}, "event"},
		{object{"status": "failed", "endpoint": 99}, "endpoint"},
		{object{"status": "failed", "endpoint": "1"}, "endpoint"},
		{object{"status": "failed", "since": "yesterday"}, "since"},
		{object{"status": "failed", "since": "2026-02-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"},
		{object{"status": "failed", "dry_run": "yes"}, "dry_run"},
		{object{"status": "failed", "limit": 1}, "limit"},
	} {
		a.call("POST", n.path+"/replays", c.filter).invalid(c.field)
	}

	r1.answers(func(int, *delivered) reply { return reply{} })
	if got := n.replay(object{"status": "failed", "endpoint": first.id, "event": "message.received"}); got != 1 {
		t.Errorf("%d replayed, want 1", got)
	}
	r1.wait(4)
	if got := n.replay(object{"status": "failed", "endpoint": first.id}); got != 2 {
		t.Errorf("%d replayed, want 2", got)
	}
	got := r1.wait(6)
	n.ended(6)
	for i := range 3 {
		if !slices.ContainsFunc(got[3:], func(d delivered) bool { return d.id() == got[i].id() && bytes.Equal(d.body, got[i].body) }) {
			t.Errorf("event %s did not come again as it was", got[i].id())
		}
	}
	if got := n.replay(object{"status": "succeeded", "endpoint": first.id}); got != 3 {
		t.Errorf("%d replayed, want 3", got)
	}
	r1.wait(9)
	n.ended(6)
	if got := len(r2.requests()); got != 3 {
		t.Errorf("the second endpoint got %d requests, want 3", got)
	}
}

// An endpoint that is new, or was disabled, gets what it missed: once, each conversation in order, as far as
// it wants it.
func TestReplayMissing(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	const messages, customers = 450, 50 // more than one step takes
	var elements []any
	for i := range messages {
		elements = append(elements, textElement(fmt.Sprintf("165055502%02d", i%customers), fmt.Sprintf("wamid.%d", i), fmt.Sprint(i)))
	}
	a.meta(webhookOf(inMessages(waba1, phone1, "messages", elements...)))
	a.samples("status-sent")
	late := receive(t)
	e := n.endpoint(late.url, object{"events": []string{"message.received"}, "include_raw": true})
	if got := n.replay(object{"status": "missing", "endpoint": e.id, "dry_run": true}); got != messages {
		t.Errorf("a dry run counts %d, want %d", got, messages)
	}
	if got := n.replay(object{"status": "missing", "endpoint": e.id}); got != messages {
		t.Errorf("%d replayed, want %d", got, messages)
	}
	seen := map[any]int{}
	for _, d := range late.wait(messages) {
		from := d.event["from"]
		number, err := strconv.Atoi(d.event["content"].(string))
		if last, spoke := seen[from]; err != nil || spoke && number != last+customers {
			t.Errorf("after %d of %s comes %d", last, from, number)
		}
		seen[from] = number
		if raw, ok := d.event["raw"].(object); !ok || raw["id"] != d.event["wa_message_id"] {
			t.Errorf("raw of number %d: %s", number, encoded(d.event["raw"]))
		}
	}
	if got := n.replay(object{"status": "missing", "endpoint": e.id}); got != 0 {
		t.Errorf("%d replayed a second time", got)
	}
	e.patch(object{"events": []string{"*"}})
	if got := n.replay(object{"status": "missing", "event": "message.status_updated"}); got != 1 {
		t.Errorf("%d replayed after it wants more, want 1", got)
	}
	n.ended(2 * (messages + 1))
	if got := len(late.requests()); got != messages+1 {
		t.Errorf("%d requests, want %d", got, messages+1)
	}
}
