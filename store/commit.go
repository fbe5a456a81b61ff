package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

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
	grows bool // brings in something new: refused while the file can't grow
	frees bool // removes what has expired: that makes room, and so has some of its own
	done  chan error
}

// update runs a step and returns once it is on disk or certainly never will be.
func (s *Store) update(ctx context.Context, run func(*tx) error) error {
	return s.submit(ctx, s.steps, &step{run: run, done: make(chan error, 1)})
}

// updateNew is for steps that bring in what can be sent again later. While the file can't take what is
// written they fail at once: what room there is belongs to what was acknowledged.
func (s *Store) updateNew(ctx context.Context, run func(*tx) error) error {
	return s.submit(ctx, s.steps, &step{run: run, grows: true, done: make(chan error, 1)})
}

// updateToFree is for steps that remove what is not needed any more.
func (s *Store) updateToFree(ctx context.Context, run func(*tx) error) error {
	return s.submit(ctx, s.steps, &step{run: run, frees: true, done: make(chan error, 1)})
}

// updateAlone is for steps that change what later steps look up in memory (endpoints, for one): none of
// them may run before that is in place.
func (s *Store) updateAlone(ctx context.Context, run func(*tx) error) error {
	return s.submit(ctx, s.steps, &step{run: run, alone: true, done: make(chan error, 1)})
}

// updateSoon is for steps that nobody waits for: they ride along with the next commit, and cause one of
// their own only after a moment without. Each commit costs a sync, however little is in it.
func (s *Store) updateSoon(ctx context.Context, run func(*tx) error) error {
	if s.noSync {
		return s.update(ctx, run)
	}
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

// commitLoop is the only goroutine that writes to the log.
func (s *Store) commitLoop() {
	defer close(s.stopped)
	for s.gather(); len(s.batch) > 0 || !s.ended; s.gather() {
		if len(s.batch) > 0 {
			s.commit(slices.Clone(s.batch))
		}
		s.rotate()
	}
}

// gather waits for a step and takes all that have come meanwhile into the batch. What arrives during a
// sync is the next batch, so that only steps in no hurry ever wait for a timer. The batch is empty when
// the log wants to be rotated, or has ended.
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
				s.ended = true
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

// await returns when there is something to do, or nothing will come.
func (s *Store) await() {
	var late <-chan time.Time
	for {
		select {
		case st, ok := <-s.steps:
			if s.ended = !ok; ok {
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
		case <-s.turn:
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
	r, err := s.snapshot(nil)
	if err != nil {
		return &tx{}, nil, err
	}
	defer r.close()
	t = s.newTx(r)
	room := s.room()
	for _, st := range batch {
		if room != nil && (st.grows || s.crammed(st)) {
			t.refuse(st, room)
			continue
		}
		before := t.writes
		if err := t.runStep(st); err != nil {
			if t.writes != before {
				return t, st, err
			}
			// It changed nothing: the rest of the batch can go on.
			t.refuse(st, err)
		}
	}
	t.putStats()
	if t.writes == 0 {
		return t, nil, nil
	}
	if err := s.journal.Append(t.own.appendTo); err != nil {
		return t, nil, err
	}
	t.own.last = s.journal.Last()
	s.overlay.Lock()
	defer s.overlay.Unlock()
	s.active.merge(t.own)
	if room == nil {
		s.roomy = s.active.bytes
	}
	return t, nil, nil
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
	if errors.Is(err, bolterrors.ErrMaxSizeReached) || saysNumber(err, syscall.ENOSPC) || saysNumber(err, syscall.EDQUOT) || saysNumber(err, syscall.EFBIG) {
		return fmt.Errorf("%w: %w", webhook.ErrFull, err)
	}
	return fmt.Errorf("commit: %w", err)
}

// saysNumber reports whether an error is a system call's. Where bbolt grows the file it passes on the
// words alone.
func saysNumber(err error, number syscall.Errno) bool {
	return errors.Is(err, number) || strings.Contains(err.Error(), number.Error())
}

// tx is one write transaction, with the one instant at which all of it happens. What it writes it also
// reads.
type tx struct {
	*reader
	s   *Store
	own *layer
	now time.Time
	dir *directory

	writes   int
	refused  map[*step]error
	stats    map[uint32]*webhook.EndpointStats
	activity map[webhook.Subject]*webhook.Activity
	fresh    []webhook.Due
	changes  []func(*directory) // for when the transaction is on disk, in order
	after    []func()           // likewise
}

func (s *Store) newTx(r *reader) *tx {
	// To the millisecond, as it is stored: what memory says must be what the disk says.
	now := time.UnixMilli(s.now().UnixMilli()).UTC()
	t := &tx{reader: r, s: s, own: &layer{}, now: now, dir: s.dir.Load(), stats: map[uint32]*webhook.EndpointStats{}, activity: map[webhook.Subject]*webhook.Activity{}}
	r.layers = slices.Insert(r.layers, 0, t.own)
	return t
}

// put writes a record. The value is the store's from then on, and never memory of the file.
func (t *tx) put(b bucket, key, value []byte) {
	t.writes++
	if value == nil {
		value = []byte{} // nil is what a record that isn't there reads as
	}
	t.own.set(b, row{key: bytes.Clone(key), value: value})
}

func (t *tx) delete(b bucket, key []byte) {
	t.writes++
	t.own.set(b, row{key: bytes.Clone(key), gone: true})
}

// applied does in memory what is now on disk.
func (t *tx) applied() {
	for subject, a := range t.activity { // who sees the figures below finds this too
		a.Last = t.now
		t.s.activity.add(keyAt(subject, t.now), a)
	}
	t.s.applyStats(t.stats)
	t.s.applyChanges(t.changes)
	if len(t.activity)+len(t.stats)+len(t.changes) > 0 {
		t.s.changed.Add(1)
	}
	for _, f := range t.after {
		f()
	}
	if len(t.fresh) > 0 && t.s.onFresh != nil {
		t.s.onFresh(t.fresh)
	}
}
