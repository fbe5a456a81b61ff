package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/webhook"
)

// Retention says how long records are kept.
type Retention struct {
	Audit      time.Duration // audit records with their bodies
	Deliveries time.Duration // events, and deliveries that have ended
	Dedupe     time.Duration // what a repeat is known by
}

// DefaultRetention is used for members that are zero.
var DefaultRetention = Retention{Audit: 30 * 24 * time.Hour, Deliveries: 30 * 24 * time.Hour, Dedupe: 9 * 24 * time.Hour}

// SetRetention changes how long records are kept, from the next step on.
func (s *Store) SetRetention(r Retention) {
	if r.Audit <= 0 {
		r.Audit = DefaultRetention.Audit
	}
	if r.Deliveries <= 0 {
		r.Deliveries = DefaultRetention.Deliveries
	}
	if r.Dedupe <= 0 {
		r.Dedupe = DefaultRetention.Dedupe
	}
	s.keep.Store(&r)
}

const (
	// retainChunk bounds the records that one retention step removes: enough to keep ahead of any traffic,
	// few enough that the commit they ride along with stays small.
	retainChunk = 250
	// sweepChunk bounds the records that one step looks at where age is not in the key.
	sweepChunk = 1000
	// retainPause and retainRest are the waits after a step that found much, and at most after one that
	// found little.
	retainPause = 50 * time.Millisecond
	retainRest  = 20 * time.Second
)

// Retain removes what has expired until ctx ends, in small steps that share commits with what is coming
// in, so that freed pages are soon used again and no commit is large.
func (s *Store) Retain(ctx context.Context) {
	var sw sweep
	wait := retainPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		more, err := s.retainStep(ctx, &sw)
		wait = s.keep.Load().rest()
		switch {
		case ctx.Err() != nil, errors.Is(err, webhook.ErrClosed):
			return
		case err != nil:
			s.log.Error("retention step failed", "error", err)
		case more:
			wait = retainPause
		}
	}
}

// rest returns the wait after a step that found little, which is short beside what is kept.
func (r *Retention) rest() time.Duration {
	return min(retainRest, max(retainPause, min(r.Audit, r.Deliveries, r.Dedupe)/10))
}

// RetainAll removes everything that has expired, and returns when it has been through all of it once.
func (s *Store) RetainAll(ctx context.Context) error {
	for sw := (sweep{}); ; {
		if more, err := s.retainStep(ctx, &sw); err != nil || !more {
			return err
		}
	}
}

// sweep is a round through everything that can expire. It goes two ways at once: the buckets whose keys
// tell the age, and those whose keys are hashes.
type sweep struct {
	aged, hashed place
}

// place is where a round stands: in one of its buckets, at a key; nil: the first.
type place struct {
	bucket int
	at     []byte
}

// goOn moves to a key of the same bucket, or, there being none, to the next bucket.
func (p *place) goOn(key []byte) {
	if p.at = key; key == nil {
		p.bucket++
	}
}

// retainStep removes some of what has expired; more says that the round isn't over.
func (s *Store) retainStep(ctx context.Context, sw *sweep) (more bool, err error) {
	var next sweep
	err = s.update(ctx, func(t *tx) error {
		next = *sw
		keep := t.s.keep.Load()
		purging, err := t.retainPurged()
		if err != nil {
			return err
		}
		more = purging
		for _, way := range []func(*Retention, *sweep) (bool, error){t.retainAged, t.retainHashed} {
			goesOn, err := way(keep, &next)
			if err != nil {
				return err
			}
			more = more || goesOn
		}
		if t.s.failing.Load() {
			// No other write may come to show that the disk takes them again.
			return t.put(bMeta, []byte("recovered"), []byte(t.now.Format(time.RFC3339)))
		}
		return nil
	})
	switch {
	case err != nil:
		return false, err
	case more:
		*sw = next
	default:
		*sw = sweep{}
	}
	return more, nil
}

// retainAged removes old records from the buckets in which they stand by age. Events come after their
// deliveries, because they stay as long as one of these does.
func (t *tx) retainAged(keep *Retention, sw *sweep) (more bool, err error) {
	rounds := []struct {
		bucket []byte
		prefix int // length of what stands before the time in a key
		keep   time.Duration
		remove func(k []byte, cutoff webhook.ID) error
	}{
		{bDeliveries, 4, keep.Deliveries, t.removeDelivery},
		{bEvents, 4, keep.Deliveries, t.removeEvent},
		{bAudit, 0, keep.Audit, func(k []byte, _ webhook.ID) error { return t.delete(bAudit, k) }},
	}
	p := &sw.aged
	for budget := retainChunk; budget > 0 && p.bucket < len(rounds); {
		r := rounds[p.bucket]
		cutoff := webhook.IDAt(t.now.Add(-r.keep))
		keys, next := olderThan(cutoff, t.b.Bucket(r.bucket).Cursor(), r.prefix, p.at, &budget)
		for _, k := range keys {
			if err := r.remove(k, cutoff); err != nil {
				return false, err
			}
		}
		p.goOn(next)
	}
	return p.bucket < len(rounds), nil
}

// olderThan gathers keys, from one on, whose time is before the cutoff's; next is where to go on, nil at
// the end. Within a prefix the times ascend.
func olderThan(cutoff webhook.ID, c *bolt.Cursor, prefix int, from []byte, budget *int) (keys [][]byte, next []byte) {
	for k, _ := c.Seek(from); k != nil; *budget-- {
		if *budget <= 0 {
			return keys, bytes.Clone(k)
		}
		if string(k[prefix:]) < string(cutoff.Key()) {
			keys = append(keys, bytes.Clone(k))
			k, _ = c.Next()
			continue
		}
		beyond := after(k[:prefix])
		if beyond == nil {
			return keys, nil
		}
		k, _ = c.Seek(beyond)
	}
	return keys, nil
}

