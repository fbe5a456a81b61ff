package queue_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cubeconnect/keyring"
	"cubeconnect/metrics"
	"cubeconnect/queue"
	"cubeconnect/store"
	"cubeconnect/webhook"
)

// sender plays the endpoints: it keeps what was sent, and answers as it is told.
type sender struct {
	mu     sync.Mutex
	begun  time.Time
	sent   []sent
	active map[uint32]int
	peak   map[uint32]int
	total  int
	most   int
	answer func(c *webhook.Claim, n int) (webhook.Outcome, time.Duration)
	ended  func(c *webhook.Claim, v webhook.Verdict) // nil: nothing
}

type sent struct {
	at       time.Duration
	endpoint uint32
	body     string
	id       webhook.ID
	number   int
}

func (s *sender) Send(ctx context.Context, c *webhook.Claim) webhook.Outcome {
	s.mu.Lock()
	n := len(s.sent)
	s.sent = append(s.sent, sent{time.Since(s.begun), c.Endpoint.ID, string(c.Body), c.ID, c.Number})
	s.active[c.Endpoint.ID]++
	s.total++
	s.peak[c.Endpoint.ID] = max(s.peak[c.Endpoint.ID], s.active[c.Endpoint.ID])
	s.most = max(s.most, s.total)
	o, wait := s.answer(c, n)
	s.mu.Unlock()
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			o = webhook.Outcome{}
		}
	}
	s.mu.Lock()
	s.active[c.Endpoint.ID]--
	s.total--
	if s.ended != nil {
		s.ended(c, o.Verdict)
	}
	s.mu.Unlock()
	o.Attempt.StartedAt = time.Now()
	return o
}

func (s *sender) all() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func (s *sender) forgetPeaks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.peak)
}

func (s *sender) bodies() (list []string) {
	for _, x := range s.all() {
		list = append(list, x.body)
	}
	return list
}

func ok() webhook.Outcome {
	return webhook.Outcome{Verdict: webhook.Delivered, Attempt: webhook.Attempt{StatusCode: 200}}
}

func failed(status int) webhook.Outcome {
	return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{StatusCode: status, Error: webhook.ErrorStatus}}
}

func always(o webhook.Outcome) func(*webhook.Claim, int) (webhook.Outcome, time.Duration) {
	return func(*webhook.Claim, int) (webhook.Outcome, time.Duration) { return o, 0 }
}

// rig is a queue on a real store in a temporary folder.
type rig struct {
	t      *testing.T
	path   string
	ring   *keyring.Ring
	config queue.Config
	sender *sender
	store  *store.Store
	queue  *queue.Queue
	stop   func()
	tenant uint32

	messages   int
	beforePark func(ids []webhook.ID) // nil: nothing
	log        slog.Handler
	jumped     atomic.Int64 // how far the wall clock is off
	keep       store.Retention
	onFresh    func([]webhook.Due) // nil: nothing
}

