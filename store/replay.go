package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"cubeconnect/webhook"
)

// Retry makes one delivery due now. One that had ended begins its schedule anew; one that waits for its
// next attempt waits no longer; one that waits for another of its conversation still does.
func (s *Store) Retry(ctx context.Context, tenant uint32, id webhook.ID) error {
	return s.update(ctx, func(t *tx) error {
		if _, ok := t.dir.tenants[tenant]; !ok {
			return webhook.ErrNotFound
		}
		d, err := t.readDelivery(tenant, id)
		if err != nil {
			return err
		}
		if t.dir.endpoints[id.Owner()] == nil {
			return fmt.Errorf("the delivery's endpoint was deleted: %w", webhook.ErrConflict)
		}
		switch {
		case d.Status.Ended():
			t.replay(&d)
		case d.parked || d.due == 0:
			return nil
		default:
			t.unschedule(&d)
			t.schedule(&d, t.now)
			t.putDelivery(&d)
		}
		return t.note(ctx, webhook.TrailEntry{Action: webhook.DeliveryRetried, TenantID: tenant, ObjectID: id.String()})
	})
}

// replay begins a delivery that has ended, or a new one, again.
func (t *tx) replay(d *delivery) {
	before := d.Status
	d.Status, d.Round, d.FinishedAt = webhook.Pending, 0, time.Time{}
	t.move(d.EndpointID(), before, d.Status)
	t.markTrouble(d, before)
	if d.Conversation != 0 && heldBefore(t.cursor(bHeld), d.ID, d.Conversation) {
		t.park(d)
	} else {
		t.schedule(d, t.now)
	}
	t.putDelivery(d)
}

// replayChunk bounds the deliveries that one transaction makes due: they share the commit with what is
// coming in.
const replayChunk = 200

// Replay makes every ended delivery that matches due now, oldest first, and returns how many there are;
// with Missing it makes deliveries for events that an endpoint never got. It goes in steps, each a
// transaction: if it is cut short, what it did stands, and asking again does the rest.
func (s *Store) Replay(ctx context.Context, tenant uint32, r webhook.Replay) (count int, err error) {
	if err := s.checkReplay(tenant, r); err != nil {
		return 0, err
	}
	if !r.DryRun {
		if err := s.Note(ctx, r.Entry(tenant)); err != nil {
			return 0, err
		}
	}
	from, until, err := s.replayed(ctx, tenant, r.Range)
	for err == nil && from != nil {
		var done int
		done, from, err = s.replayStep(ctx, tenant, r, from, until)
		count += done
	}
	return count, err
}

// ReplayPart makes one step of [Store.Replay]: from the cursor on, or from the beginning if it is empty. Next
// is where the step after it begins; empty: it was the last. So that there is a last one, the range should
// have an end. It leaves no line in the trail: whoever makes many steps of one leaves one for them all.
func (s *Store) ReplayPart(ctx context.Context, tenant uint32, r webhook.Replay, cursor string) (count int, next string, err error) {
	if err := s.checkReplay(tenant, r); err != nil {
		return 0, "", err
	}
	at, err := idCursor(webhook.Page{Cursor: cursor})
	if err != nil {
		return 0, "", err
	}
	from, until, err := s.replayed(ctx, tenant, r.Range)
	if err != nil {
		return 0, "", err
	}
	if at != nil {
		from = append(idKey(tenant), at[:]...)
		if r.Missing {
			from = eventKey(tenant, *at)
		}
	}
	count, from, err = s.replayStep(ctx, tenant, r, from, until)
	if err == nil && from != nil {
		var id webhook.ID
		copy(id[:], from[4:])
		next = id.String()
	}
	return count, next, err
}

func (s *Store) checkReplay(tenant uint32, r webhook.Replay) error {
	dir := s.dir.Load()
	if _, ok := dir.tenants[tenant]; !ok {
		return webhook.ErrNotFound
	}
	if e := dir.endpoints[r.EndpointID]; r.EndpointID != 0 && (e == nil || e.TenantID != tenant) {
		return webhook.FieldErrors{"endpoint": {"is no endpoint of this tenant"}}
	}
	if !r.Missing && !r.Status.Ended() {
		return webhook.FieldErrors{"status": {"must be one that a delivery ends with"}}
	}
	return nil
}

// replayStep finds some of the deliveries and replays them, and returns the key to go on from, nil at the end.
func (s *Store) replayStep(ctx context.Context, tenant uint32, r webhook.Replay, from, until []byte) (count int, next []byte, err error) {
	find := s.findEnded
	if r.Missing {
		find = s.findMissing
	}
	ids, next, err := find(ctx, tenant, r, from, until)
	if err != nil || r.DryRun || len(ids) == 0 {
		return len(ids), next, err
	}
	if count, err = s.replayAll(ctx, tenant, ids, r); err != nil {
		return 0, nil, err
	}
	return count, next, nil
}

