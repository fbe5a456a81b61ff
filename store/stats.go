package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"
	"time"

	"cubeconnect/metrics"
	"cubeconnect/webhook"
)

// statsTable holds what the stats bucket says. The commit loop alone writes it.
type statsTable struct {
	mu sync.RWMutex
	m  map[uint32]webhook.EndpointStats
}

func (s *statsTable) read(b *reader) error {
	s.m = map[uint32]webhook.EndpointStats{}
	return b.each(bStats, func(k, v []byte) error {
		st, err := decodeStats(v)
		if err != nil || len(k) != 4 {
			return fmt.Errorf("stats of endpoint %x: %w", k, errRecord)
		}
		s.m[binary.BigEndian.Uint32(k)] = st
		return nil
	})
}

func (s *statsTable) get(endpoint uint32) webhook.EndpointStats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m[endpoint]
}

func (s *Store) applyStats(changed map[uint32]*webhook.EndpointStats) {
	if len(changed) == 0 {
		return
	}
	s.stats.mu.Lock()
	defer s.stats.mu.Unlock()
	for endpoint, st := range changed {
		if st == nil {
			delete(s.stats.m, endpoint)
		} else {
			s.stats.m[endpoint] = *st
		}
	}
}

// stat returns an endpoint's figures, to be changed; [tx.flush] writes them once for the whole batch.
func (t *tx) stat(endpoint uint32) *webhook.EndpointStats {
	st := t.stats[endpoint]
	if st == nil {
		v := t.s.stats.get(endpoint)
		st = &v
		t.stats[endpoint] = st
	}
	return st
}

// move counts a delivery that goes from one status to another; zero is none. Successes are a total:
// they don't become fewer when one is replayed or forgotten.
func (t *tx) move(endpoint uint32, from, to webhook.Status) {
	st := t.stat(endpoint)
	if n := count(st, from); n != nil && *n > 0 && from != webhook.Succeeded {
		*n--
	}
	if n := count(st, to); n != nil {
		*n++
	}
}

func count(st *webhook.EndpointStats, status webhook.Status) *uint64 {
	switch status {
	case webhook.Pending:
		return &st.Pending
	case webhook.Retrying:
		return &st.Retrying
	case webhook.Succeeded:
		return &st.Succeeded
	case webhook.Failed:
		return &st.Failed
	}
	return nil
}

func (t *tx) putStats() {
	for endpoint, st := range t.stats {
		if st == nil {
			continue
		}
		t.put(bStats, idKey(endpoint), encodeStats(st))
	}
}

// encodeStats:
//
//	| version | pending | retrying | succeeded | failed | failing since, last success (ms) | last error | last status |
//	| 1       | varints                                                                  | bytes      | varint      |
func encodeStats(st *webhook.EndpointStats) []byte {
	b := append(make([]byte, 0, 40), recordVersion)
	for _, n := range []uint64{st.Pending, st.Retrying, st.Succeeded, st.Failed} {
		b = binary.AppendUvarint(b, n)
	}
	b = appendTime(b, millisOf(st.FailingSince))
	b = appendTime(b, millisOf(st.LastSuccess))
	b = appendBytes(b, string(st.LastError))
	return binary.AppendUvarint(b, uint64(st.LastStatus))
}

func decodeStats(b []byte) (st webhook.EndpointStats, err error) {
	d := decode(b)
	st.Pending, st.Retrying, st.Succeeded, st.Failed = d.uvarint(), d.uvarint(), d.uvarint(), d.uvarint()
	st.FailingSince, st.LastSuccess = timeOf(d.millis()), timeOf(d.millis())
	st.LastError = webhook.ErrorClass(d.string())
	st.LastStatus = d.int(1 << 16)
	return st, d.err()
}

// EndpointStats returns the running figures of every endpoint, by id.
func (s *Store) EndpointStats(context.Context) (map[uint32]webhook.EndpointStats, error) {
	s.stats.mu.RLock()
	defer s.stats.mu.RUnlock()
	return maps.Clone(s.stats.m), nil
}

// Snapshot reads the gauges of a scrape.
func (s *Store) Snapshot() metrics.Snapshot {
	var snap metrics.Snapshot
	snap.SizeBytes, snap.FreeBytes = s.Size()
	snap.DiskFreeBytes, _, _ = s.space.ask() // what can't be asked shows as nothing
	snap.OpenReads = s.db.Stats().OpenTxN
	dir := s.dir.Load()
	for id, e := range dir.endpoints {
		st := s.stats.get(id)
		snap.Pending += st.Pending
		snap.Retrying += st.Retrying
		snap.DeadLetters += st.Failed
		snap.Endpoints = append(snap.Endpoints, metrics.EndpointState{Tenant: e.TenantID, Endpoint: id, Up: e.Enabled && st.FailingSince.IsZero()})
	}
	oldest, _ := s.Oldest(context.Background(), 0) // a closed database has no gauges to show
	if !oldest.IsZero() {
		snap.OldestAgeSeconds = max(0, s.now().Sub(oldest).Seconds())
	}
	return snap
}

// oldestLook bounds how many of an endpoint's retries are looked at for the oldest, allLook those of all
// endpoints together.
const (
	oldestLook = 500
	allLook    = 10_000
)

// Waiting says what waits for an endpoint. Of more than 500 retries the oldest is that of those due first.
func (s *Store) Waiting(ctx context.Context, endpoint uint32) (w webhook.Waiting, err error) {
	if st := s.stats.get(endpoint); st.Pending+st.Retrying == 0 {
		return w, nil
	}
	err = s.viewOf(ctx, scheduleBuckets, func(b *reader) error {
		w = waiting(b.cursor(bSchedule), endpoint, oldestLook)
		return nil
	})
	return w, err
}

func waiting(c *cursor, endpoint uint32, most int) (w webhook.Waiting) {
	look := func(id webhook.ID) {
		if at := id.Time(); w.Oldest.IsZero() || at.Before(w.Oldest) {
			w.Oldest = at
		}
	}
	prefix := idKey(endpoint)
	k, _ := c.SeekPrefix(prefix)
	if id, due, ok := parseScheduleKey(k); ok && due == 0 {
		look(id)
	}
	k, _ = c.SeekWithin(append(idKey(endpoint), 0, 0, 0, 0, 0, 1), prefix)
	for n := 0; n < most && k != nil; n++ {
		if id, due, ok := parseScheduleKey(k); ok {
			look(id)
			if n == 0 {
				w.NextRetry = timeOf(due)
			}
		}
		k, _ = c.Next()
	}
	return w
}

// Oldest returns when the oldest delivery was made that waits for an endpoint that is enabled, of a tenant
// or, with 0, of all; zero: there is none. The more endpoints something waits for, the fewer retries of each
// are looked at: those due first, 10,000 in all.
func (s *Store) Oldest(ctx context.Context, tenant uint32) (oldest time.Time, err error) {
	var ids []uint32
	for id, e := range s.dir.Load().endpoints {
		if st := s.stats.get(id); e.Enabled && st.Pending+st.Retrying > 0 && (tenant == 0 || e.TenantID == tenant) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return oldest, nil
	}
	most := min(oldestLook, 1+allLook/len(ids))
	err = s.viewOf(ctx, scheduleBuckets, func(b *reader) error {
		c := b.cursor(bSchedule)
		for _, id := range ids {
			if at := waiting(c, id, most).Oldest; !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
				oldest = at
			}
		}
		return nil
	})
	return oldest, err
}
