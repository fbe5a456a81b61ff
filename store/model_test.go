package store_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// model is the store in a few maps, slow and plain: what it says is what the store must say.
type model struct {
	owner
	rnd        *rand.Rand
	endpoints  map[uint32]*webhook.Endpoint
	events     map[webhook.ID]*webhook.Event
	deliveries map[webhook.ID]*modelled
	published  map[string]webhook.ID
	succeeded  map[uint32]uint64
}

type modelled struct {
	id              webhook.ID
	event           *webhook.Event
	status          webhook.Status
	due             time.Time // zero: fresh, if it waits and isn't parked
	parked, head    bool      // head: others were parked behind its first attempt
	attempts, round int
	finished        time.Time
}

func (d *modelled) waits() bool { return !d.status.Ended() }

// held says that others of the conversation must wait for it.
func (d *modelled) held() bool {
	return d.waits() && d.event.Conversation != 0 && (d.parked || d.head || !d.due.IsZero())
}

// line is what keeps its order: one conversation on its way to one endpoint.
type line struct {
	endpoint     uint32
	conversation webhook.Conversation
}

func (d *modelled) line() line { return line{d.id.Owner(), d.event.Conversation} }

// oldestHeld returns the oldest that is held of each line.
func (m *model) oldestHeld() map[line]*modelled {
	oldest := map[line]*modelled{}
	for _, d := range m.deliveries {
		if first := oldest[d.line()]; d.held() && (first == nil || d.id.Before(first.id)) {
			oldest[d.line()] = d
		}
	}
	return oldest
}

// mustWait reports whether an older one of the delivery's line is held.
func (d *modelled) mustWait(oldest map[line]*modelled) bool {
	first := oldest[d.line()]
	return first != nil && first.id.Before(d.id)
}

func (m *model) begin(d *modelled) {
	d.status, d.round, d.finished, d.head = webhook.Pending, 0, time.Time{}, false
	if d.mustWait(m.oldestHeld()) {
		d.parked, d.due = true, time.Time{}
	} else {
		d.due = m.clock.now()
	}
}

func (m *model) finish(d *modelled, out webhook.Outcome, next time.Time) {
	d.attempts++
	d.round++
	d.parked, d.head, d.due = false, false, time.Time{}
	switch {
	case out.Verdict == webhook.Delivered:
		d.status = webhook.Succeeded
		m.succeeded[d.id.Owner()]++
	case next.IsZero():
		d.status = webhook.Failed
	default:
		d.status, d.due = webhook.Retrying, next
		return
	}
	d.finished = m.clock.now()
	if first := m.oldestHeld()[d.line()]; first != nil && first.parked {
		first.parked, first.due = false, m.clock.now()
	}
}

// created takes note of an event, with the deliveries that it must have.
func (m *model) created(e *webhook.Event, id webhook.ID) {
	m.events[id] = e
	for ep, endpoint := range m.endpoints {
		if endpoint.Enabled && endpoint.Wants(e.Type) {
			m.deliveries[id.WithOwner(ep)] = &modelled{id: id.WithOwner(ep), event: e, status: webhook.Pending}
		}
	}
}

// sorted returns the deliveries that match, oldest first.
func (m *model) sorted(match func(*modelled) bool) (list []*modelled) {
	for _, d := range m.deliveries {
		if match(d) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *modelled) int { return slices.Compare(a.id[:], b.id[:]) })
	return list
}

// due returns what must be in an endpoint's schedule now.
func (m *model) due(ep uint32) (ready, behind []webhook.ID, next time.Time) {
	now, oldest := m.clock.now(), m.oldestHeld()
	var timed, fresh []*modelled
	for _, d := range m.sorted(func(d *modelled) bool { return d.waits() && !d.parked && d.id.Owner() == ep }) {
		if d.due.IsZero() {
			fresh = append(fresh, d)
		} else {
			timed = append(timed, d)
		}
	}
	slices.SortStableFunc(timed, func(a, b *modelled) int { return a.due.Compare(b.due) })
	for _, d := range append(timed, fresh...) {
		switch {
		case d.due.After(now) && next.IsZero():
			next = d.due
		case d.due.After(now):
		case d.mustWait(oldest):
			behind = append(behind, d.id)
		default:
			ready = append(ready, d.id)
		}
	}
	return ready, behind, next
}

