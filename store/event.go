package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"cubeconnect/webhook"
)

// encodeEvent:
//
//	| version | conversation | audit id | type, payload, raw |
//	| 1       | 8            | 16       | bytes each         |
func encodeEvent(e *webhook.Event) []byte {
	b := append(make([]byte, 0, 64+len(e.Payload)+len(e.Raw)), recordVersion)
	b = appendConversation(b, e.Conversation)
	b = append(b, e.AuditID[:]...)
	b = appendBytes(b, e.Type)
	b = appendBytes(b, e.Payload)
	return appendBytes(b, e.Raw)
}

func decodeEvent(k, v []byte) (e webhook.Event, err error) {
	id, ok := parseEventKey(k)
	if !ok {
		return e, errRecord
	}
	d := decode(v)
	e = webhook.Event{ID: id, TenantID: id.Tenant(), Conversation: webhook.Conversation(d.uint64()), AuditID: d.id(), Type: d.string(), Payload: d.bytes(), Raw: d.bytes()}
	return e, d.err()
}

// eventMatches looks at no more of a record than a filter asks for. What can't be read matches, so that
// decoding it says so.
func eventMatches(v []byte, f *webhook.EventFilter) bool {
	d := decode(v)
	conv := webhook.Conversation(d.uint64())
	d.raw(len(webhook.ID{}))
	eventType := d.view()
	return d.bad || (f.Conversation == 0 || conv == f.Conversation) && (f.Type == "" || string(eventType) == f.Type)
}

// putEvent stores an event with a delivery for each endpoint that wants it, and returns its id. ev itself
// is not changed: the step may run again.
func (t *tx) putEvent(ev *webhook.Event, auditID webhook.ID) webhook.ID {
	e := *ev
	e.ID, e.AuditID = t.s.ids.Next(t.now, 0).OfTenant(e.TenantID), auditID
	var wanting []*webhook.Endpoint
	raw := false
	for _, ep := range t.dir.byTenant[e.TenantID] {
		if ep.Enabled && ep.Wants(e.Type) {
			wanting = append(wanting, ep)
			raw = raw || ep.IncludeRaw
		}
	}
	if !raw {
		e.Raw = nil // the audit record has it, should an endpoint ask later
	}
	t.put(bEvents, eventKey(e.TenantID, e.ID), encodeEvent(&e))
	for _, ep := range wanting {
		t.putFreshDelivery(&e, ep)
	}
	t.after = append(t.after, func() { t.s.metrics.Events.WithLabelValues(e.Type).Inc() })
	return e.ID
}

// Publish stores an event of the platform's own, with its deliveries. A repeat of an idempotency key
// returns the first one's id; one that says something else is a conflict.
func (s *Store) Publish(ctx context.Context, p webhook.Publication) (id webhook.ID, err error) {
	err = s.updateNew(ctx, func(t *tx) error {
		id = webhook.ID{}
		if _, ok := t.dir.tenants[p.Event.TenantID]; !ok {
			return webhook.ErrNotFound
		}
		if p.IdempotencyKey == "" {
			id = t.putEvent(&p.Event, webhook.ID{})
			return nil
		}
		key := tenantHashKey(p.Event.TenantID, p.IdempotencyKey)
		// event id(16) | fingerprint(16) | time, ms(6)
		if v := t.get(bIdempotency, key); len(v) == 38 && t.now.UnixMilli()-millis(v[32:]) < webhook.IdempotencyPeriod.Milliseconds() {
			if !bytes.Equal(v[16:32], p.Fingerprint[:]) {
				return fmt.Errorf("this Idempotency-Key was used for another event: %w", webhook.ErrConflict)
			}
			id = webhook.ID(v[:16])
			return nil
		}
		id = t.putEvent(&p.Event, webhook.ID{})
		t.put(bIdempotency, key, appendMillis(slices.Concat(id[:], p.Fingerprint[:]), t.now.UnixMilli()))
		return nil
	})
	return id, err
}

// Events lists a tenant's events.
func (s *Store) Events(ctx context.Context, tenant uint32, f webhook.EventFilter, p webhook.Page) (list webhook.List[webhook.Event], err error) {
	if _, ok := s.dir.Load().tenants[tenant]; !ok {
		return list, webhook.ErrNotFound
	}
	err = s.view(ctx, func(b *reader) (err error) {
		list, err = scan(b.cursor(bEvents), idKey(tenant), webhook.KeySize, f.Range, p, func(k, v []byte) (webhook.Event, bool, error) {
			if !eventMatches(v, &f) {
				return webhook.Event{}, false, nil
			}
			e, err := decodeEvent(k, v)
			return e, true, err
		})
		return err
	})
	return list, err
}

// EventsOf returns a tenant's events of a message, the newest first. No index leads from one to the other: the
// message's record has the time at which each of its steps came in, and that is the time of its event.
func (s *Store) EventsOf(ctx context.Context, tenant uint32, wamid string) (events []webhook.Event, err error) {
	if _, ok := s.dir.Load().tenants[tenant]; !ok {
		return nil, webhook.ErrNotFound
	}
	err = s.view(ctx, func(b *reader) error {
		arrivals := map[int64]bool{}
		err := eachMessage(b, wamid, func(m *message) {
			if m.tenant != tenant {
				return
			}
			for _, st := range m.steps {
				arrivals[st.arrived] = true
			}
		})
		if err != nil {
			return err
		}
		c := b.cursor(bEvents)
		for _, at := range slices.Backward(slices.Sorted(maps.Keys(arrivals))) {
			until := eventKey(tenant, firstID(timeOf(at+1)))
			for k, v := c.Seek(eventKey(tenant, firstID(timeOf(at)))); k != nil && string(k) < string(until); k, v = c.Next() {
				e, err := decodeEvent(k, v)
				if err != nil {
					return fmt.Errorf("event %x: %w", k, err)
				}
				if e.MessageID() == wamid {
					events = append(events, e)
				}
			}
		}
		return nil
	})
	return events, err
}

// Event returns an event of a tenant and its deliveries, by endpoint.
func (s *Store) Event(ctx context.Context, tenant uint32, id webhook.ID) (e webhook.Event, deliveries []webhook.Delivery, err error) {
	if _, ok := s.dir.Load().tenants[tenant]; !ok || id != id.OfTenant(tenant) {
		return e, nil, webhook.ErrNotFound
	}
	err = s.view(ctx, func(b *reader) (err error) {
		if e, err = readEvent(b, tenant, id); err != nil {
			return err
		}
		c := b.cursor(bDeliveries)
		for k, v := c.SeekPrefix(eventKey(tenant, id)); k != nil; k, v = c.Next() {
			d, err := decodeDelivery(k, v, false)
			if err != nil {
				return err
			}
			deliveries = append(deliveries, d.Delivery)
		}
		return nil
	})
	return e, deliveries, err
}

func readEvent(b getter, tenant uint32, id webhook.ID) (webhook.Event, error) {
	k := eventKey(tenant, id)
	v := b.get(bEvents, k)
	if v == nil {
		return webhook.Event{}, webhook.ErrNotFound
	}
	return decodeEvent(k, v)
}
