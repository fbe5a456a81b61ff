package queue_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

const latency = 50 * time.Millisecond // of endpoints that are well

// fleet is many endpoints, each with a type of events of its own. They are well, hang or fail at once as
// the test says.
type fleet struct {
	*rig
	mu     sync.Mutex
	hang   map[uint32]bool
	fail   map[uint32]bool
	slow   bool // those that hang answer in the end
	ids    []uint32
	waited map[uint32]time.Duration // the longest time from an event to its first attempt
}

func newFleet(t *testing.T, n int) *fleet {
	f := &fleet{hang: map[uint32]bool{}, fail: map[uint32]bool{}, waited: map[uint32]time.Duration{}}
	f.rig = newRig(t, func(c *webhook.Claim, _ int) (webhook.Outcome, time.Duration) {
		f.mu.Lock()
		defer f.mu.Unlock()
		id := c.Endpoint.ID
		if c.Number == 1 {
			f.waited[id] = max(f.waited[id], f.now().Sub(c.EventID.Time()))
		}
		switch {
		case f.hang[id] && f.slow:
			return ok(), 5 * time.Second
		case f.hang[id]:
			return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: webhook.ErrorTimeout}}, 10 * time.Second
		case f.fail[id]:
			return failed(500), 0
		}
		return ok(), latency
	})
	for i := range n {
		f.ids = append(f.ids, f.endpoint(func(e *webhook.Endpoint) { e.Events = []string{strconv.Itoa(i)} }))
	}
	return f
}

// set says which endpoints hang and which fail.
func (f *fleet) set(hang, fail []uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.hang)
	clear(f.fail)
	for _, id := range hang {
		f.hang[id] = true
	}
	for _, id := range fail {
		f.fail[id] = true
	}
}

// post makes n events for each endpoint of which the place in the fleet matches.
func (f *fleet) post(n int, match func(i int) bool) {
	f.t.Helper()
	var events []webhook.Event
	for i := range f.ids {
		if match(i) {
			events = append(events, slices.Repeat([]webhook.Event{{TenantID: f.tenant, Type: strconv.Itoa(i), Payload: []byte("{}")}}, n)...)
		}
	}
	f.accept(events)
}

// run lets each endpoint have an event every three seconds, evenly spread.
func (f *fleet) run(d time.Duration) {
	f.t.Helper()
	const ticks = 10
	for tick := range int(d * ticks / (3 * time.Second)) {
		f.post(1, func(i int) bool { return i%ticks == tick%ticks })
		time.Sleep(3 * time.Second / ticks)
	}
}

// longest returns the longest wait for a first attempt since it was last asked, of endpoints that are well.
func (f *fleet) longest() (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, w := range f.waited {
		if !f.hang[id] && !f.fail[id] {
			wait = max(wait, w)
		}
	}
	clear(f.waited)
	return wait
}

// held returns how many attempts of hanging endpoints are under way.
func (f *fleet) held() (n int) {
	f.sender.mu.Lock()
	defer f.sender.mu.Unlock()
	for id := range f.hang {
		n += f.sender.active[id]
	}
	return n
}

// Of 1,000 endpoints 100 hang for their whole timeout and 100 fail at once, from the first event on. The
// others must share what slots are left, once, and then each of their events is there within twice the time
// that it takes where all are well: not the 99th percentile, all of them. So it is when another 100, that
// have answered so far, begin to hang, and over a restart.
func TestHangingEndpointsDelayNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1000)
		within := func(when string, limit time.Duration) {
			t.Helper()
			synctest.Wait()
			if got := f.longest(); got > limit {
				t.Errorf("%s, an event waited for %s, want at most %s", when, got, limit)
			}
			if got := f.held(); got > f.config.Concurrency/2 {
				t.Errorf("%s, hanging endpoints hold %d of %d slots", when, got, f.config.Concurrency)
			}
		}
		f.set(f.ids[:100], f.ids[100:200])
		f.post(3, func(int) bool { return true })
		time.Sleep(5 * time.Second)
		within("at the start", 2*time.Second)
		f.run(15 * time.Second)
		within("with a tenth that hangs", latency)

		f.set(nil, nil)
		time.Sleep(time.Minute)
		f.longest()
		f.run(3 * time.Second)
		within("where all are well", 0)
		f.set(f.ids[900:], f.ids[800:900])
		f.run(15 * time.Second)
		within("when a tenth begins to hang", latency)

		f.close()
		f.open()
		f.run(12 * time.Second)
		within("after a restart", latency)
	})
}

// However many endpoints hang, or take their time for each answer: once that is known they have half of the
// slots. The rest is for those that answer quickly, and one that was down is found to be back.
func TestSlowEndpointsHaveHalfOfTheSlots(t *testing.T) {
	for _, slow := range []bool{true, false} {
		t.Run(fmt.Sprintf("slow=%t", slow), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 62)
				f.slow = slow
				f.config.Concurrency = 32
				f.queue.Configure(f.config)
				well, down, others := f.ids[0], f.ids[1], f.ids[2:]
				f.post(1, func(i int) bool { return i != 1 })
				time.Sleep(time.Second)
				f.set(others, []uint32{down})
				f.post(20, func(i int) bool { return i == 1 })
				f.post(200, func(i int) bool { return i > 1 })
				time.Sleep(30 * time.Second)
				f.longest()
				for range 60 {
					time.Sleep(10 * time.Second)
					f.post(1, func(i int) bool { return i == 0 })
					synctest.Wait()
					if n := f.held(); n > 18 || n < 8 {
						t.Fatalf("those that hang have %d slots", n)
					}
				}
				f.set(others, nil)
				time.Sleep(time.Minute)
				f.post(1, func(i int) bool { return i == 1 })
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := f.stats(well).Succeeded; n != 61 || f.waited[well] > 0 {
					t.Errorf("%d delivered, and one waited for %s", n, f.waited[well])
				}
				if st := f.stats(down); st.Succeeded == 0 || st.Pending+st.Retrying > 0 {
					t.Errorf("the one that is back: %+v", st)
				}
			})
		})
	}
}

// A tenant with a large backlog delays another's next event by no more than one attempt takes.
func TestABacklogDelaysNoOther(t *testing.T) {
	for _, backlogs := range []int{1, 30} {
		t.Run(fmt.Sprint(backlogs), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, backlogs+1)
				other := f.ids[backlogs]
				f.config.Concurrency = 64
				f.queue.Configure(f.config)
				f.post(20_000/backlogs, func(i int) bool { return i < backlogs })
				time.Sleep(time.Second)
				for range 5 {
					f.post(1, func(i int) bool { return i == backlogs })
					time.Sleep(4 * latency)
				}
				synctest.Wait()
				if n := f.stats(other).Succeeded; n != 5 || f.waited[other] > latency {
					t.Errorf("%d delivered, and one waited for %s", n, f.waited[other])
				}
				if f.stats(f.ids[0]).Pending == 0 {
					t.Error("there was no backlog")
				}
			})
		})
	}
}
