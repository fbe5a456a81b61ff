package queue_test

import (
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

// A delivery that fails has its four attempts, with the waits of the schedule between them, wherever the
// clock jumps. Only a restart can't know how far it was set back, and waits no longer than any wait can be.
func TestClockJumps(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		name   string
		first  time.Duration // jump between the first attempt and the second
		second time.Duration // and between the second and the third
		begins int           // the gap in which the process starts again; 0: none
		late   time.Duration // what the attempt after that may come later by,
		early  bool          // or earlier: all that waits is due
	}{
		{name: "an hour back", first: -time.Hour},
		{name: "a day ahead", first: day},
		{name: "a day ahead and back", first: day, second: -day},
		{name: "a day back and ahead", first: -day, second: day},
		{name: "a day back and a restart", first: -day, begins: 1, late: webhook.MaxRetryAfter},
		{name: "a day back and a restart later", first: -day, begins: 2, late: webhook.MaxRetryAfter},
		{name: "a day ahead and a restart", first: day, second: -day, begins: 1, early: true},
		{name: "a day ahead and back and a restart", first: day, second: -day, begins: 2, late: webhook.MaxRetryAfter},
		{name: "a minute back and a restart", first: -time.Minute, begins: 1, late: time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, always(failed(500)))
				r.endpoint(nil)
				r.publish("a", "1")
				for i, jump := range []time.Duration{test.first, test.second} {
					time.Sleep(5 * time.Second)
					r.jump(jump)
					if test.begins == i+1 {
						r.close()
						r.open()
						time.Sleep(test.late)
					}
					time.Sleep(6*time.Second + 10*time.Millisecond)
				}
				time.Sleep(time.Hour)
				got := r.sender.all()
				if len(got) != 4 {
					t.Fatalf("%d attempts", len(got))
				}
				for i := 1; i < len(got); i++ {
					wait, most := got[i].at-got[i-1].at, 11*time.Second+10*time.Millisecond
					if i == test.begins {
						most += test.late
					}
					if wait > most || wait < 10*time.Second && !(test.early && i == test.begins) {
						t.Errorf("attempt %d came after %s", i+1, wait)
					}
				}
			})
		})
	}
}

// What waits by a schedule that was made shorter waits no longer than the new one can.
func TestAShorterScheduleCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(_ *webhook.Claim, n int) (webhook.Outcome, time.Duration) {
			if n == 0 {
				return failed(500), 0
			}
			return ok(), 0
		})
		ep := r.endpoint(func(e *webhook.Endpoint) { e.Retries = webhook.Schedule{webhook.Duration(3 * 24 * time.Hour)} })
		r.publish("a", "1")
		time.Sleep(time.Minute)
		_, err := r.store.UpdateEndpoint(t.Context(), r.tenant, ep, func(e *webhook.Endpoint) error {
			e.Retries = webhook.Schedule{webhook.Duration(time.Minute)}
			return nil
		})
		r.ok(err)
		r.queue.Wake(ep)
		time.Sleep(webhook.MaxRetryAfter + time.Minute)
		equal(t, r.stats(ep).Succeeded, 1)
	})
}