// check compares everything that can be seen.
func (m *model) check() {
	m.t.Helper()
	want := map[webhook.ID]string{}
	stats := map[uint32]webhook.EndpointStats{}
	describe := func(status webhook.Status, next time.Time, attempts, round int, finished time.Time) string {
		return fmt.Sprint(status, next.UnixMilli(), attempts, round, finished.UnixMilli())
	}
	for id, d := range m.deliveries {
		next := d.due
		if d.waits() && !d.parked && d.due.IsZero() {
			next = id.Time()
		}
		want[id] = describe(d.status, next, d.attempts, d.round, d.finished)
		st := stats[id.Owner()]
		switch d.status {
		case webhook.Pending:
			st.Pending++
		case webhook.Retrying:
			st.Retrying++
		case webhook.Failed:
			st.Failed++
		}
		stats[id.Owner()] = st
	}
	have := map[webhook.ID]string{}
	for _, d := range m.owner.deliveries(webhook.DeliveryFilter{}) {
		have[d.ID] = describe(d.Status, d.NextAttemptAt, d.AttemptCount, d.Round, d.FinishedAt)
	}
	if !maps.Equal(have, want) {
		for id := range want {
			if have[id] != want[id] {
				m.t.Errorf("delivery %s is %q, want %q", id, have[id], want[id])
			}
		}
		m.t.Fatalf("%d deliveries, want %d", len(have), len(want))
	}
	equal(m.t, len(m.owner.events()), len(m.events))
	for ep := range m.endpoints {
		got, want := m.stats(ep), stats[ep]
		equal(m.t, []uint64{got.Pending, got.Retrying, got.Failed, got.Succeeded}, []uint64{want.Pending, want.Retrying, want.Failed, m.succeeded[ep]})
		list, err := m.Due(ep, m.clock.now(), 1_000_000, func(webhook.ID) bool { return false })
		m.ok(err)
		ready, behind, next := m.due(ep)
		equal(m.t, []any{ids(list.Ready), ids(list.Behind), list.Next, list.More}, []any{ready, behind, next, false})
	}
	if m.t.Failed() {
		m.t.FailNow()
	}
}

func ids(list []webhook.Due) (out []webhook.ID) {
	for _, d := range list {
		out = append(out, d.ID)
	}
	return out
}

// pick returns one of the deliveries that match, or nil.
func (m *model) pick(match func(*modelled) bool) *modelled {
	list := m.sorted(match)
	if len(list) == 0 {
		return nil
	}
	return list[m.rnd.IntN(len(list))]
}

func (m *model) pickEndpoint() uint32 {
	all := slices.Sorted(maps.Keys(m.endpoints))
	return all[m.rnd.IntN(len(all))]
}

var modelTypes = []string{webhook.MessageReceived, webhook.CampaignCreated, webhook.CampaignStarted}

func (m *model) newEvent() *webhook.Event {
	customer := []string{"", "a", "b", "c"}[m.rnd.IntN(4)]
	return m.event(modelTypes[m.rnd.IntN(3)], customer, `{"a":1}`)
}

func (m *model) accept() {
	var items []webhook.Item
	for i := range 1 + m.rnd.IntN(6) {
		item := m.message(fmt.Sprint("m", m.posts, ".", i), "")
		item.Event = m.newEvent()
		items = append(items, item)
		if m.rnd.IntN(5) == 0 {
			items = append(items, item) // a repeat
		}
	}
	m.posts++
	m.owner.accept(items...)
	made := m.lastAudit().EventIDs
	for i, item := range slices.CompactFunc(items, func(a, b webhook.Item) bool { return a.Message == b.Message }) {
		m.created(item.Event, made[i])
	}
}

