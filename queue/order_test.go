package queue_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

// Thousands of events of few conversations, attempts that succeed, fail, hang and are refused by chance,
// endpoints that are down for a while, are disabled and enabled again, and restarts with attempts under way:
// each conversation comes to each endpoint in its order, nothing comes twice, and nothing is left.
func TestOrderUnderLoad(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 1)) // of the test
				s := newSoak(rand.New(rand.NewPCG(seed, 2)))
				down, calm := map[uint32]bool{}, false
				s.rig = newRig(t, func(c *webhook.Claim, _ int) (webhook.Outcome, time.Duration) {
					s.begins(c)
					wait := time.Duration(s.rnd.IntN(40)) * time.Millisecond
					switch n := s.rnd.IntN(100); {
					case calm:
					case down[c.Endpoint.ID], n < 20:
						return failed(500), wait
					case n < 23:
						o := failed(429)
						o.RetryAfter = time.Duration(s.rnd.IntN(60)) * time.Second
						return o, wait
					case n < 25:
						return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: webhook.ErrorTimeout}}, 10 * time.Second
					case n < 27:
						return webhook.Outcome{Verdict: webhook.Refused, Attempt: webhook.Attempt{Error: webhook.ErrorBlocked}}, wait
					}
					return ok(), wait
				})
				s.close()
				s.onFresh, s.sender.ended = s.offered, s.ends
				s.beforePark = func([]webhook.ID) { // a busy disk
					s.sender.mu.Lock()
					wait := time.Duration(s.rnd.IntN(100)) * time.Millisecond
					s.sender.mu.Unlock()
					time.Sleep(wait)
				}
				s.open()
				s.config.Concurrency, s.config.PerEndpoint = 40, 1+rnd.IntN(32)
				s.queue.Configure(s.config)
				var ids []uint32
				for range 5 {
					ids = append(ids, s.endpoint(func(e *webhook.Endpoint) {
						if rnd.IntN(2) == 0 {
							e.Retries = webhook.Schedule{webhook.Duration(time.Second), webhook.Duration(5 * time.Second)}
						}
					}))
				}
				conversations := 1 + rnd.IntN(60)
				for range 60 {
					var list []message
					for range rnd.IntN(80) {
						list = append(list, message{fmt.Sprint(rnd.IntN(conversations)), "{}"})
					}
					s.publishAll(list)
					ep := ids[rnd.IntN(len(ids))]
					switch rnd.IntN(12) {
					case 0, 1:
						s.close()
						s.open()
					case 2, 3:
						s.sender.mu.Lock()
						down[ep] = !down[ep]
						s.sender.mu.Unlock()
					case 4, 5:
						_, err := s.store.UpdateEndpoint(t.Context(), s.tenant, ep, func(e *webhook.Endpoint) error {
							e.Enabled = !e.Enabled
							return nil
						})
						s.ok(err)
						s.queue.Wake(ep)
					case 6:
						s.jump(time.Duration(rnd.IntN(7200)-3600) * time.Second)
					}
					time.Sleep(time.Duration(rnd.IntN(3000)) * time.Millisecond)
				}
				s.sender.mu.Lock()
				calm = true
				s.sender.mu.Unlock()
				for _, id := range ids {
					_, err := s.store.UpdateEndpoint(t.Context(), s.tenant, id, func(e *webhook.Endpoint) error {
						e.Enabled = true
						return nil
					})
					s.ok(err)
					s.queue.Wake(id)
				}
				s.publish("", "{}")
				time.Sleep(48 * time.Hour)
				synctest.Wait()
				s.allEnded()
			})
		})
	}
}

// allEnded checks that everything that was made has ended, and is so in the store.
func (s *soak) allEnded() {
	s.t.Helper()
	for id := range s.made {
		if !s.succeeded[id] && !s.dead[id] {
			s.t.Errorf("%s was lost", id)
		}
	}
	var waiting, succeeded, dead uint64
	for _, id := range s.store.EndpointIDs() {
		st := s.stats(id)
		waiting, succeeded, dead = waiting+st.Pending+st.Retrying, succeeded+st.Succeeded, dead+st.Failed
	}
	got := []uint64{waiting, succeeded, dead}
	if want := []uint64{0, uint64(len(s.succeeded)), uint64(len(s.dead))}; !slices.Equal(got, want) {
		s.t.Errorf("the store counts %d waiting, delivered and dead, want %d", got, want)
	}
	if len(s.succeeded) == 0 || len(s.dead) == 0 {
		s.t.Errorf("%d delivered, %d dead: that proves little", len(s.succeeded), len(s.dead))
	}
	s.t.Logf("%d attempts, %d delivered, %d dead", len(s.sender.sent), len(s.succeeded), len(s.dead))
	s.close()
	if list := s.queue.Leftovers(); list != nil {
		s.t.Errorf("left over: %q", list)
	}
}
