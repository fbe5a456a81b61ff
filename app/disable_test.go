package app_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"cubeconnect/config"
	"cubeconnect/webhook"
)

func TestGoneDisables(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	r.answers(func(int, *delivered) reply { return reply{status: 410, body: "we moved"} })
	first := n.campaign("1")
	eventually(t, func() error {
		if e.get()["enabled"] != false {
			return fmt.Errorf("the endpoint is enabled")
		}
		return nil
	})
	has(t, "the endpoint", e.get(), shape{"disabled_reason": "string"})
	second := n.campaign("2") // makes no delivery
	if got := len(r.requests()); got != 1 {
		t.Errorf("%d requests", got)
	}
	list := a.list(n.path + "/deliveries")
	if len(list) != 1 || list[0]["event_id"] != first || list[0]["finished_at"] != nil {
		t.Errorf("deliveries %s", encoded(list))
	}
	if got := a.metrics().value(fmt.Sprintf(`cubeconnect_endpoint_up{endpoint="%d",tenant="%d"}`, e.id, n.id)); got != 0 {
		t.Errorf("endpoint_up %v", got)
	}
	a.restart()
	says(t, "after a restart", e.get(), object{"enabled": false})

	r.answers(func(int, *delivered) reply { return reply{} })
	says(t, "enabled again", e.patch(object{"enabled": true}), object{"enabled": true, "disabled_reason": nil})
	n.ended(1)
	got := a.call("POST", n.path+"/replays", object{"status": "missing", "endpoint": e.id}).ok(202)
	says(t, "replay", got, object{"count": 1})
	n.ended(2)
	came := r.requests()
	if len(came) != 3 || came[1].id() != first || came[2].id() != second {
		t.Errorf("%d requests", len(came))
	}
}

// Also where it was the last attempt: what is left waits for better times.
func TestGoneOnTheLastAttempt(t *testing.T) {
	t.Parallel()
	_, n, e, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule() })
	r.answers(func(int, *delivered) reply { return reply{status: 410} })
	n.campaign("1")
	eventually(t, func() error {
		if e.get()["enabled"] != false {
			return fmt.Errorf("the endpoint is enabled")
		}
		return nil
	})
	n.delivery("retrying")
	r.answers(func(int, *delivered) reply { return reply{} })
	e.patch(object{"enabled": true})
	n.delivery("succeeded")
}

// What waits for a disabled endpoint waits, over a restart too; what comes meanwhile isn't made for it.
func TestDisabledEndpoint(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(50*time.Millisecond, 50*time.Millisecond) })
	r.fails(1, 500)
	waiting := n.campaign("1")
	r.wait(1)
	says(t, "disabled", e.patch(object{"enabled": false}), object{"enabled": false, "disabled_reason": nil})
	while := n.campaign("2")
	if got := a.get(n.path + "/events/" + while)["deliveries"].([]any); len(got) != 0 {
		t.Errorf("deliveries to a disabled endpoint: %s", encoded(got))
	}
	a.restart()
	n.campaign("3")
	e.patch(object{"enabled": true})
	after := n.campaign("4")
	for _, d := range n.ended(2) {
		if id := d["event_id"]; id != waiting && id != after {
			t.Errorf("a delivery of %s", id)
		}
		says(t, "the delivery", d, object{"status": "succeeded"})
	}
}

// A retry goes by what the endpoint is then.
func TestChangedEndpoint(t *testing.T) {
	t.Parallel()
	_, n, e, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(200 * time.Millisecond) })
	r.fails(1000, 500)
	elsewhere := receive(t)
	n.campaign("1")
	first := r.wait(1)[0]
	secret := e.newSecret()
	e.patch(object{"url": elsewhere.url, "headers": object{"X-New": "yes"}, "events": []string{"message.received"}})
	d := n.delivery("succeeded")
	says(t, "the delivery", d, object{"attempt_count": 2})
	got := elsewhere.wait(1)[0]
	signedWith(t, secret, &got)
	if got.header.Get("X-New") != "yes" || !bytes.Equal(got.body, first.body) || got.id() != first.id() {
		t.Errorf("%v %s", got.header, got.body)
	}
}

// Deliveries of an endpoint that is deleted end with it.
func TestDeletedEndpoint(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(time.Hour) })
	r.fails(1, 500)
	n.campaign("1")
	n.delivery("retrying")
	a.call("DELETE", e.path, nil).ok(200)
	a.call("GET", e.path, nil).refused(404, "NOT_FOUND")
	if got := a.metrics().value(`cubeconnect_queue_depth{state="retrying"}`); got != 0 {
		t.Errorf("queue_depth %v", got)
	}
	n.campaign("2")
	a.restart()
	eventually(t, func() error {
		for _, d := range a.list(n.path + "/deliveries") {
			if d["finished_at"] == nil {
				return fmt.Errorf("a delivery to nowhere is %s", d["status"])
			}
		}
		return nil
	})
	if got := len(n.events()); got != 2 {
		t.Errorf("%d events", got)
	}
}

// An endpoint that has only failed for long enough is disabled, with a reason that says so.
func TestDisableAfter(t *testing.T) {
	t.Parallel()
	_, n, e, r := shop(t, func(c *config.Config) { c.Delivery.DisableAfter = webhook.Duration(200 * time.Millisecond) })
	r.fails(1_000_000, 500)
	i := 0
	eventually(t, func() error {
		i++
		n.campaign(fmt.Sprint(i))
		if e.get()["enabled"] == true {
			return fmt.Errorf("the endpoint is still enabled")
		}
		return nil
	})
	has(t, "the endpoint", e.get(), shape{"disabled_reason": "string"})
}
