package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
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
	// retainPause and retainRest are the waits after a step that found much and one that found little.
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
		wait = retainRest
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

// RetainAll removes everything that has expired, and returns when nothing is left to remove.
func (s *Store) RetainAll(ctx context.Context) error {
	for sw := (sweep{}); ; {
		if more, err := s.retainStep(ctx, &sw); err != nil || !more {
			return err
		}
	}
}

// sweep remembers where the rounds stand: the one through the buckets whose keys are hashes, and for each
// tenant those through its old deliveries and events, some of which must stay.
type sweep struct {
	bucket             int
	at                 []byte
	deliveries, events map[uint32][]byte
}

// retainStep removes some of what has expired; more says that there is, or may be, more.
func (s *Store) retainStep(ctx context.Context, sw *sweep) (more bool, err error) {
	var next sweep
	err = s.update(ctx, func(t *tx) error {
		next = sweep{sw.bucket, sw.at, maps.Clone(sw.deliveries), maps.Clone(sw.events)}
		keep := t.s.keep.Load()
		budget := retainChunk
		err := errors.Join(t.retainPurged(&budget), t.retainDeliveries(keep, &next, &budget), t.retainEvents(keep, &next, &budget), t.retainAudit(keep, &budget))
		if err != nil {
			return err
		}
		more = budget <= 0
		swept, err := t.sweep(keep, &next)
		more = more || swept
		return err
	})
	if err == nil {
		*sw = next
	}
	return more, err
}

// expired gathers keys of records with a prefix that are older than a cutoff, by the id that follows the
// prefix, from a key on; next is where to go on, nil at the end.
func expired(b *bolt.Bucket, prefix, from []byte, cutoff webhook.ID, budget *int) (keys [][]byte, next []byte) {
	c := b.Cursor()
	bound := string(prefix) + string(cutoff[:webhook.KeySize])
	if from == nil {
		from = prefix
	}
	k, _ := c.Seek(from)
	for ; hasPrefix(k, prefix) && string(k) < bound; k, _ = c.Next() {
		if *budget <= 0 {
			return keys, bytes.Clone(k)
		}
		keys = append(keys, bytes.Clone(k))
		*budget--
	}
	return keys, nil
}

func (t *tx) retainAudit(keep *Retention, budget *int) error {
	keys, _ := expired(t.b.Bucket(bAudit), nil, nil, webhook.IDAt(t.now.Add(-keep.Audit)), budget)
	for _, k := range keys {
		if err := t.delete(bAudit, k); err != nil {
			return err
		}
	}
	return nil
}

// retainDeliveries removes old deliveries that have ended.
func (t *tx) retainDeliveries(keep *Retention, sw *sweep, budget *int) error {
	cutoff := webhook.IDAt(t.now.Add(-keep.Deliveries))
	for tenant := range t.dir.tenants {
		keys, next := expired(t.b.Bucket(bDeliveries), idKey(tenant), sw.deliveries[tenant], cutoff, budget)
		resume(&sw.deliveries, tenant, next)
		for _, k := range keys {
			d, err := decodeDelivery(k, t.get(bDeliveries, k), false)
			if err != nil {
				return fmt.Errorf("delivery %x: %w", k, err)
			}
			if !d.Status.Ended() {
				continue
			}
			if err := t.dropDelivery(&d); err != nil {
				return err
			}
		}
	}
	return nil
}