func (m *model) publish() {
	key := fmt.Sprint("k", m.rnd.IntN(20))
	e := m.newEvent()
	id, err := m.Publish(ctx(), webhook.Publication{Event: *e, IdempotencyKey: key})
	m.ok(err)
	if first, ok := m.published[key]; ok && m.clock.now().Sub(first.Time()) < webhook.IdempotencyPeriod {
		equal(m.t, id, first)
		return
	}
	m.published[key] = id
	m.created(e, id)
}

// attempt ends some attempts of an endpoint's due deliveries, one of a conversation at a time.
func (m *model) attempt() {
	ready, _, _ := m.due(m.pickEndpoint())
	talking := map[webhook.Conversation]bool{}
	var list []webhook.Settlement
	var chosen []*modelled
	for _, id := range ready {
		d := m.deliveries[id]
		if talking[d.event.Conversation] || m.rnd.IntN(3) == 0 {
			continue
		}
		talking[d.event.Conversation] = d.event.Conversation != 0
		st := webhook.Settlement{ID: id, TenantID: m.tenant, Outcome: failed()}
		switch m.rnd.IntN(6) {
		case 0:
			st.Next = m.clock.now().Add(time.Duration(m.rnd.IntN(100)) * time.Minute)
		case 1:
		default:
			st.Outcome = delivered()
		}
		list, chosen = append(list, st), append(chosen, d)
	}
	for i, st := range list {
		m.finish(chosen[i], st.Outcome, st.Next)
	}
	_, err := m.Settle(ctx(), list, true)
	m.ok(err)
}

func (m *model) park() {
	ep := m.pickEndpoint()
	ready, behind, _ := m.due(ep)
	var head webhook.ID
	if len(ready) > 0 && m.rnd.IntN(2) == 0 {
		head = ready[m.rnd.IntN(len(ready))]
		behind = ready
		if h := m.deliveries[head]; h.event.Conversation != 0 {
			h.head = true
		}
	}
	oldest := m.oldestHeld() // parking makes none of them another
	for _, id := range behind {
		if d := m.deliveries[id]; d.mustWait(oldest) {
			d.parked, d.due, d.head = true, time.Time{}, false
		}
	}
	m.ok(m.Park(ctx(), m.tenant, head, behind))
}

func (m *model) retry() {
	d := m.pick(func(d *modelled) bool { return m.endpoints[d.id.Owner()] != nil })
	if d == nil {
		return
	}
	m.ok(m.Retry(ctx(), m.tenant, d.id))
	switch {
	case !d.waits():
		m.begin(d)
	case !d.parked && !d.due.IsZero():
		d.due = m.clock.now()
	}
}

func (m *model) replay() {
	r := webhook.Replay{Status: []webhook.Status{webhook.Failed, webhook.Succeeded}[m.rnd.IntN(2)]}
	if m.rnd.IntN(2) == 0 {
		r.EndpointID = m.pickEndpoint()
	}
	if m.rnd.IntN(2) == 0 {
		r.EventType = modelTypes[m.rnd.IntN(3)]
	}
	if m.rnd.IntN(2) == 0 {
		r.Since = m.clock.now().Add(-time.Hour)
	}
	wanted := func(id webhook.ID, e *webhook.Event) bool {
		return m.endpoints[id.Owner()] != nil && (r.EndpointID == 0 || id.Owner() == r.EndpointID) && (r.EventType == "" || e.Type == r.EventType) && !id.Time().Before(r.Since)
	}
	var list []*modelled
	if r.Missing = m.rnd.IntN(3) == 0; r.Missing {
		for id, e := range m.events {
			for ep, endpoint := range m.endpoints {
				d := id.WithOwner(ep)
				if m.deliveries[d] == nil && wanted(d, e) && endpoint.Wants(e.Type) && (endpoint.Enabled || r.EndpointID == ep) {
					list = append(list, &modelled{id: d, event: e})
				}
			}
		}
		slices.SortFunc(list, func(a, b *modelled) int { return slices.Compare(a.id[:], b.id[:]) })
	} else {
		list = m.sorted(func(d *modelled) bool { return d.status == r.Status && wanted(d.id, d.event) })
	}
	for _, d := range list {
		m.deliveries[d.id] = d
		m.begin(d)
	}
	n, err := m.Replay(ctx(), m.tenant, r)
	m.ok(err)
	equal(m.t, n, len(list))
}

