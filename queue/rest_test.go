package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

// Who moves the clock from one rest to the next sees a whole schedule pass in no time.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(failed(500)))
		ep := r.endpoint(nil)
		begun := time.Now()
		rest := func() time.Time {
			t.Helper()
			next, err := r.queue.Rest(t.Context())
			r.ok(err)
			return next
		}
		if next := rest(); !next.IsZero() {
			t.Errorf("nothing waits, but the next attempt is at %s", next)
		}
		r.publish("a", "1")
		r.publish("a", "2") // waits for the first
		// When the first is a dead letter the second has its turn at once.
		for _, attempts := range []int{1, 2, 3, 5, 6, 7} {
			next := rest()
			equal(t, len(r.sender.all()), attempts)
			r.jump(next.Sub(r.now()))
		}
		rest()
		equal(t, len(r.sender.all()), 8)
		equal(t, r.stats(ep).Failed, 2)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// Rest ends with its context while something is under way.
func TestRestIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(*webhook.Claim, int) (webhook.Outcome, time.Duration) { return ok(), time.Hour })
		r.endpoint(nil)
		r.publish("a", "1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := r.queue.Rest(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("at rest with an attempt under way: %v", err)
		}
	})
}
