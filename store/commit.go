package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"cubeconnect/webhook"
)

const (
	// maxBatch bounds the steps of one commit, and with them the time that the first of them waits.
	maxBatch = 1024
	// patience is how long a step that is in no hurry waits for others to share its commit with.
	patience = 2 * time.Millisecond
)

// step is a write that waits for its commit. Its run may be called more than once, each time in a new
// transaction, so it must set its results afresh.
type step struct {
	run   func(*tx) error
	alone bool // shares its commit with no other step
	done  chan error
}

// update runs a step and returns once it is on disk or certainly never will be.
func (s *Store) update(ctx context.Context, run func(*tx) error) error {
	return s.submit(ctx, s.steps, &step{run: run, done: make(chan error, 1)})
}

// updateAlone is for steps that change what later steps look up in memory (endpoints, for one): none of
// them may run before that is in place.
func (s *Store) updateAlone(ctx context.Context, run func(*tx) error) error {
	return s.submit(ctx, s.steps, &step{run: run, alone: true, done: make(chan error, 1)})
}

// updateSoon is for steps that nobody waits for: they ride along with the next commit, and cause one of
// their own only after a moment without. Each commit costs a dozen pages, however little is in it.
func (s *Store) updateSoon(ctx context.Context, run func(*tx) error) error {
	return s.submit(ctx, s.soon, &step{run: run, done: make(chan error, 1)})
}

func (s *Store) submit(ctx context.Context, to chan *step, st *step) error {
	if err := s.enqueue(ctx, to, st); err != nil {
		return err
	}
	return <-st.done // the outcome must be known: a step can't be called back
}

func (s *Store) enqueue(ctx context.Context, to chan *step, st *step) error {
	s.closing.RLock() // Close waits for those who are here, then nobody sends any more
	defer s.closing.RUnlock()
	if s.closed {
		return webhook.ErrClosed
	}
	select {
	case to <- st:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commitLoop is the only goroutine that writes.
func (s *Store) commitLoop() {
	defer close(s.stopped)
	for s.gather(); len(s.batch) > 0; s.gather() {
		s.commit(slices.Clone(s.batch))
	}
}

// gather waits for a step and takes all that have come meanwhile into the batch. What arrives during a
// sync is the next batch, so that only steps in no hurry ever wait for a timer. An empty batch says that
// the store was closed.
func (s *Store) gather() {
	clear(s.batch)
	s.batch = s.batch[:0]
	if s.next != nil { // it would not share the batch before
		s.batch, s.next = append(s.batch, s.next), nil
	} else {
		s.await()
	}
	for len(s.batch) < maxBatch && s.next == nil {
		select {
		case st, ok := <-s.steps:
			if !ok {
				s.takeSoon()
				return
			}
			s.take(st)
		default:
			s.takeSoon()
			return
		}
	}
}

// await returns when there is a step to commit, or none will come.
func (s *Store) await() {
	var late <-chan time.Time
	for {
		select {
		case st, ok := <-s.steps:
			if ok {
				s.take(st)
			} else {
				s.takeSoon()
			}
			return
		case st := <-s.soon:
			s.take(st)
			if late == nil {
				late = time.After(patience)
			}
		case <-late:
			return
		}
	}
}

func (s *Store) takeSoon() {
	for len(s.batch) < maxBatch && s.next == nil {
		select {
		case st := <-s.soon:
			s.take(st)
		default:
			return
		}
	}
}

// take puts a step into the batch, or keeps it for the next if one of them must be alone.
func (s *Store) take(st *step) {
	if st.alone && len(s.batch) > 0 || len(s.batch) == 1 && s.batch[0].alone {
		s.next = st
		return
	}
	s.batch = append(s.batch, st)
}

// commit brings a batch to disk. A step that fails leaves the batch; if it had written something, the
// others begin again without it.
func (s *Store) commit(batch []*step) {
	for len(batch) > 0 {
		begun := time.Now()
		t, broken, err := s.try(batch)
		if broken != nil {
			broken.done <- err
			batch = slices.DeleteFunc(batch, func(st *step) bool { return st == broken })
			continue
		}
		if err != nil || t.writes > 0 {
			s.failing.Store(err != nil)
		}
		if err != nil {
			err = storageError(err)
			s.log.Error("commit failed", "steps", len(batch), "error", err)
		} else {
			s.metrics.CommitDuration.Observe(time.Since(begun).Seconds())
			s.metrics.CommitBatch.Observe(float64(len(batch)))
			t.applied()
		}
		for _, st := range batch {
			if refusal, ok := t.refused[st]; ok {
				st.done <- refusal
			} else {
				st.done <- err
			}
		}
		return
	}
}

// try runs a batch in one transaction. It names the step that broke the transaction, if one did.
func (s *Store) try(batch []*step) (t *tx, broken *step, err error) {
	btx, err := s.db.Begin(true)
	if err != nil {
		return &tx{}, nil, err
	}
	defer func() {
		if err != nil {
			_ = btx.Rollback() // after a failed commit this only says that the transaction is over
		}
	}()
	t = s.newTx(btx)
	for _, st := range batch {
		before := t.writes
		if err := t.runStep(st); err != nil {
			if t.writes != before {
				return t, st, err
			}
			// It changed nothing: the rest of the batch can go on.
			t.refuse(st, err)
		}
	}
	if err := t.flush(); err != nil {
		return t, nil, err
	}
	if t.writes == 0 {
		return t, nil, btx.Rollback() // nothing to sync
	}
	return t, nil, btx.Commit()
}

// runStep turns a panic into an error of the step: one bad record must not take the others' writes, or
// the process, with it.
func (t *tx) runStep(st *step) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.s.log.Error("write step panicked", "panic", p, "stack", string(debug.Stack()))
			t.writes++ // what it wrote is not known
			err = fmt.Errorf("write step panicked: %v", p)
		}
	}()
	return st.run(t)
}