// replayed returns the keys of events between which a replay goes. What comes in meanwhile is no part of
// it, or it might never end.
func (s *Store) replayed(ctx context.Context, tenant uint32, r webhook.Range) (from, until []byte, err error) {
	from = idKey(tenant)
	if !r.Since.IsZero() {
		from = eventKey(tenant, firstID(r.Since))
	}
	err = s.view(ctx, func(b *reader) error {
		last, _ := b.cursor(bEvents).LastWithin(idKey(tenant))
		until = after(last)
		return nil
	})
	if bound := eventKey(tenant, firstID(r.Until)); !r.Until.IsZero() && string(bound) < string(until) {
		until = bound
	}
	return from, until, err
}

// findEnded returns some of the deliveries that match, from a key on, and the key to go on from.
func (s *Store) findEnded(ctx context.Context, tenant uint32, r webhook.Replay, from, until []byte) (ids []webhook.ID, next []byte, err error) {
	err = s.view(ctx, func(b *reader) error {
		in := bDeliveries
		if r.Status == webhook.Failed {
			in = bTrouble
		}
		next, err = forward(b.cursor(in), from, until, func(k, v []byte) (bool, error) {
			_, id, ok := parseDeliveryKey(k)
			if !ok || s.dir.Load().endpoints[id.Owner()] == nil || r.EndpointID != 0 && id.Owner() != r.EndpointID {
				return true, nil
			}
			d, err := decodeDelivery(k, b.get(bDeliveries, k), false)
			if err != nil {
				return false, fmt.Errorf("delivery %s: %w", id, err)
			}
			if d.Status == r.Status && (r.EventType == "" || d.EventType == r.EventType) && (r.Conversation == 0 || d.Conversation == r.Conversation) {
				ids = append(ids, id)
			}
			return len(ids) < replayChunk, nil
		})
		return err
	})
	return ids, next, err
}

// findMissing returns ids of deliveries that could exist and don't.
func (s *Store) findMissing(ctx context.Context, tenant uint32, r webhook.Replay, from, until []byte) (ids []webhook.ID, next []byte, err error) {
	var endpoints []*webhook.Endpoint
	for _, e := range s.dir.Load().byTenant[tenant] {
		if r.EndpointID == e.ID || r.EndpointID == 0 && e.Enabled {
			endpoints = append(endpoints, e)
		}
	}
	err = s.view(ctx, func(b *reader) error {
		next, err = forward(b.cursor(bEvents), from, until, func(k, v []byte) (bool, error) {
			e, err := decodeEvent(k, v)
			if err != nil {
				return false, fmt.Errorf("event %x: %w", k, err)
			}
			if r.EventType != "" && e.Type != r.EventType || r.Conversation != 0 && e.Conversation != r.Conversation {
				return true, nil
			}
			for _, ep := range endpoints {
				id := e.ID.WithOwner(ep.ID)
				if ep.Wants(e.Type) && b.get(bDeliveries, deliveryKey(tenant, id)) == nil {
					ids = append(ids, id)
				}
			}
			return len(ids) < replayChunk, nil
		})
		return err
	})
	return ids, next, err
}

// forward walks a bucket from a key on to another, until visit returns false or it has looked at many; next
// is where to go on, nil at the end.
func forward(c *cursor, from, until []byte, visit func(k, v []byte) (bool, error)) (next []byte, err error) {
	on := true
	k, v := c.Seek(from)
	for looked := 0; k != nil && string(k) < string(until); k, v = c.Next() {
		if looked == scanLimit || !on {
			return bytes.Clone(k), nil
		}
		looked++
		if on, err = visit(k, v); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *Store) replayAll(ctx context.Context, tenant uint32, ids []webhook.ID, r webhook.Replay) (done int, err error) {
	err = s.update(ctx, func(t *tx) error {
		done = 0
		for _, id := range ids {
			if t.dir.endpoints[id.Owner()] == nil {
				continue
			}
			d, err := t.readDelivery(tenant, id)
			switch {
			case r.Missing && errors.Is(err, webhook.ErrNotFound):
				d, err = t.missing(tenant, id)
				if errors.Is(err, webhook.ErrNotFound) {
					continue // the event expired meanwhile
				}
			case err == nil && (r.Missing || d.Status != r.Status):
				continue // something else was quicker
			}
			if err != nil {
				return err
			}
			t.replay(&d)
			done++
		}
		return nil
	})
	return done, err
}

// missing makes a delivery of an event that an endpoint never got. The caller stores it.
func (t *tx) missing(tenant uint32, id webhook.ID) (d delivery, err error) {
	e, err := readEvent(t.reader, tenant, id.OfTenant(tenant))
	if err != nil {
		return d, err
	}
	raw := t.dir.endpoints[id.Owner()].IncludeRaw
	if raw && e.Raw == nil {
		if e.Raw = t.rawFromAudit(&e); e.Raw != nil {
			t.put(bEvents, eventKey(tenant, e.ID), encodeEvent(&e))
		}
	}
	return delivery{Delivery: webhook.Delivery{ID: id, TenantID: tenant, EventType: e.Type, Conversation: e.Conversation, Raw: raw}}, nil
}
