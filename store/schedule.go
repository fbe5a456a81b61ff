package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cubeconnect/webhook"
)

var scheduleBuckets = []bucket{bSchedule, bHeld}

// Due reads an endpoint's schedule: up to n deliveries that are due at now and that skip doesn't name.
// Fresh ones and those with a time of their own share the places, so that neither starve.
// It looks at no more than n deliveries beyond those skipped.
func (s *Store) Due(endpoint uint32, now time.Time, n int, skip func(webhook.ID) bool) (list webhook.DueList, err error) {
	err = s.viewOf(context.Background(), scheduleBuckets, func(b *reader) error {
		prefix := idKey(endpoint)
		held := b.cursor(bHeld)
		first, _ := held.SeekPrefix(prefix)
		list.Held = first != nil
		take := func(c *cursor, k, v []byte, upTo int64, room int) error {
			for ; k != nil; k, v = c.Next() {
				id, due, ok := parseScheduleKey(k)
				if !ok || len(v) != 8 {
					return fmt.Errorf("schedule %x: %w", k, errRecord)
				}
				if due > upTo {
					if due > now.UnixMilli() && list.Next.IsZero() {
						list.Next = timeOf(due)
					}
					return nil
				}
				if due == 0 {
					list.Last = id
				}
				if skip(id) {
					continue
				}
				if room == 0 {
					list.More = true
					return nil
				}
				room--
				d := webhook.Due{ID: id, Conversation: webhook.Conversation(binary.BigEndian.Uint64(v))}
				if list.Held && d.Conversation != 0 && heldBefore(held, id, d.Conversation) {
					list.Behind = append(list.Behind, d)
				} else {
					list.Ready = append(list.Ready, d)
				}
			}
			return nil
		}
		timed, fresh := b.cursor(bSchedule), b.cursor(bSchedule)
		firstTimed := append(idKey(endpoint), 0, 0, 0, 0, 0, 1)
		k, v := timed.SeekWithin(firstTimed, prefix)
		if err := take(timed, k, v, now.UnixMilli(), (n+1)/2); err != nil {
			return err
		}
		k, v = fresh.SeekPrefix(prefix)
		return take(fresh, k, v, 0, n-len(list.Ready)-len(list.Behind))
	})
	return list, err
}

// heldBefore reports whether an older delivery of the conversation is held.
func heldBefore(c *cursor, id webhook.ID, conv webhook.Conversation) bool {
	k, _ := c.SeekPrefix(heldPrefix(id.Owner(), conv))
	first, _, ok := parseHeldKey(k)
	return ok && first.Before(id)
}

// Claim reads what an attempt of a delivery needs. It is [webhook.ErrNotFound] if the delivery has ended
// or is gone, or its endpoint is.
func (s *Store) Claim(id webhook.ID) (c webhook.Claim, err error) {
	ep := s.LookupEndpoint(id.Owner())
	if ep == nil {
		return c, webhook.ErrNotFound
	}
	b := &live{s: s}
	d, err := readDelivery(b, ep.TenantID, id)
	if b.err != nil {
		return c, closedError(b.err)
	}
	if err != nil {
		return c, err
	}
	if d.Status.Ended() {
		return c, webhook.ErrNotFound
	}
	e, err := readEvent(b, ep.TenantID, d.EventID())
	if b.err != nil {
		return c, closedError(b.err)
	}
	if err != nil {
		return c, fmt.Errorf("event of delivery %s: %v", id, err) // not ErrNotFound: that would say the delivery is over
	}
	return webhook.Claim{ID: id, EventID: e.ID, Type: e.Type, Number: d.AttemptCount + 1, Round: d.Round + 1, Endpoint: ep, Body: e.Body(d.Raw)}, nil
}

// Finish records an attempt. A failed one has next as the time of the next attempt; the zero time makes
// the delivery a dead letter. When a delivery has ended, the next of its conversation that was parked is
// due now.
func (s *Store) Finish(ctx context.Context, id webhook.ID, tenant uint32, o webhook.Outcome, next time.Time) (webhook.Finished, error) {
	list, err := s.Settle(ctx, []webhook.Settlement{{ID: id, TenantID: tenant, Outcome: o, Next: next}}, true)
	if err != nil {
		return webhook.Finished{}, err
	}
	return list[0], nil
}

// Settle does what [Store.Finish] does for several attempts in one transaction, in order. Without hurry it
// waits a moment for others to share the commit with.
func (s *Store) Settle(ctx context.Context, list []webhook.Settlement, hurry bool) (finished []webhook.Finished, err error) {
	update := s.updateSoon
	if hurry {
		update = s.update
	}
	err = update(ctx, func(t *tx) error {
		finished = make([]webhook.Finished, len(list))
		for i, st := range list {
			finished[i] = t.settle(&st)
		}
		return nil
	})
	return finished, err
}

func (t *tx) settle(st *webhook.Settlement) (f webhook.Finished) {
	if t.dir.endpoints[st.ID.Owner()] == nil {
		return f // deleted meanwhile, and the delivery is about to be dropped
	}
	d, err := t.readDelivery(st.TenantID, st.ID)
	switch {
	case errors.Is(err, webhook.ErrNotFound) || err == nil && d.Status.Ended():
		return f
	case err != nil: // an outcome that can't be stored must not keep the others from the disk
		t.s.log.Error("an attempt's outcome can't be stored", "delivery", st.ID, "error", err)
		return f
	}
	return t.finish(&d, st.Outcome, st.Next)
}