func (t *tx) refuse(st *step, err error) {
	if t.refused == nil {
		t.refused = map[*step]error{}
	}
	t.refused[st] = err
}

// storageError names the one cause that an operator can mend while the program runs.
func storageError(err error) error {
	if errors.Is(err, bolterrors.ErrMaxSizeReached) || saysNumber(err, syscall.ENOSPC) || saysNumber(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", webhook.ErrFull, err)
	}
	return fmt.Errorf("commit: %w", err)
}

// saysNumber reports whether an error is a system call's. Where bbolt grows the file it passes on the
// words alone.
func saysNumber(err error, number syscall.Errno) bool {
	return errors.Is(err, number) || strings.Contains(err.Error(), number.Error())
}

// tx is one write transaction, with the one instant at which all of it happens.
type tx struct {
	s   *Store
	b   *bolt.Tx
	now time.Time
	dir *directory

	writes  int
	refused map[*step]error
	stats   map[uint32]*webhook.EndpointStats
	fresh   []webhook.Due
	changes []func(*directory) // for when the transaction is on disk, in order
	after   []func()           // likewise
}

func (s *Store) newTx(b *bolt.Tx) *tx {
	// To the millisecond, as it is stored: what memory says must be what the disk says.
	now := time.UnixMilli(s.now().UnixMilli()).UTC()
	t := &tx{s: s, b: b, now: now, dir: s.dir.Load(), stats: map[uint32]*webhook.EndpointStats{}}
	for _, name := range [][]byte{bAudit, bEvents} {
		b.Bucket(name).FillPercent = 1 // only ever appended to
	}
	return t
}

func (t *tx) get(bucket, key []byte) []byte { return t.b.Bucket(bucket).Get(key) }

func (t *tx) put(bucket, key, value []byte) error {
	t.writes++
	if err := t.b.Bucket(bucket).Put(key, value); err != nil {
		return fmt.Errorf("write %s: %w", bucket, err)
	}
	return nil
}

func (t *tx) delete(bucket, key []byte) error {
	t.writes++
	if err := t.b.Bucket(bucket).Delete(key); err != nil {
		return fmt.Errorf("delete from %s: %w", bucket, err)
	}
	return nil
}

// applied does in memory what is now on disk.
func (t *tx) applied() {
	t.s.applyStats(t.stats)
	t.s.applyChanges(t.changes)
	for _, f := range t.after {
		f()
	}
	if len(t.fresh) > 0 && t.s.onFresh != nil {
		t.s.onFresh(t.fresh)
	}
}