// removeDelivery removes an old delivery, unless it is still on its way or has not ended for long: what
// failed after a month of waiting must be seen.
func (t *tx) removeDelivery(k []byte, cutoff webhook.ID) error {
	d, err := decodeDelivery(k, t.get(bDeliveries, k), false)
	if err != nil {
		t.s.log.Error("a delivery can't be read, and stays", "key", fmt.Sprintf("%x", k), "error", err)
		return nil
	}
	if !d.Status.Ended() || millisOf(d.FinishedAt) >= cutoff.Millis() {
		return nil
	}
	return t.dropDelivery(&d)
}

// removeEvent removes an old event that no delivery needs any more.
func (t *tx) removeEvent(k []byte, _ webhook.ID) error {
	if seekPrefix(t.b.Bucket(bDeliveries).Cursor(), k) != nil {
		return nil
	}
	return t.delete(bEvents, k)
}

// dropDelivery removes a delivery and all that points to it.
func (t *tx) dropDelivery(d *delivery) error {
	if !d.Status.Ended() {
		if err := t.unschedule(d); err != nil {
			return err
		}
	}
	if t.dir.endpoints[d.EndpointID()] != nil {
		t.move(d.EndpointID(), d.Status, 0)
	}
	k := deliveryKey(d.TenantID, d.ID)
	return errors.Join(t.delete(bTrouble, k), t.delete(bDeliveries, k))
}

// retainPurged removes some of what is left of deleted endpoints and tenants; more says that there is, or
// may be, more.
func (t *tx) retainPurged() (more bool, err error) {
	budget := retainChunk
	for budget > 0 {
		// Endpoints come before tenants here, so a tenant's deliveries have all ended when it's its turn.
		k, v := t.b.Bucket(bPurge).Cursor().First()
		if k == nil {
			return false, nil
		}
		if len(k) != 5 || len(v) != 4 {
			return false, fmt.Errorf("purge %x: %w", k, errRecord)
		}
		k = bytes.Clone(k)
		id, tenant := binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint32(v)
		budget-- // also for one that left nothing
		if k[0] == purgeTenant {
			err = t.purgeTenant(id, &budget)
		} else {
			err = t.purgeEndpoint(id, tenant, &budget)
		}
		if err != nil {
			return false, err
		}
		if budget > 0 {
			err = t.delete(bPurge, k)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// purgeEndpoint drops deliveries to a deleted endpoint that have not ended.
func (t *tx) purgeEndpoint(endpoint, tenant uint32, budget *int) error {
	for _, index := range []struct {
		bucket []byte
		idOf   func(k []byte) webhook.ID
	}{
		{bSchedule, func(k []byte) webhook.ID { id, _, _ := parseScheduleKey(k); return id }},
		{bHeld, func(k []byte) webhook.ID { id, _, _ := parseHeldKey(k); return id }},
	} {
		var keys [][]byte
		c := t.b.Bucket(index.bucket).Cursor()
		prefix := idKey(endpoint)
		for k := seekPrefix(c, prefix); *budget > 0 && hasPrefix(k, prefix); k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
			*budget--
		}
		for _, k := range keys {
			d, err := t.readDelivery(tenant, index.idOf(k))
			if err == nil {
				err = t.dropDelivery(&d)
			} else {
				err = t.delete(index.bucket, k) // it names nothing that could be dropped
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// purgeTenant drops a deleted tenant's events, ended deliveries and templates.
func (t *tx) purgeTenant(id uint32, budget *int) error {
	prefix := idKey(id)
	for _, bucket := range [][]byte{bDeliveries, bTrouble, bEvents, bTemplates, bIdempotency} {
		var keys [][]byte
		c := t.b.Bucket(bucket).Cursor()
		for k := seekPrefix(c, prefix); *budget > 0 && hasPrefix(k, prefix); k, _ = c.Next() {
			keys = append(keys, bytes.Clone(k))
			*budget--
		}
		for _, k := range keys {
			if err := t.delete(bucket, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// retainHashed looks at some records of the buckets whose keys are hashes, and removes those that have
// expired.
func (t *tx) retainHashed(keep *Retention, sw *sweep) (more bool, err error) {
	now := t.now.UnixMilli()
	old := func(ms int64, d time.Duration) bool { return now-ms >= d.Milliseconds() }
	rounds := []struct {
		bucket []byte
		gone   func(v []byte) bool
	}{
		{bMessages, func(v []byte) bool {
			m, err := decodeMessage(v)
			return err == nil && old(m.updated, max(keep.Dedupe, keep.Deliveries))
		}},
		{bSeen, func(v []byte) bool { return old(millis(v), keep.Dedupe) }},
		{bCustomers, func(v []byte) bool { return old(millis(v), max(keep.Dedupe, 48*time.Hour)) }},
		{bIdempotency, func(v []byte) bool { return len(v) < 38 || old(millis(v[32:]), webhook.IdempotencyPeriod) }},
	}
	p := &sw.hashed
	for budget := sweepChunk; budget > 0 && p.bucket < len(rounds); {
		r := rounds[p.bucket]
		c := t.b.Bucket(r.bucket).Cursor()
		var keys [][]byte
		k, v := c.Seek(p.at)
		for ; k != nil && budget > 0; budget-- {
			if r.gone(v) {
				keys = append(keys, bytes.Clone(k))
			}
			k, v = c.Next()
		}
		p.goOn(bytes.Clone(k))
		for _, k := range keys {
			if err := t.delete(r.bucket, k); err != nil {
				return false, err
			}
		}
	}
	return p.bucket < len(rounds), nil
}