func (m *model) changeEndpoints() {
	switch m.rnd.IntN(3) {
	case 0:
		e, err := m.CreateEndpoint(ctx(), webhook.Endpoint{TenantID: m.tenant, Enabled: true, Events: modelTypes[m.rnd.IntN(3):]})
		m.ok(err)
		m.endpoints[e.ID] = &e
	case 1:
		ep := m.pickEndpoint()
		e, err := m.UpdateEndpoint(ctx(), m.tenant, ep, func(e *webhook.Endpoint) error { e.Enabled = !e.Enabled; return nil })
		m.ok(err)
		m.endpoints[ep] = &e
	default:
		if len(m.endpoints) < 3 {
			return
		}
		ep := m.pickEndpoint()
		m.ok(m.DeleteEndpoint(ctx(), m.tenant, ep))
		delete(m.endpoints, ep)
	}
}

func (m *model) erase() {
	customer := []string{"a", "b", "c"}[m.rnd.IntN(3)]
	conversation := webhook.ConversationOf(m.tenant, customer)
	events, deliveries := 0, 0
	for id, d := range m.deliveries {
		if d.event.Conversation == conversation {
			delete(m.deliveries, id)
			deliveries++
		}
	}
	for id, e := range m.events {
		if e.Conversation == conversation {
			delete(m.events, id)
			events++
		}
	}
	done, err := m.Erase(ctx(), webhook.Erasure{TenantID: m.tenant, Customer: customer})
	m.ok(err)
	equal(m.t, []int{done.Events, done.Deliveries}, []int{events, deliveries})
}

func (m *model) retain() {
	m.ok(m.RetainAll(ctx()))
	cutoff := m.clock.now().Add(-30 * day).UnixMilli()
	needed := map[webhook.ID]bool{}
	for id, d := range m.deliveries {
		doomed := d.waits() && m.endpoints[id.Owner()] == nil
		if doomed || !d.waits() && id.Millis() < cutoff && d.finished.UnixMilli() < cutoff {
			delete(m.deliveries, id)
		} else {
			needed[id.OfTenant(m.tenant)] = true
		}
	}
	for id := range m.events {
		if id.Millis() < cutoff && !needed[id] {
			delete(m.events, id)
		}
	}
}

// Whatever is done in whatever order, the store and a plain model agree, and so does the file with itself.
func TestAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := &model{
				owner: openStore(t, redacting).newTenant(), rnd: rand.New(rand.NewPCG(seed, 11)), endpoints: map[uint32]*webhook.Endpoint{}, events: map[webhook.ID]*webhook.Event{},
				deliveries: map[webhook.ID]*modelled{}, published: map[string]webhook.ID{}, succeeded: map[uint32]uint64{},
			}
			for range 2 {
				e, err := m.Endpoint(ctx(), m.tenant, m.endpoint())
				m.ok(err)
				m.endpoints[e.ID] = &e
			}
			for i := range 400 {
				switch n := m.rnd.IntN(100); {
				case n < 25:
					m.accept()
				case n < 32:
					m.publish()
				case n < 60:
					m.attempt()
				case n < 70:
					m.park()
				case n < 76:
					m.retry()
				case n < 80:
					m.replay()
				case n < 84:
					m.changeEndpoints()
				case n < 86:
					m.retain()
				case n < 87:
					m.erase()
				case n < 89:
					m.reopen()
				case n < 99:
					m.clock.advance(time.Duration(m.rnd.IntN(3600)) * time.Second)
				default:
					m.clock.advance(12 * day)
				}
				if i%20 == 0 {
					m.check()
				}
			}
			m.check()
			for id, d := range m.deliveries {
				if m.endpoints[id.Owner()] == nil && d.waits() {
					_, err := m.Claim(id)
					equal(t, errors.Is(err, webhook.ErrNotFound), true)
				}
			}
		})
	}
}
