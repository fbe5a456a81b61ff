package queue_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

// An endpoint that is down gets one request at a time and ever fewer, also after a restart, and its backlog
// doesn't turn to dead letters meanwhile. When it is back, the backlog drains at full speed.
func TestAnEndpointThatIsDownIsProbed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const backlog = 2000
		var up atomic.Bool
		r := newRig(t, func(*webhook.Claim, int) (webhook.Outcome, time.Duration) {
			if up.Load() {
				return ok(), time.Second
			}
			return failed(503), 5 * time.Millisecond
		})
		ep := r.endpoint(nil)
		probed := func(d time.Duration, most int) {
			t.Helper()
			before := len(r.sender.all())
			r.sender.forgetPeaks()
			time.Sleep(d)
			synctest.Wait()
			if n := len(r.sender.all()) - before; n < 2 || n > most || r.sender.peak[ep] != 1 {
				t.Errorf("in %s %d attempts, %d at once; want at most %d", d, n, r.sender.peak[ep], most)
			}
		}
		r.publishAll(slices.Repeat([]message{{"", "x"}}, backlog))
		time.Sleep(time.Second)
		probed(5*time.Minute, 800)
		probed(10*time.Second, 15)
		r.close()
		r.open()
		probed(10*time.Second, 150)
		if n := r.stats(ep).Failed; n > 250 {
			t.Errorf("%d dead letters", n)
		}

		up.Store(true)
		before, left := len(r.sender.all()), r.stats(ep)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if n := len(r.sender.all()) - before; n < 32 {
			t.Errorf("%d attempts when it is back, want 32", n)
		}
		time.Sleep(time.Duration(left.Pending+left.Retrying)*time.Second/32 + 15*time.Second)
		equal(t, r.stats(ep).Succeeded, left.Pending+left.Retrying)
	})
}

// An endpoint is disabled when it has only failed for so long as really passed, whatever the clock says.
// That is told, and what is on its way to it waits.
func TestAnEndpointThatOnlyFailsIsDisabled(t *testing.T) {
	for _, test := range []struct {
		name    string
		disturb func(*rig, int) // after each hour
	}{
		{"nothing else", func(*rig, int) {}},
		{"a clock that is set ahead", func(r *rig, hour int) {
			if hour == 1 {
				r.jump(24 * time.Hour)
			}
		}},
		{"a clock that is set back", func(r *rig, hour int) { r.jump(-45 * time.Minute) }},
		{"a restart", func(r *rig, hour int) {
			if hour == 3 {
				r.close()
				r.open()
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				r := newRig(t, always(failed(500)))
				r.close()
				r.config.DisableAfter = 5 * time.Hour
				r.log = slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})
				r.open()
				ep := r.endpoint(nil)
				for hour := range 10 {
					r.publish("", "x")
					time.Sleep(time.Hour)
					test.disturb(r, hour)
				}
				synctest.Wait()
				equal(t, len(r.sender.all()), 21) // five times four, and the one that was too much
				e, err := r.store.Endpoint(t.Context(), r.tenant, ep)
				r.ok(err)
				if e.Enabled || !strings.HasPrefix(e.DisabledReason, "every attempt has failed since ") {
					t.Errorf("enabled: %t, %q", e.Enabled, e.DisabledReason)
				}
				equal(t, r.stats(ep).Retrying, 1)
				said := slices.DeleteFunc(strings.Split(log.String(), "\n"), func(s string) bool { return !strings.Contains(s, "endpoint disabled") })
				if len(said) != 1 || !strings.Contains(said[0], "enable it again") || !strings.Contains(said[0], "tenant=1 endpoint=1 ") || !strings.Contains(said[0], " failing_since=") || !strings.HasSuffix(said[0], " waiting=1") {
					t.Errorf("log: %q", said)
				}
			})
		})
	}
}