func (t *tx) finish(d *delivery, o webhook.Outcome, next time.Time) (f webhook.Finished) {
	t.unschedule(d)
	before := d.Status
	o.Attempt.Number = d.AttemptCount + 1
	d.AttemptCount++
	d.Round++
	d.Attempts = append(d.Attempts, o.Attempt)
	if over := len(d.Attempts) - webhook.MaxAttemptsKept; over > 0 {
		d.Attempts = d.Attempts[over:]
	}
	st := t.stat(d.EndpointID())
	switch {
	case o.Verdict == webhook.Delivered:
		d.Status, d.FinishedAt = webhook.Succeeded, t.now
		st.LastSuccess, st.FailingSince, st.LastError, st.LastStatus = t.now, time.Time{}, "", 0
	case next.IsZero():
		d.Status, d.FinishedAt = webhook.Failed, t.now
	default:
		d.Status = webhook.Retrying
	}
	if d.Status != webhook.Succeeded {
		st.LastError, st.LastStatus = o.Attempt.Error, o.Attempt.StatusCode
		if st.FailingSince.IsZero() {
			st.FailingSince = t.now
		}
	}
	f.Status, f.FailingSince = d.Status, st.FailingSince
	for _, of := range [...]webhook.Subject{webhook.OfEndpoint(d.EndpointID()), webhook.DeliveriesOf(d.TenantID), webhook.DeliveriesOf(0)} {
		t.happened(of).CountAttempt(d.Status, o.Attempt.Duration)
	}
	t.move(d.EndpointID(), before, d.Status)
	t.markTrouble(d, before)
	if d.Status == webhook.Retrying {
		f.Due, f.Held = next, d.Conversation != 0
		t.schedule(d, next)
	} else {
		f.Due = t.promote(d.EndpointID(), d.TenantID, d.Conversation)
	}
	t.putDelivery(d)
	return f
}

// markTrouble keeps the index of retrying and failed deliveries.
func (t *tx) markTrouble(d *delivery, before webhook.Status) {
	was := before == webhook.Retrying || before == webhook.Failed
	is := d.Status == webhook.Retrying || d.Status == webhook.Failed
	switch {
	case is && !was:
		t.put(bTrouble, deliveryKey(d.TenantID, d.ID), nil)
	case was && !is:
		t.delete(bTrouble, deliveryKey(d.TenantID, d.ID))
	}
}

// schedule gives a delivery that stands nowhere a time. The caller stores the record.
func (t *tx) schedule(d *delivery, at time.Time) {
	d.due, d.parked = max(at.UnixMilli(), 1), false
	t.put(bSchedule, scheduleKey(d.ID, d.due), appendConversation(nil, d.Conversation))
	if d.Conversation != 0 {
		t.put(bHeld, heldKey(d.ID, d.Conversation), appendMillis(nil, d.due))
	}
}

// unschedule takes a delivery from where it stands. The caller stores the record, or deletes it.
func (t *tx) unschedule(d *delivery) {
	if !d.parked {
		t.delete(bSchedule, scheduleKey(d.ID, d.due))
	}
	if d.Conversation != 0 {
		if k := heldKey(d.ID, d.Conversation); t.get(bHeld, k) != nil {
			t.delete(bHeld, k)
		}
	}
	d.due, d.parked = 0, false
}

// park leaves a delivery that stands nowhere to wait for another of its conversation.
func (t *tx) park(d *delivery) {
	d.due, d.parked = 0, true
	t.put(bHeld, heldKey(d.ID, d.Conversation), nil)
}

// promote makes the first of a conversation that is held due now, if it was parked.
func (t *tx) promote(endpoint, tenant uint32, conv webhook.Conversation) (due time.Time) {
	if conv == 0 {
		return due
	}
	for {
		k, v := t.cursor(bHeld).SeekPrefix(heldPrefix(endpoint, conv))
		if k == nil || len(v) != 0 {
			return due
		}
		id, _, _ := parseHeldKey(k)
		d, err := t.readDelivery(tenant, id)
		if err == nil {
			t.schedule(&d, t.now)
			t.putDelivery(&d)
			return t.now
		}
		// Those behind it must not wait for ever.
		t.s.log.Error("a parked delivery can't be read, and is passed over", "delivery", id, "error", err)
		t.delete(bHeld, k)
	}
}

// Park takes deliveries of one endpoint out of the schedule until those before them in their
// conversations have ended. Head, if not zero, is one whose attempt is under way and for which they wait
// though it has not failed. A delivery that nothing stands before any more stays.
//
// Of a conversation the older ones must be parked first: calls about it must not overlap.
func (s *Store) Park(ctx context.Context, tenant uint32, head webhook.ID, ids []webhook.ID) error {
	return s.update(ctx, func(t *tx) error {
		if !head.IsZero() {
			d, err := t.readDelivery(tenant, head)
			switch {
			case errors.Is(err, webhook.ErrNotFound):
			case err != nil:
				return err
			case !d.Status.Ended() && !d.parked && d.Conversation != 0:
				t.put(bHeld, heldKey(d.ID, d.Conversation), appendMillis(nil, d.due))
			}
		}
		for _, id := range ids {
			d, err := t.readDelivery(tenant, id)
			if errors.Is(err, webhook.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if d.Status.Ended() || d.parked || d.Conversation == 0 || !heldBefore(t.cursor(bHeld), id, d.Conversation) {
				continue
			}
			t.unschedule(&d)
			t.park(&d)
			t.putDelivery(&d)
		}
		return nil
	})
}
