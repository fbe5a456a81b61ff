package queue_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// soak watches every attempt of a rig.
type soak struct {
	*rig
	rnd       *rand.Rand
	made      map[webhook.ID]line // deliveries of new events
	begun     map[line]webhook.ID // under way, or failed and not for the last time
	succeeded map[webhook.ID]bool
	dead      map[webhook.ID]bool
	last      map[line]webhook.ID // the last first success
}

// line is one conversation on its way to one endpoint.
type line struct {
	endpoint     uint32
	conversation webhook.Conversation
}

func newSoak(rnd *rand.Rand) *soak {
	return &soak{
		rnd: rnd, made: map[webhook.ID]line{}, begun: map[line]webhook.ID{},
		succeeded: map[webhook.ID]bool{}, dead: map[webhook.ID]bool{}, last: map[line]webhook.ID{},
	}
}

func (s *soak) offered(fresh []webhook.Due) {
	s.sender.mu.Lock()
	defer s.sender.mu.Unlock()
	for _, d := range fresh {
		s.made[d.ID] = line{d.ID.Owner(), d.Conversation}
	}
}

// begins checks that nothing before it in its conversation is unfinished. Who has a delivery replayed has it
// out of order.
func (s *soak) begins(c *webhook.Claim) {
	l, fresh := s.made[c.ID]
	if !fresh || c.Number != c.Round {
		return
	}
	if before, ok := s.begun[l]; ok && before != c.ID {
		s.t.Errorf("%s began before %s had ended", c.ID, before)
	}
	s.begun[l] = c.ID
}

func (s *soak) ends(c *webhook.Claim, v webhook.Verdict) {
	l, fresh := s.made[c.ID]
	fresh = fresh && c.Number == c.Round
	switch {
	case v == webhook.Delivered:
		if s.succeeded[c.ID] {
			s.t.Errorf("%s was delivered twice", c.ID)
		}
		s.succeeded[c.ID] = true
		delete(s.dead, c.ID)
		if fresh && c.ID.Before(s.last[l]) {
			s.t.Errorf("%s was delivered after %s", c.ID, s.last[l])
		}
		if fresh {
			s.last[l] = c.ID
		}
	case v == webhook.Refused, v == webhook.Retry && c.Round > s.retries(c.Endpoint):
		s.dead[c.ID] = true
	default:
		return
	}
	if fresh {
		delete(s.begun, l)
	}
}

func (s *soak) retries(e *webhook.Endpoint) int {
	if e.Retries != nil {
		return len(e.Retries)
	}
	return len(s.config.Retries)
}

// A month of traffic to endpoints of every kind, with restarts, a clock that jumps, replays and retention.
func TestThirtyDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const days = 30
		var well, flaky, down, hanging, gone, dead uint32
		s := newSoak(rand.New(rand.NewPCG(1, 2)))
		begun := time.Now()
		hour := func() int { return int(time.Since(begun) / time.Hour) }
		s.rig = newRig(t, func(c *webhook.Claim, _ int) (webhook.Outcome, time.Duration) {
			s.begins(c)
			day := hour() / 24
			switch id := c.Endpoint.ID; {
			case day >= days:
			case id == flaky && s.rnd.IntN(10) == 0,
				id == down && hour()%24 < 5,
				id == dead && day >= 4 && day < 12:
				return failed(500), time.Millisecond
			case id == hanging && s.rnd.IntN(10) == 0:
				return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: webhook.ErrorTimeout}}, 10 * time.Second
			case id == gone && day == 8:
				return webhook.Outcome{Verdict: webhook.Gone, Attempt: webhook.Attempt{StatusCode: 410, Error: webhook.ErrorStatus}}, time.Millisecond
			}
			return ok(), 20 * time.Millisecond
		})
		s.close()
		s.config.DisableAfter = 5 * 24 * time.Hour
		s.keep = store.Retention{Audit: 5 * 24 * time.Hour, Deliveries: 5 * 24 * time.Hour, Dedupe: 2 * 24 * time.Hour}
		s.onFresh, s.sender.ended = s.offered, s.ends
		s.open()
		for _, id := range []*uint32{&well, &flaky, &down, &hanging, &gone, &dead} {
			*id = s.endpoint(nil)
		}
		missing := 0
		enable := func(id uint32) {
			e, err := s.store.UpdateEndpoint(t.Context(), s.tenant, id, func(e *webhook.Endpoint) error {
				if e.Enabled {
					t.Errorf("endpoint %d was not disabled", id)
				}
				e.Enabled, e.DisabledReason = true, ""
				return nil
			})
			s.ok(err)
			n, err := s.store.Replay(t.Context(), s.tenant, webhook.Replay{Missing: true, EndpointID: e.ID})
			s.ok(err)
			missing += n
			s.queue.Wake(id)
		}
		var size int64
		payload := bytes.Repeat([]byte("x"), 32<<10)
		for hour() < days*24 {
			var events []webhook.Event
			for range 6 {
				events = append(events, webhook.Event{
					TenantID: s.tenant, Type: webhook.MessageReceived, Payload: payload, Conversation: webhook.ConversationOf(s.tenant, fmt.Sprint(s.rnd.IntN(6))),
				})
			}
			s.accept(events)
			switch hour() {
			case 3 * 24, 9*24 + 3, 17*24 + 6, 22 * 24:
				s.close() // with attempts under way
				s.open()
			case 6 * 24:
				s.jump(-time.Hour)
			case 14 * 24:
				s.jump(24 * time.Hour)
			case 17*24 + 3:
				s.jump(-24 * time.Hour)
			case 10 * 24:
				enable(gone)
			case 12 * 24:
				enable(dead)
			case 20 * 24:
				size, _ = s.store.Size()
			case 25 * 24:
				_, err := s.store.Replay(t.Context(), s.tenant, webhook.Replay{Status: webhook.Failed})
				s.ok(err)
				for _, id := range s.store.EndpointIDs() {
					s.queue.Wake(id)
				}
			}
			time.Sleep(time.Until(begun.Add(time.Duration(hour()+3) * time.Hour)))
			s.ok(s.store.RetainAll(t.Context()))
		}
		if end, _ := s.store.Size(); end > size {
			t.Errorf("the file grows: %d bytes at the end, %d after two thirds", end, size)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()

		var waiting, succeeded uint64
		for _, id := range s.store.EndpointIDs() {
			st := s.stats(id)
			waiting += st.Pending + st.Retrying
			succeeded += st.Succeeded
		}
		if waiting != 0 || succeeded != uint64(len(s.succeeded)) || len(s.succeeded)+len(s.dead) != len(s.made)+missing {
			t.Errorf("%d wait; %d delivered, the store says %d; %d dead; %d and %d were made", waiting, len(s.succeeded), succeeded, len(s.dead), len(s.made), missing)
		}
		for id := range s.made {
			if !s.succeeded[id] && !s.dead[id] {
				t.Errorf("%s was lost", id)
			}
		}
		t.Logf("%d attempts, %d delivered, %d dead, %d missing; %d bytes", len(s.sender.sent), len(s.succeeded), len(s.dead), missing, size)
		s.close()
		if list := s.queue.Leftovers(); list != nil {
			t.Errorf("left over: %q", list)
		}
	})
}