func newRig(t *testing.T, answer func(*webhook.Claim, int) (webhook.Outcome, time.Duration)) *rig {
	r := &rig{
		t: t, path: filepath.Join(t.TempDir(), "test.db"), ring: keyring.New(time.Now()), log: slog.DiscardHandler,
		config: queue.Config{Retries: webhook.Schedule{webhook.Duration(10 * time.Second), webhook.Duration(10 * time.Second), webhook.Duration(10 * time.Second)}, Concurrency: 256, PerEndpoint: 32},
		sender: &sender{begun: time.Now(), active: map[uint32]int{}, peak: map[uint32]int{}, answer: answer},
	}
	r.open()
	t.Cleanup(func() {
		if r.stop != nil {
			r.close()
		}
	})
	tn, err := r.store.CreateTenant(t.Context(), webhook.Tenant{Name: "T", Timezone: "UTC"})
	r.ok(err)
	r.tenant = tn.ID
	return r
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// now is the wall clock.
func (r *rig) now() time.Time { return time.Now().Round(0).Add(time.Duration(r.jumped.Load())) }

// jump sets the wall clock ahead, or back.
func (r *rig) jump(by time.Duration) { r.jumped.Add(int64(by)) }

// open starts the store and the queue, as a process does.
func (r *rig) open() {
	r.t.Helper()
	var err error
	r.store, err = store.Open(store.Options{Path: r.path, Ring: r.ring, Now: r.now, Keep: r.keep, OnFresh: func(fresh []webhook.Due) {
		if r.onFresh != nil {
			r.onFresh(fresh)
		}
		r.queue.Offer(fresh)
	}})
	r.ok(err)
	r.queue = queue.New(queue.Options{
		Store: dawdling{r.store, r.beforePark}, Sender: r.sender, Config: r.config, Log: slog.New(r.log), Metrics: metrics.NewQueue(prometheus.NewRegistry()), Now: r.now, Grace: 5 * time.Second,
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.queue.Run(ctx); close(ended) }()
	r.stop = func() { cancel(); <-ended }
}

// close ends them and checks the file.
func (r *rig) close() {
	r.t.Helper()
	r.stop()
	r.stop = nil
	r.ok(r.store.Close())
	_, faults, err := store.Verify(r.path, r.ring)
	r.ok(err)
	if len(faults) > 0 {
		r.t.Errorf("verify: %q", faults)
	}
}

func (r *rig) endpoint(change func(*webhook.Endpoint)) uint32 {
	r.t.Helper()
	e := webhook.Endpoint{TenantID: r.tenant, URL: "https://example.com", Events: []string{"*"}, Enabled: true}
	if change != nil {
		change(&e)
	}
	e, err := r.store.CreateEndpoint(r.t.Context(), e)
	r.ok(err)
	return e.ID
}

func (r *rig) publish(customer, body string) webhook.ID {
	r.t.Helper()
	id, err := r.store.Publish(r.t.Context(), webhook.Publication{Event: webhook.Event{
		TenantID: r.tenant, Type: webhook.MessageReceived, Payload: []byte(body), Conversation: webhook.ConversationOf(r.tenant, customer),
	}})
	r.ok(err)
	return id
}

// message is one for publishAll.
type message struct{ customer, body string }

// publishAll stores many events in one commit.
func (r *rig) publishAll(list []message) {
	r.t.Helper()
	events := make([]webhook.Event, len(list))
	for i, m := range list {
		events[i] = webhook.Event{TenantID: r.tenant, Type: webhook.MessageReceived, Payload: []byte(m.body), Conversation: webhook.ConversationOf(r.tenant, m.customer)}
	}
	r.accept(events)
}

func (r *rig) accept(events []webhook.Event) {
	r.t.Helper()
	var in webhook.Inbound
	for i := range events {
		r.messages++
		in.Items = append(in.Items, webhook.Item{TenantID: events[i].TenantID, Message: &webhook.MessageItem{MessageID: fmt.Sprint(r.messages)}, Event: &events[i]})
	}
	_, err := r.store.Accept(r.t.Context(), &in)
	r.ok(err)
}

func (r *rig) stats(endpoint uint32) webhook.EndpointStats {
	all, err := r.store.EndpointStats(r.t.Context())
	r.ok(err)
	return all[endpoint]
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

func TestFollowsTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(failed(503)))
		ep := r.endpoint(func(e *webhook.Endpoint) {
			e.Retries = webhook.Schedule{webhook.Duration(time.Second), webhook.Duration(time.Minute)}
		})
		id := r.publish("", "1")
		time.Sleep(24 * time.Hour)
		equal(t, len(r.sender.all()), 3)
		for i, least := range []time.Duration{0, time.Second, 61 * time.Second} {
			if got := r.sender.all()[i].at; got < least || got > least+least/10+time.Millisecond {
				t.Errorf("attempt %d after %s, want %s and at most a tenth more", i+1, got, least)
			}
		}
		d, _, err := r.store.Delivery(t.Context(), r.tenant, id.WithOwner(ep))
		r.ok(err)
		equal(t, d.Status, webhook.Failed)
		equal(t, d.AttemptCount, 3)
		equal(t, len(d.Attempts), 3)
	})
}

func TestRetryAfterMovesTheNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(_ *webhook.Claim, n int) (webhook.Outcome, time.Duration) {
			if n > 0 {
				return ok(), 0
			}
			o := failed(429)
			o.RetryAfter = 2 * time.Hour
			return o, 0
		})
		r.endpoint(nil)
		r.publish("", "1")
		time.Sleep(3 * time.Hour)
		equal(t, len(r.sender.all()), 2)
		equal(t, r.sender.all()[1].at.Round(time.Minute), webhook.MaxRetryAfter)
	})
}

func TestRefusedIsADeadLetterAtOnceAndCanBeReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := true
		r := newRig(t, func(*webhook.Claim, int) (webhook.Outcome, time.Duration) {
			if refuse {
				return webhook.Outcome{Verdict: webhook.Refused, Attempt: webhook.Attempt{Error: webhook.ErrorBlocked}}, 0
			}
			return ok(), 0
		})
		ep := r.endpoint(nil)
		id := r.publish("c", "1").WithOwner(ep)
		time.Sleep(time.Second)
		equal(t, r.stats(ep).Failed, 1)
		refuse = false
		r.ok(r.store.Retry(t.Context(), r.tenant, id))
		r.queue.Wake(ep)
		time.Sleep(time.Second)
		d, _, err := r.store.Delivery(t.Context(), r.tenant, id)
		r.ok(err)
		equal(t, d.Status, webhook.Succeeded)
		equal(t, d.AttemptCount, 2)
		equal(t, r.stats(ep).Failed, 0)
		equal(t, r.sender.all()[0].id, r.sender.all()[1].id)
	})
}

// One customer's message fails; the messages behind it wait, those of others don't.
func TestConversationsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *webhook.Claim, _ int) (webhook.Outcome, time.Duration) {
			if string(c.Body) == "a1" && c.Number < 3 {
				return failed(500), 0
			}
			return ok(), 0
		})
		r.endpoint(nil)
		for _, m := range []string{"a1", "a2", "b1", "a3", "b2"} {
			r.publish(m[:1], m)
		}
		time.Sleep(time.Second)
		equal(t, only(r.sender.bodies(), "b"), []string{"b1", "b2"})
		equal(t, only(r.sender.bodies(), "a"), []string{"a1"})
		r.publish("a", "a4")
		time.Sleep(time.Minute)
		equal(t, only(r.sender.bodies(), "a"), []string{"a1", "a1", "a1", "a2", "a3", "a4"})
	})
}

func only(list []string, prefix string) (out []string) {
	for _, s := range list {
		if s[:1] == prefix {
			out = append(out, s)
		}
	}
	return out
}

// A conversation with far more messages than memory holds hangs at its first; others behind it go on.
func TestALongConversationDoesNotStopOthers(t *testing.T) {
	for _, hang := range []bool{true, false} {
		t.Run(fmt.Sprintf("hang=%t", hang), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				first := true
				r := newRig(t, func(c *webhook.Claim, _ int) (webhook.Outcome, time.Duration) {
					if c.Body[0] == 'a' && first {
						first = false
						if hang {
							return ok(), 10 * time.Second
						}
						return failed(500), 0
					}
					return ok(), 0
				})
				ep := r.endpoint(nil)
				var list []message
				for i := range 700 {
					list = append(list, message{"a", fmt.Sprintf("a%03d", i)})
				}
				r.publishAll(append(list, message{"b", "b"}))
				time.Sleep(5 * time.Second)
				equal(t, only(r.sender.bodies(), "b"), []string{"b"})
				time.Sleep(time.Minute)
				got := only(r.sender.bodies(), "a")
				if !hang {
					got = got[1:]
				}
				if !slices.IsSorted(got) || len(got) != 700 {
					t.Errorf("%d messages, sorted: %t", len(got), slices.IsSorted(got))
				}
				equal(t, r.stats(ep).Pending, 0)
			})
		})
	}
}

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(*webhook.Claim, int) (webhook.Outcome, time.Duration) { return ok(), time.Second })
		r.config.Concurrency, r.config.PerEndpoint = 20, 8
		r.queue.Configure(r.config)
		var ids []uint32
		for range 4 {
			ids = append(ids, r.endpoint(nil))
		}
		r.publishAll(slices.Repeat([]message{{"", "x"}}, 50))
		time.Sleep(time.Minute)
		equal(t, len(r.sender.all()), 200)
		if r.sender.most > 20 || r.sender.most < 15 {
			t.Errorf("at most %d attempts at once, want nearly 20", r.sender.most)
		}
		for _, id := range ids {
			if p := r.sender.peak[id]; p > 8 || p < 4 {
				t.Errorf("endpoint %d had %d attempts at once", id, p)
			}
		}
	})
}

