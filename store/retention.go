package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

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
	// retainChunk bounds what one step does: enough to keep ahead of any traffic, few enough that the commit
	// it rides along with stays small. To look at a record costs one, to remove it as much as removal.
	retainChunk = 1000
	removal     = 4
	// retainPause and retainRest are the waits between the steps of a round, and between rounds.
	retainPause = 50 * time.Millisecond
	retainRest  = 20 * time.Second
	// retainLook is the wait after a step that looked at many records and found less than one of retainWorth that
	// had expired. To see a million takes eight minutes so, which is short beside what is kept, and little else.
	retainLook  = 500 * time.Millisecond
	retainWorth = 100
	// clockJump is how far ahead of the time that passed the clock may be before it is doubted, for jumpHold.
	clockJump = time.Hour
	jumpHold  = 24 * time.Hour
)

// Retain removes what has expired until ctx ends, in small steps that share commits with what is coming
// in, so that freed pages are soon used again and no commit is large. When the clock jumps ahead by more
// than an hour it removes nothing for a day: if the clock is wrong, nothing has expired.
func (s *Store) Retain(ctx context.Context) {
	rounds := s.rounds()
	wait := retainPause
	var held time.Time
	wall, real := s.now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		jump := s.now().Sub(wall) - time.Since(real)
		wall, real = s.now(), time.Now()
		switch {
		case jump > clockJump:
			held = real.Add(jumpHold)
			s.log.Warn("the clock jumped ahead; for a day no record expires, in case it is wrong", "by", jump.Round(time.Second).String())
		case jump < -clockJump:
			held = time.Time{} // set right again
		}
		if real.Before(held) {
			wait = s.keep.Load().rest()
			continue
		}
		for _, r := range rounds {
			if real.Before(r.due) {
				continue
			}
			pause, err := r.step(ctx, &r.sweep)
			if ctx.Err() != nil || errors.Is(err, webhook.ErrClosed) {
				return
			}
			if err != nil {
				s.log.Error("retention step failed", "error", err)
			}
			if pause == 0 {
				pause = s.keep.Load().rest()
			}
			r.due = time.Now().Add(pause)
		}
		wait = time.Until(slices.MinFunc(rounds, func(a, b *round) int { return a.due.Compare(b.due) }).due)
	}
}

// rest returns the wait after a round, which is short beside what is kept.
func (r *Retention) rest() time.Duration {
	return min(retainRest, max(retainPause, min(r.Audit, r.Deliveries, r.Dedupe)/10))
}

// RetainAll removes everything that has expired, and returns when it has been through all of it once and
// the room is free.
func (s *Store) RetainAll(ctx context.Context) error {
	for _, r := range s.rounds() {
		for more := true; more; {
			pause, err := r.step(ctx, &r.sweep)
			if err != nil {
				return err
			}
			more = pause > 0
		}
	}
	return s.FlushAll(ctx)
}

// round goes through some of what can expire, again and again. A step returns the wait before the next of the
// same round, zero at its end, or if it failed.
type round struct {
	sweep
	step func(context.Context, *sweep) (pause time.Duration, err error)
	due  time.Time
}

// sweep is where a round stands.
type sweep struct {
	stage int
	at    []byte // key to go on from; nil: the first
}

func (s *Store) rounds() []*round { return []*round{{step: s.retainStep}, {step: s.retainHashed}} }

