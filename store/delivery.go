package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"cubeconnect/webhook"
)

// delivery is a delivery record: what the world sees of it, and where it stands.
type delivery struct {
	webhook.Delivery
	due    int64 // its place in the schedule, Unix ms; 0: fresh
	parked bool  // in held only
}

const (
	deliveryParked = 1 << iota
	deliveryRaw
)

// encodeDelivery:
//
//	| version | status | flags  | conversation | due, finished (ms), attempts ever, round | type  | attempts                     |
//	| 1       | 1      | 1      | 8            | varints                                  | bytes | count, then each as drawn below |
//
// An attempt:
//
//	| number, started (us), duration (us), status code | error class, response body |
//	| varints                                          | bytes each                 |
func encodeDelivery(d *delivery) []byte {
	b := append(make([]byte, 0, 96), recordVersion, byte(d.Status))
	flags := byte(0)
	if d.parked {
		flags |= deliveryParked
	}
	if d.Raw {
		flags |= deliveryRaw
	}
	b = append(b, flags)
	b = appendConversation(b, d.Conversation)
	b = appendTime(b, d.due)
	b = appendTime(b, millisOf(d.FinishedAt))
	b = binary.AppendUvarint(b, uint64(d.AttemptCount))
	b = binary.AppendUvarint(b, uint64(d.Round))
	b = appendBytes(b, d.EventType)
	b = binary.AppendUvarint(b, uint64(len(d.Attempts)))
	for _, a := range d.Attempts {
		b = binary.AppendUvarint(b, uint64(a.Number))
		b = binary.AppendUvarint(b, uint64(max(a.StartedAt.UnixMicro(), 0)))
		b = binary.AppendUvarint(b, uint64(max(a.Duration.Microseconds(), 0)))
		b = binary.AppendUvarint(b, uint64(a.StatusCode))
		b = appendBytes(b, string(a.Error))
		b = appendBytes(b, a.ResponseBody)
	}
	return b
}

// decodeDelivery reads a record, with its attempts if they are wanted.
func decodeDelivery(k, v []byte, attempts bool) (d delivery, err error) {
	tenant, id, ok := parseDeliveryKey(k)
	if !ok {
		return d, errRecord
	}
	r := decode(v)
	d.ID, d.TenantID = id, tenant
	d.Status = webhook.Status(r.byte())
	flags := r.byte()
	d.parked, d.Raw = flags&deliveryParked != 0, flags&deliveryRaw != 0
	d.Conversation = webhook.Conversation(r.uint64())
	d.due = r.millis()
	d.FinishedAt = timeOf(r.millis())
	d.AttemptCount = r.int(1 << 30)
	d.Round = r.int(1 << 30)
	d.EventType = r.string()
	if !d.Status.Ended() && !d.parked {
		if d.NextAttemptAt = timeOf(d.due); d.due == 0 {
			d.NextAttemptAt = id.Time()
		}
	}
	if attempts {
		for range r.int(webhook.MaxAttemptsKept) {
			d.Attempts = append(d.Attempts, webhook.Attempt{
				Number:       r.int(1 << 30),
				StartedAt:    time.UnixMicro(int64(r.uvarint() & (1<<62 - 1))).UTC(),
				Duration:     time.Duration(r.uvarint()&(1<<50-1)) * time.Microsecond,
				StatusCode:   r.int(1 << 16),
				Error:        webhook.ErrorClass(r.string()),
				ResponseBody: r.bytes(),
			})
		}
	}
	return d, r.err()
}

// deliveryMatches looks at no more of a record than a filter asks for: most that a page looks at don't match.
// What can't be read does, so that decoding it says so.
func deliveryMatches(v []byte, f *webhook.DeliveryFilter) bool {
	r := decode(v)
	status, _ := webhook.Status(r.byte()), r.byte()
	conv := webhook.Conversation(r.uint64())
	switch {
	case r.bad:
		return true
	case f.Status != 0 && status != f.Status || f.Conversation != 0 && conv != f.Conversation:
		return false
	case f.EventType == "":
		return true
	}
	_, _, _, _ = r.uvarint(), r.uvarint(), r.uvarint(), r.uvarint()
	eventType := r.view()
	return r.bad || string(eventType) == f.EventType
}

func appendConversation(b []byte, c webhook.Conversation) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(c))
}

func (t *tx) putDelivery(d *delivery) {
	t.put(bDeliveries, deliveryKey(d.TenantID, d.ID), encodeDelivery(d))
}

// readDelivery returns a delivery with its attempts.
func (t *tx) readDelivery(tenant uint32, id webhook.ID) (delivery, error) {
	return readDelivery(t.reader, tenant, id)
}

func readDelivery(b getter, tenant uint32, id webhook.ID) (delivery, error) {
	k := deliveryKey(tenant, id)
	v := b.get(bDeliveries, k)
	if v == nil {
		return delivery{}, webhook.ErrNotFound
	}
	d, err := decodeDelivery(k, v, true)
	if err != nil {
		return d, fmt.Errorf("delivery %s: %w", id, err)
	}
	return d, nil
}

// putFreshDelivery makes a new event's delivery to an endpoint.
func (t *tx) putFreshDelivery(e *webhook.Event, ep *webhook.Endpoint) {
	id := e.ID.WithOwner(ep.ID)
	d := delivery{Delivery: webhook.Delivery{ID: id, TenantID: e.TenantID, EventType: e.Type, Status: webhook.Pending, Conversation: e.Conversation, Raw: ep.IncludeRaw}}
	t.putDelivery(&d)
	t.move(ep.ID, 0, webhook.Pending)
	t.fresh = append(t.fresh, webhook.Due{ID: id, Conversation: e.Conversation, Event: e, Raw: d.Raw})
	t.put(bSchedule, scheduleKey(id, 0), appendConversation(nil, e.Conversation))
}

// Deliveries lists a tenant's deliveries.
func (s *Store) Deliveries(ctx context.Context, tenant uint32, f webhook.DeliveryFilter, p webhook.Page) (list webhook.List[webhook.Delivery], err error) {
	if _, ok := s.dir.Load().tenants[tenant]; !ok {
		return list, webhook.ErrNotFound
	}
	err = s.view(ctx, func(b *reader) (err error) {
		from := bDeliveries
		if f.Status == webhook.Failed || f.Status == webhook.Retrying {
			from = bTrouble // the few, not the many
		}
		list, err = scan(b.cursor(from), idKey(tenant), len(webhook.ID{}), f.Range, p, func(k, v []byte) (webhook.Delivery, bool, error) {
			if _, id, ok := parseDeliveryKey(k); ok && f.EndpointID != 0 && id.Owner() != f.EndpointID {
				return webhook.Delivery{}, false, nil
			}
			if from != bDeliveries {
				v = b.get(bDeliveries, k)
			}
			if !deliveryMatches(v, &f) {
				return webhook.Delivery{}, false, nil
			}
			d, err := decodeDelivery(k, v, false)
			return d.Delivery, true, err
		})
		return err
	})
	return list, err
}

// Delivery returns a delivery of a tenant, with its attempts, and its event.
func (s *Store) Delivery(ctx context.Context, tenant uint32, id webhook.ID) (d webhook.Delivery, e webhook.Event, err error) {
	if _, ok := s.dir.Load().tenants[tenant]; !ok {
		return d, e, webhook.ErrNotFound
	}
	err = s.view(ctx, func(b *reader) error {
		rec, err := readDelivery(b, tenant, id)
		if err != nil {
			return err
		}
		d = rec.Delivery
		e, err = readEvent(b, tenant, d.EventID())
		return err
	})
	return d, e, err
}