// An endpoint that had to leave slots to another gets its own number once they are free, though none of its
// attempts has ended.
func TestSharesGrowBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quick uint32
		r := newRig(t, func(c *webhook.Claim, _ int) (webhook.Outcome, time.Duration) {
			if c.Endpoint.ID == quick {
				return ok(), 10 * time.Millisecond
			}
			return ok(), time.Hour
		})
		r.config.Concurrency, r.config.PerEndpoint = 6, 3
		r.queue.Configure(r.config)
		slow := r.endpoint(nil)
		quick = r.endpoint(nil)
		r.publishAll(slices.Repeat([]message{{"", "x"}}, 30))
		time.Sleep(time.Minute)
		synctest.Wait()
		if p := r.sender.peak[slow]; p != 3 {
			t.Errorf("the slow endpoint has %d attempts under way, want 3", p)
		}
	})
}

// Endpoints that hang take what slots they can get, and the one that answers is not slowed.
func TestHangingEndpointsLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var good uint32
		r := newRig(t, func(c *webhook.Claim, _ int) (webhook.Outcome, time.Duration) {
			if c.Endpoint.ID == good {
				return ok(), 0
			}
			return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: webhook.ErrorTimeout}}, 10 * time.Second
		})
		r.config.Concurrency = 64
		r.queue.Configure(r.config)
		good = r.endpoint(func(e *webhook.Endpoint) { e.Events = []string{webhook.CampaignCreated} })
		for range 20 {
			r.endpoint(func(e *webhook.Endpoint) { e.Events = []string{webhook.MessageReceived} })
		}
		r.publishAll(slices.Repeat([]message{{"", "x"}}, 100))
		time.Sleep(time.Second)
		for range 50 {
			_, err := r.store.Publish(t.Context(), webhook.Publication{Event: webhook.Event{TenantID: r.tenant, Type: webhook.CampaignCreated, Payload: []byte("good")}})
			r.ok(err)
		}
		time.Sleep(time.Millisecond)
		equal(t, len(only(r.sender.bodies(), "g")), 50)
	})
}

func TestDisabledEndpointWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(_ *webhook.Claim, n int) (webhook.Outcome, time.Duration) {
			if n == 0 {
				return webhook.Outcome{Verdict: webhook.Gone, Attempt: webhook.Attempt{StatusCode: 410, Error: webhook.ErrorStatus}}, 0
			}
			return ok(), 0
		})
		ep := r.endpoint(nil)
		r.publish("a", "a1")
		r.publish("a", "a2")
		time.Sleep(time.Hour)
		equal(t, r.sender.bodies(), []string{"a1"})
		e, err := r.store.Endpoint(t.Context(), r.tenant, ep)
		r.ok(err)
		equal(t, e.Enabled, false)
		equal(t, e.DisabledReason, "the endpoint answered 410 Gone")
		r.publish("a", "a3") // makes no delivery: the endpoint is disabled
		_, err = r.store.UpdateEndpoint(t.Context(), r.tenant, ep, func(e *webhook.Endpoint) error { e.Enabled, e.DisabledReason = true, ""; return nil })
		r.ok(err)
		r.queue.Wake(ep)
		time.Sleep(time.Hour)
		equal(t, r.sender.bodies(), []string{"a1", "a1", "a2"})
		n, err := r.store.Replay(t.Context(), r.tenant, webhook.Replay{Missing: true})
		r.ok(err)
		equal(t, n, 1)
		r.queue.Wake(ep)
		time.Sleep(time.Hour)
		equal(t, r.sender.bodies(), []string{"a1", "a1", "a2", "a3"})
	})
}

func TestRestartResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *webhook.Claim, n int) (webhook.Outcome, time.Duration) {
			switch {
			case n == 0:
				return failed(500), 0
			case string(c.Body) == "slow" && n == 1:
				return ok(), time.Hour
			}
			return ok(), 0
		})
		r.endpoint(nil)
		r.publish("a", "a1")
		r.publish("a", "a2")
		synctest.Wait()
		r.publish("s", "slow")
		time.Sleep(time.Second)
		r.close() // hands the slow one back when the grace is over
		r.open()
		time.Sleep(time.Minute)
		equal(t, only(r.sender.bodies(), "a"), []string{"a1", "a1", "a2"})
		equal(t, only(r.sender.bodies(), "s"), []string{"slow", "slow"})
	})
}

func TestBacklogLargerThanMemoryDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(ok()))
		ep := r.endpoint(func(e *webhook.Endpoint) { e.Enabled = true })
		r.stop()
		var list []message
		for i := range 1000 {
			list = append(list, message{fmt.Sprint(i % 7), fmt.Sprintf("%04d", i)})
		}
		r.publishAll(list)
		r.stop = func() {}
		r.close()
		r.open()
		time.Sleep(time.Second)
		equal(t, len(r.sender.all()), 1000)
		equal(t, r.stats(ep).Succeeded, 1000)
	})
}

// Whatever fails, whenever the process restarts and wherever the clock jumps: nothing is lost, no
// conversation gets out of order.
func TestOrderHoldsUnderRandomFailures(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rnd, fate := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
				r := newRig(t, func(*webhook.Claim, int) (webhook.Outcome, time.Duration) {
					wait := time.Duration(fate.IntN(3)) * time.Second
					if fate.IntN(3) == 0 {
						return failed(500), wait
					}
					return ok(), wait
				})
				r.config.PerEndpoint = 1 + rnd.IntN(8)
				r.queue.Configure(r.config)
				eps := []uint32{r.endpoint(nil), r.endpoint(func(e *webhook.Endpoint) { e.Retries = webhook.Schedule{} })}
				const customers, events = 5, 400
				for i := 0; i < events; {
					var list []message
					for range 1 + rnd.IntN(20) {
						if i++; i <= events {
							list = append(list, message{fmt.Sprint(rnd.IntN(customers)), fmt.Sprintf("%05d", i)})
						}
					}
					r.publishAll(list)
					if rnd.IntN(2) == 0 {
						time.Sleep(time.Duration(rnd.IntN(15)) * time.Second)
					}
					if rnd.IntN(10) == 0 {
						r.jump(time.Duration(rnd.Int64N(int64(49*time.Hour))) - 24*time.Hour)
					}
					if rnd.IntN(10) == 0 {
						r.close()
						r.open()
					}
				}
				time.Sleep(24 * time.Hour)
				for _, ep := range eps {
					st := r.stats(ep)
					if st.Pending+st.Retrying != 0 || st.Succeeded+st.Failed != events {
						t.Errorf("endpoint %d: %+v", ep, st)
					}
					last := map[string]string{}
					for _, s := range r.sender.all() {
						if s.endpoint != ep {
							continue
						}
						_, e, err := r.store.Delivery(t.Context(), r.tenant, s.id)
						r.ok(err)
						conv := fmt.Sprint(e.Conversation)
						if s.body < last[conv] {
							t.Fatalf("endpoint %d: %s was sent after %s", ep, s.body, last[conv])
						}
						last[conv] = s.body
					}
				}
			})
		})
	}
}