// retainStep removes some of what has expired where keys tell: the oldest are found without a search.
func (s *Store) retainStep(ctx context.Context, sw *sweep) (pause time.Duration, err error) {
	var next sweep
	var more bool
	err = s.updateToFree(ctx, func(t *tx) (err error) {
		next = *sw
		more, err = t.retain(&next, retainChunk)
		if err == nil && t.s.failing.Load() {
			// No other write may come to show that the disk takes them again.
			t.put(bMeta, []byte("recovered"), []byte(t.now.Format(time.RFC3339)))
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if !more {
		*sw = sweep{}
		return 0, nil
	}
	*sw = next
	return retainPause, nil
}

// stage removes some records of one kind, from a key on, and returns the key to go on from, nil at the end.
type stage func(keep *Retention, from []byte, budget *int) (next []byte, err error)

func (t *tx) retain(sw *sweep, budget int) (more bool, err error) {
	keep := t.s.keep.Load()
	stages := []stage{t.retainPurged, t.retainDeliveries, t.retainEvents, t.retainAudit, t.retainActivity, t.retainTrail}
	for budget > 0 && sw.stage < len(stages) {
		if sw.at, err = stages[sw.stage](keep, sw.at, &budget); err != nil {
			return false, err
		}
		if sw.at == nil {
			sw.stage++
		}
	}
	return sw.stage < len(stages), nil
}

// retainDeliveries removes old deliveries, except those that are still on their way or have not ended for
// long: what failed after a month of waiting must be seen.
func (t *tx) retainDeliveries(keep *Retention, from []byte, budget *int) (next []byte, err error) {
	cutoff := webhook.IDAt(t.now.Add(-keep.Deliveries))
	keys, next := olderThan(before(cutoff), t.cursor(bDeliveries), 4, from, budget)
	for _, k := range keys {
		d, err := decodeDelivery(k, t.get(bDeliveries, k), false)
		if err != nil {
			t.s.log.Error("a delivery can't be read, and stays", "key", fmt.Sprintf("%x", k), "error", err)
			continue
		}
		if !d.Status.Ended() || millisOf(d.FinishedAt) >= cutoff.Millis() {
			continue
		}
		t.dropDelivery(&d)
	}
	return next, nil
}

// retainEvents removes old events that no delivery needs any more.
func (t *tx) retainEvents(keep *Retention, from []byte, budget *int) (next []byte, err error) {
	keys, next := olderThan(before(webhook.IDAt(t.now.Add(-keep.Deliveries))), t.cursor(bEvents), 4, from, budget)
	deliveries := t.cursor(bDeliveries)
	needed := func(k []byte) bool {
		of, _ := deliveries.SeekPrefix(k)
		return of != nil
	}
	t.deleteAll(bEvents, slices.DeleteFunc(keys, needed))
	return next, nil
}

func (t *tx) retainAudit(keep *Retention, from []byte, budget *int) (next []byte, err error) {
	keys, next := olderThan(before(webhook.IDAt(t.now.Add(-keep.Audit))), t.cursor(bAudit), 0, from, budget)
	t.deleteAll(bAudit, keys)
	return next, nil
}

func before(id webhook.ID) func([]byte) []byte {
	key := id.Key()
	return func([]byte) []byte { return key }
}

// olderThan gathers keys, from one on, whose part behind the prefix is before what oldest says for them;
// next is where to go on, nil at the end. Within a prefix the times ascend.
func olderThan(oldest func(k []byte) []byte, c *cursor, prefix int, from []byte, budget *int) (keys [][]byte, next []byte) {
	for k, _ := c.Seek(from); k != nil; {
		if *budget <= 0 {
			return keys, bytes.Clone(k)
		}
		if bytes.Compare(k[prefix:], oldest(k)) < 0 {
			*budget -= removal
			keys = append(keys, bytes.Clone(k))
			k, _ = c.Next()
			continue
		}
		*budget--
		beyond := after(k[:prefix])
		if beyond == nil {
			return keys, nil
		}
		k, _ = c.Seek(beyond)
	}
	return keys, nil
}

func (t *tx) deleteAll(bucket bucket, keys [][]byte) {
	for _, k := range keys {
		t.delete(bucket, k)
	}
}

// dropDelivery removes a delivery and all that points to it.
func (t *tx) dropDelivery(d *delivery) {
	if !d.Status.Ended() {
		t.unschedule(d)
	}
	if t.dir.endpoints[d.EndpointID()] != nil {
		t.move(d.EndpointID(), d.Status, 0)
	}
	k := deliveryKey(d.TenantID, d.ID)
	t.delete(bTrouble, k)
	t.delete(bDeliveries, k)
}

// retainPurged removes some of what is left of deleted endpoints and tenants.
func (t *tx) retainPurged(_ *Retention, _ []byte, budget *int) (next []byte, err error) {
	for {
		// Endpoints come before tenants here, so a tenant's deliveries have all ended when it's its turn.
		k, v := t.cursor(bPurge).First()
		if k == nil {
			return nil, nil
		}
		k = bytes.Clone(k)
		if *budget <= 0 {
			return k, nil
		}
		if len(k) != 5 || len(v) != 4 {
			return nil, fmt.Errorf("purge %x: %w", k, errRecord)
		}
		id, tenant := binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint32(v)
		clean := false
		if k[0] == purgeTenant {
			clean = t.purgeTenant(id, budget)
		} else {
			clean = t.purgeEndpoint(id, tenant, budget)
		}
		if clean {
			*budget -= removal
			t.delete(bPurge, k)
		}
	}
}

// purgeEndpoint drops deliveries to a deleted endpoint that have not ended; clean says that there are no
// more.
func (t *tx) purgeEndpoint(endpoint, tenant uint32, budget *int) (clean bool) {
	for _, index := range []struct {
		bucket bucket
		idOf   func(k []byte) webhook.ID
	}{
		{bSchedule, func(k []byte) webhook.ID { id, _, _ := parseScheduleKey(k); return id }},
		{bHeld, func(k []byte) webhook.ID { id, _, _ := parseHeldKey(k); return id }},
	} {
		keys, all := t.withPrefix(index.bucket, idKey(endpoint), budget)
		for _, k := range keys {
			d, err := t.readDelivery(tenant, index.idOf(k))
			if err == nil {
				t.dropDelivery(&d)
			} else {
				t.delete(index.bucket, k) // it names nothing that could be dropped
			}
		}
		if !all {
			return false
		}
	}
	return true
}

// purgeTenant drops a deleted tenant's events, ended deliveries and templates; clean says that there are no
// more.
func (t *tx) purgeTenant(id uint32, budget *int) (clean bool) {
	for _, bucket := range []bucket{bDeliveries, bTrouble, bEvents, bTemplates, bIdempotency} {
		keys, all := t.withPrefix(bucket, idKey(id), budget)
		t.deleteAll(bucket, keys)
		if !all {
			return false
		}
	}
	return true
}

// withPrefix gathers keys as far as the budget goes; all says that there are no more.
func (t *tx) withPrefix(bucket bucket, prefix []byte, budget *int) (keys [][]byte, all bool) {
	c := t.cursor(bucket)
	for k, _ := c.SeekPrefix(prefix); k != nil; k, _ = c.Next() {
		if *budget <= 0 {
			return keys, false
		}
		*budget -= removal
		keys = append(keys, bytes.Clone(k))
	}
	return keys, true
}

// hashed are the buckets whose keys are hashes. What has expired lies anywhere in them.
var hashed = [...]struct {
	bucket
	keep func(*Retention) time.Duration
	time func(record []byte) int64 // ms
}{
	{bMessages, func(r *Retention) time.Duration { return max(r.Dedupe, r.Deliveries) }, func(v []byte) int64 {
		m, err := decodeMessage(v)
		if err != nil {
			return math.MaxInt64 // it stays: verify finds it
		}
		return m.updated
	}},
	{bSeen, func(r *Retention) time.Duration { return r.Dedupe }, millis},
	{bCustomers, func(r *Retention) time.Duration { return max(r.Dedupe, 48*time.Hour) }, millis},
	{bIdempotency, func(*Retention) time.Duration { return webhook.IdempotencyPeriod }, func(v []byte) int64 { return millis(v[min(32, len(v)):]) }},
}

// retainHashed removes some of what has expired where keys are hashes. It looks beside the commits, and takes part
// in one only with what it found: in a large file looking takes longer than a commit.
func (s *Store) retainHashed(ctx context.Context, sw *sweep) (pause time.Duration, err error) {
	keep, next, budget := s.keep.Load(), *sw, retainChunk
	var expired [len(hashed)][][]byte
	found := 0
	for budget > 0 && next.stage < len(hashed) {
		i := next.stage
		if expired[i], next.at, err = s.expired(ctx, i, keep, next.at, &budget); err != nil {
			return 0, err
		}
		found += len(expired[i])
		if next.at == nil {
			next.stage++
		}
	}
	if found > 0 {
		err := s.updateToFree(ctx, func(t *tx) error {
			for i, keys := range expired {
				h := &hashed[i]
				cutoff := t.now.Add(-h.keep(keep)).UnixMilli()
				for _, k := range keys {
					if v := t.get(h.bucket, k); v != nil && h.time(v) <= cutoff { // it may have changed meanwhile
						t.delete(h.bucket, k)
					}
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	switch *sw = next; {
	case next.stage == len(hashed):
		*sw = sweep{}
		return 0, nil
	case found*retainWorth >= retainChunk:
		return retainPause, nil
	default:
		return min(retainLook, keep.rest()), nil
	}
}

// expired looks at records of one of the hashed buckets, from a key on, as far as the budget goes. It returns the
// keys of those that have expired, and the key to go on from, nil at the end.
func (s *Store) expired(ctx context.Context, i int, keep *Retention, from []byte, budget *int) (keys [][]byte, next []byte, err error) {
	h := &hashed[i]
	cutoff := s.now().Add(-h.keep(keep)).UnixMilli()
	err = s.viewOf(ctx, []bucket{h.bucket}, func(r *reader) error {
		c := r.cursor(h.bucket)
		k, v := c.Seek(from)
		for ; k != nil && *budget > 0; k, v = c.Next() {
			*budget--
			if h.time(v) <= cutoff {
				*budget -= removal
				keys = append(keys, bytes.Clone(k))
			}
		}
		next = bytes.Clone(k)
		return nil
	})
	return keys, next, err
}
