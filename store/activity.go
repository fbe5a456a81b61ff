package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"cubeconnect/webhook"
)

// recordEvery is how often activity goes to disk. What happened since the last time is lost in a crash: it
// counts things, it isn't the things.
const recordEvery = 10 * time.Second

// activityTable gathers what happened since it was last stored.
type activityTable struct {
	mu sync.Mutex
	m  map[activityKey]*webhook.Activity
}

type activityKey struct {
	webhook.Subject
	minute uint32 // since 1970
}

func keyAt(s webhook.Subject, at time.Time) activityKey {
	return activityKey{s, uint32(at.Unix() / 60)}
}

func (t *activityTable) add(k activityKey, a *webhook.Activity) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = map[activityKey]*webhook.Activity{}
	}
	if have := t.m[k]; have != nil {
		have.Add(a)
	} else {
		t.m[k] = a
	}
}

func (t *activityTable) take() map[activityKey]*webhook.Activity {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.m
	t.m = nil
	return m
}

// happened returns a subject's counters, which count once the transaction is on disk.
func (t *tx) happened(s webhook.Subject) *webhook.Activity {
	a := t.activity[s]
	if a == nil {
		a = &webhook.Activity{}
		t.activity[s] = a
	}
	return a
}

// CountUnsigned counts a webhook that was refused for its signature.
func (s *Store) CountUnsigned() {
	s.activity.add(keyAt(webhook.Everybody, s.now()), &webhook.Activity{Unsigned: 1})
	s.changed.Add(1)
}

// CountHandshake counts a handshake that was answered.
func (s *Store) CountHandshake() {
	s.activity.add(keyAt(webhook.Everybody, s.now()), &webhook.Activity{Handshakes: 1})
	s.changed.Add(1)
}

// Changes returns a number that is another one once a tenant, an account, an endpoint, or a figure of
// theirs has changed since.
func (s *Store) Changes() uint64 { return s.changed.Load() }

// Record stores activity every few seconds until ctx ends, and then what is left.
func (s *Store) Record(ctx context.Context) {
	ticker := time.NewTicker(recordEvery)
	defer ticker.Stop()
	for on := true; on; {
		select {
		case <-ctx.Done():
			on = false
		case <-ticker.C:
		}
		if err := s.RecordNow(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, webhook.ErrClosed) {
			s.log.Warn("activity of the last seconds could not be stored", "error", err)
		}
	}
}

// RecordNow stores the activity that is only in memory yet, and returns once it is part of
// [Store.Activity].
func (s *Store) RecordNow(ctx context.Context) error {
	m := s.activity.take()
	if len(m) == 0 {
		return nil
	}
	err := s.updateSoon(ctx, func(t *tx) error {
		for k, a := range m {
			begin := time.Unix(int64(k.minute)*60, 0)
			for _, res := range []webhook.Resolution{webhook.ByMinute, webhook.ByHour} {
				key := seriesKey(k.Subject, res, begin)
				sum := *a
				if v := t.get(bActivity, key); v != nil {
					if before, err := decodeActivity(key, v); err == nil { // else it begins anew
						sum.Add(&before)
					}
				}
				t.put(bActivity, key, encodeActivity(&sum))
			}
		}
		return nil
	})
	if err != nil { // another time, then
		for k, a := range m {
			s.activity.add(k, a)
		}
	}
	return err
}

// Activity returns the spans of a subject's series that begin in [since, until), in order; those in which
// nothing happened are left out. It knows what was recorded: see [Store.RecordNow].
func (s *Store) Activity(ctx context.Context, subject webhook.Subject, res webhook.Resolution, since, until time.Time) (list []webhook.Activity, err error) {
	err = s.viewOf(ctx, []bucket{bActivity}, func(b *reader) error {
		c := b.cursor(bActivity)
		from, to := seriesKey(subject, res, since.Add(time.Duration(res)-1)), seriesKey(subject, res, until.Add(time.Duration(res)-1))
		for k, v := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, v = c.Next() {
			a, err := decodeActivity(k, v)
			if err != nil {
				return err
			}
			list = append(list, a)
		}
		return nil
	})
	return list, err
}

// seriesKey places a span behind those before it.
//
//	| kind | id | resolution, minutes | begin, minutes since 1970 |
//	| 1    | 4  | 1                   | 4                         |
func seriesKey(s webhook.Subject, res webhook.Resolution, at time.Time) []byte {
	k := binary.BigEndian.AppendUint32([]byte{byte(s.Kind)}, s.ID)
	k = append(k, byte(time.Duration(res)/time.Minute))
	begin := at.Unix() - at.Unix()%int64(time.Duration(res)/time.Second)
	return binary.BigEndian.AppendUint32(k, uint32(max(begin, 0)/60))
}

const seriesPrefix = 6 // of a key: all but the time

// encodeActivity:
//
//	| version | last (ms), count, counters |
//	| 1       | varints                    |
func encodeActivity(a *webhook.Activity) []byte {
	b := append(make([]byte, 0, 40), recordVersion)
	b = appendTime(b, millisOf(a.Last))
	counters := a.Counters()
	for len(counters) > 0 && *counters[len(counters)-1] == 0 {
		counters = counters[:len(counters)-1]
	}
	b = binary.AppendUvarint(b, uint64(len(counters)))
	for _, n := range counters {
		b = binary.AppendUvarint(b, *n)
	}
	return b
}

func decodeActivity(k, v []byte) (a webhook.Activity, err error) {
	if len(k) != seriesPrefix+4 {
		return a, fmt.Errorf("activity %x: %w", k, errRecord)
	}
	a.At = time.Unix(int64(binary.BigEndian.Uint32(k[seriesPrefix:]))*60, 0).UTC()
	d := decode(v)
	a.Last = timeOf(d.millis())
	counters := a.Counters()
	for _, n := range counters[:d.int(len(counters))] {
		*n = d.uvarint()
	}
	if d.bad {
		return a, fmt.Errorf("activity %x: %w", k, errRecord)
	}
	return a, nil
}

// retainActivity removes spans that are older than what is kept of their resolution.
func (t *tx) retainActivity(_ *Retention, from []byte, budget *int) (next []byte, err error) {
	oldest := func(k []byte) []byte {
		keep := webhook.KeepMinutes
		if k[seriesPrefix-1] != 1 {
			keep = webhook.KeepHours
		}
		return binary.BigEndian.AppendUint32(nil, uint32(max(t.now.Add(-keep).Unix(), 0)/60))
	}
	keys, next := olderThan(oldest, t.cursor(bActivity), seriesPrefix, from, budget)
	t.deleteAll(bActivity, keys)
	return next, nil
}
