package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// dawdling is a store that takes its time to park.
type dawdling struct {
	*store.Store
	before func(ids []webhook.ID)
}

func (d dawdling) Park(ctx context.Context, tenant uint32, head webhook.ID, ids []webhook.ID) error {
	if d.before != nil {
		d.before(ids)
	}
	return d.Store.Park(ctx, tenant, head, ids)
}

// While an attempt is under way two more messages come, and the write that parks the first of them takes
// long. The second must not be parked, and woken, ahead of it.
func TestParkingKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *webhook.Claim, n int) (webhook.Outcome, time.Duration) {
			switch {
			case n == 0:
				return failed(500), 0
			case n == 1:
				return ok(), 3 * time.Second
			}
			return ok(), 0
		})
		r.close()
		var parks atomic.Int32
		r.beforePark = func([]webhook.ID) {
			if parks.Add(1) == 1 {
				time.Sleep(5 * time.Second)
			}
		}
		r.open()
		r.endpoint(func(e *webhook.Endpoint) { e.Retries = webhook.Schedule{webhook.Duration(10 * time.Second)} })
		r.publish("a", "a1")
		time.Sleep(11*time.Second + 500*time.Millisecond) // the retry came after 10 s to 11 s, and is under way
		equal(t, len(r.sender.all()), 2)
		r.publish("a", "a2")
		time.Sleep(100 * time.Millisecond)
		r.publish("a", "a3")
		r.publish("b", "b")
		time.Sleep(time.Minute)
		equal(t, only(r.sender.bodies(), "a"), []string{"a1", "a1", "a2", "a3"})
		equal(t, only(r.sender.bodies(), "b"), []string{"b"})
	})
}

// An endpoint that wants no more doesn't lose the delivery that it said so about, though it was the last
// attempt.
func TestGoneAtTheEndOfTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := true
		r := newRig(t, func(*webhook.Claim, int) (webhook.Outcome, time.Duration) {
			if gone {
				return webhook.Outcome{Verdict: webhook.Gone, Attempt: webhook.Attempt{StatusCode: 410, Error: webhook.ErrorStatus}}, 0
			}
			return ok(), 0
		})
		ep := r.endpoint(func(e *webhook.Endpoint) { e.Retries = webhook.Schedule{} })
		id := r.publish("a", "a1").WithOwner(ep)
		time.Sleep(time.Hour)
		equal(t, len(r.sender.all()), 1)
		equal(t, r.stats(ep).Retrying, 1)
		gone = false
		_, err := r.store.UpdateEndpoint(t.Context(), r.tenant, ep, func(e *webhook.Endpoint) error { e.Enabled = true; return nil })
		r.ok(err)
		r.queue.Wake(ep)
		time.Sleep(time.Second)
		d, _, err := r.store.Delivery(t.Context(), r.tenant, id)
		r.ok(err)
		equal(t, d.Status, webhook.Succeeded)
	})
}