func resume(at *map[uint32][]byte, tenant uint32, next []byte) {
	if next == nil {
		delete(*at, tenant)
		return
	}
	if *at == nil {
		*at = map[uint32][]byte{}
	}
	(*at)[tenant] = next
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

// retainEvents removes old events that no delivery needs any more.
func (t *tx) retainEvents(keep *Retention, sw *sweep, budget *int) error {
	cutoff := webhook.IDAt(t.now.Add(-keep.Deliveries))
	deliveries := t.b.Bucket(bDeliveries).Cursor()
	for tenant := range t.dir.tenants {
		keys, next := expired(t.b.Bucket(bEvents), idKey(tenant), sw.events[tenant], cutoff, budget)
		resume(&sw.events, tenant, next)
		for _, k := range keys {
			if seekPrefix(deliveries, k) != nil {
				continue
			}
			if err := t.delete(bEvents, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// retainPurged removes what is left of deleted endpoints and tenants.
func (t *tx) retainPurged(budget *int) error {
	var done [][]byte
	c := t.b.Bucket(bPurge).Cursor()
	type purge struct {
		key    []byte
		tenant uint32
	}
	var purges []purge
	for k, v := c.First(); k != nil && len(purges) < 10; k, v = c.Next() {
		if len(k) != 5 || len(v) != 4 {
			return fmt.Errorf("purge %x: %w", k, errRecord)
		}
		purges = append(purges, purge{bytes.Clone(k), binary.BigEndian.Uint32(v)})
	}
	for _, p := range purges {
		clean := t.purgeEndpoint
		if p.key[0] == purgeTenant {
			clean = t.purgeTenant
		}
		if err := clean(binary.BigEndian.Uint32(p.key[1:]), p.tenant, budget); err != nil {
			return err
		}
		if *budget <= 0 {
			break
		}
		done = append(done, p.key)
	}
	for _, k := range done {
		if err := t.delete(bPurge, k); err != nil {
			return err
		}
	}
	return nil
}

// purgeEndpoint drops deliveries to a deleted endpoint that have not ended.
func (t *tx) purgeEndpoint(endpoint, tenant uint32, budget *int) error {
	var ids []webhook.ID
	prefix := idKey(endpoint)
	c := t.b.Bucket(bSchedule).Cursor()
	for k, _ := c.Seek(prefix); *budget > 0 && hasPrefix(k, prefix); k, _ = c.Next() {
		if id, _, ok := parseScheduleKey(k); ok {
			ids = append(ids, id)
		}
		*budget--
	}
	c = t.b.Bucket(bHeld).Cursor()
	for k, _ := c.Seek(prefix); *budget > 0 && hasPrefix(k, prefix); k, _ = c.Next() {
		if id, _, ok := parseHeldKey(k); ok {
			ids = append(ids, id)
		}
		*budget--
	}
	for _, id := range ids {
		d, err := t.readDelivery(tenant, id)
		if errors.Is(err, webhook.ErrNotFound) {
			continue // dropped a moment ago
		}
		if err != nil {
			return err
		}
		if err := t.dropDelivery(&d); err != nil {
			return err
		}
	}
	return nil
}

// purgeTenant drops a deleted tenant's events, ended deliveries and templates.
func (t *tx) purgeTenant(id, _ uint32, budget *int) error {
	for _, bucket := range [][]byte{bDeliveries, bTrouble, bEvents, bTemplates, bIdempotency} {
		prefix := idKey(id)
		var keys [][]byte
		c := t.b.Bucket(bucket).Cursor()
		for k, v := c.Seek(prefix); *budget > 0 && hasPrefix(k, prefix); k, v = c.Next() {
			if string(bucket) == string(bDeliveries) {
				if d, err := decodeDelivery(k, v, false); err == nil && !d.Status.Ended() {
					continue // goes with its endpoint
				}
			}
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

// sweep looks at some records of the buckets whose keys are hashes, and removes those that have expired;
// more says that the round through all of them isn't over.
func (t *tx) sweep(keep *Retention, sw *sweep) (more bool, err error) {
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
	if sw.bucket >= len(rounds) {
		*sw = sweep{}
	}
	round := rounds[sw.bucket]
	c := t.b.Bucket(round.bucket).Cursor()
	k, v := c.Seek(sw.at)
	var keys [][]byte
	for n := 0; n < sweepChunk && k != nil; n++ {
		if round.gone(v) {
			keys = append(keys, bytes.Clone(k))
		}
		k, v = c.Next()
	}
	sw.at = bytes.Clone(k)
	if k == nil {
		sw.bucket, sw.at = sw.bucket+1, nil
	}
	for _, key := range keys {
		if err := t.delete(round.bucket, key); err != nil {
			return false, err
		}
	}
	return sw.bucket < len(rounds), nil
}
