package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/webhook"
)

const (
	// flushSize and flushEvery say how much is gathered in the log before it is moved into the file: the more
	// at once, the fewer pages are written for each event. All of it is in memory, and read again after a crash.
	flushSize  = 1 << 20
	flushEvery = time.Second
	// maxAhead bounds what is in memory while the file can't keep up; see crammed for when it can't be written.
	maxAhead = 16 << 20
	// flushRetry is the wait after the file could not be written.
	flushRetry = time.Second
	// placedAtOnce is about how many buffered rows one transaction takes to their places when all are to go.
	placedAtOnce = 8192
	// thriftyRows is how many rows a transaction deletes at most that must do with few free pages.
	thriftyRows = 64
)

// flusher moves what is in the log into the file.
type flusher struct {
	overlay  sync.RWMutex // guards what follows
	active   *layer       // what the log's current file holds; changed by the commit loop only
	frozen   *layer       // what the other one holds and is being moved; nil: nothing
	gathered gathering    // what is in the file, but not at its place; changed by the flush loop only
	waiting  []flushWait

	begun   time.Time     // when active got its first row; of the commit loop only
	roomy   int           // bytes of active when the file could last be written; of the commit loop only
	hand    chan *layer   // from the commit loop
	turn    chan struct{} // tells the commit loop to look whether the log should be rotated
	ending  chan struct{} // closed when nothing is tried again any more
	flushed chan struct{} // closed when flushLoop has ended
	stuck   atomic.Pointer[error]
	again   chan struct{} // tells the flusher not to wait before it tries again
	wiping  atomic.Int32  // how many want the log's files wiped as they are begun anew

	logState logState // as the file has it, but for what was moved since
}

type flushWait struct {
	upTo uint64
	all  bool // and to their places
	done chan error
}

func newFlusher(gather int) flusher {
	return flusher{
		active: &layer{}, gathered: newGathering(cmp.Or(gather, gatherSize)), hand: make(chan *layer, 1), turn: make(chan struct{}, 1), ending: make(chan struct{}), flushed: make(chan struct{}), again: make(chan struct{}, 1),
	}
}

// Flush returns once everything that was written before is in the file itself.
func (s *Store) Flush(ctx context.Context) error {
	s.overlay.Lock()
	if s.active.empty() && s.frozen == nil {
		s.overlay.Unlock()
		return nil
	}
	w := flushWait{upTo: s.active.last, done: make(chan error, 1)}
	s.waiting = append(s.waiting, w)
	s.overlay.Unlock()
	return s.awaitFlush(ctx, w)
}

// FlushAll is a [Store.Flush] after which no record is in the file in an older state too, but for pages that
// are free.
func (s *Store) FlushAll(ctx context.Context) error {
	w := flushWait{all: true, done: make(chan error, 1)}
	err := s.updateToFree(ctx, func(t *tx) error { // there must be something to move
		t.put(bMeta, []byte("flushed"), []byte(t.now.Format(time.RFC3339)))
		t.after = append(t.after, func() {
			s.overlay.Lock() // before anybody can move it
			defer s.overlay.Unlock()
			w.upTo = s.active.last
			s.waiting = append(s.waiting, w)
		})
		return nil
	})
	if err != nil {
		return err
	}
	return s.awaitFlush(ctx, w)
}

// awaitFlush returns once what is waited for is in the file, or can't be.
func (s *Store) awaitFlush(ctx context.Context, w flushWait) error {
	s.nudge()
	select {
	case s.again <- struct{}{}:
	default:
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.flushed:
		return webhook.ErrClosed
	}
}

func (s *Store) nudge() {
	select {
	case s.turn <- struct{}{}:
	default:
	}
}

// rotate hands what has gathered to the flusher when it's time to. It belongs to the commit loop.
func (s *Store) rotate() {
	for !s.active.empty() {
		if s.begun.IsZero() {
			s.begun = time.Now()
			time.AfterFunc(flushEvery, s.nudge)
		}
		s.overlay.RLock()
		busy, wanted := s.frozen != nil, len(s.waiting) > 0
		s.overlay.RUnlock()
		switch {
		case busy && s.active.bytes >= maxAhead && s.stuck.Load() == nil:
			<-s.turn // the disk is slower than what comes in
			continue
		case busy || !wanted && s.active.bytes < flushSize && time.Since(s.begun) < flushEvery:
			return
		}
		if err := s.journal.Rotate(s.wiping.Load() > 0); err != nil {
			s.log.Error("the log could not be rotated", "error", err)
			time.AfterFunc(flushRetry, s.nudge)
			return
		}
		s.begun = time.Time{}
		s.overlay.Lock()
		s.frozen, s.active = s.active, &layer{last: s.active.last}
		s.overlay.Unlock()
		s.hand <- s.frozen
	}
}

// flushLoop is the only goroutine that writes to the file.
func (s *Store) flushLoop() {
	defer close(s.flushed)
	for l := range s.hand {
		s.flush(l)
	}
}

func (s *Store) flush(l *layer) {
	begun := time.Now()
	err := s.move(l)
	s.space.look()
	for thrifty := false; err != nil; thrifty, err = true, s.moveThriftily(l) {
		doubtful := errors.Is(err, errDoubtful)
		why := storageError(err)
		if s.stuck.Swap(&why) == nil || doubtful {
			s.log.Error("the database file can't be written; nothing new is accepted until it can", "error", why)
		}
		s.nudge()
		if thrifty || doubtful {
			s.release(l.last, why)
			if !s.pause(why) {
				return
			}
		}
		l = s.everything() // what was deleted meanwhile makes room
	}
	if s.stuck.Swap(nil) != nil {
		s.log.Info("the database file can be written again")
	}
	s.overlay.Lock()
	s.frozen = nil
	s.overlay.Unlock()
	s.release(l.last, nil)
	s.metrics.FlushDuration.Observe(time.Since(begun).Seconds())
	s.nudge()
}

// pause waits until the file, which could not be written, may be tried again, and returns false if nothing is
// tried any more. Where the file's end is in doubt that is never, and who asks meanwhile is told so.
func (s *Store) pause(err error) bool {
	for errors.Is(err, errDoubtful) {
		select {
		case <-s.ending:
			return false
		case <-s.again:
			s.release(math.MaxUint64, err)
		}
	}
	select {
	case <-s.ending:
		return false
	case <-time.After(flushRetry):
	case <-s.again:
	}
	return true
}

// release answers those that wait for what was moved, or could not be.
func (s *Store) release(upTo uint64, err error) {
	s.overlay.Lock()
	defer s.overlay.Unlock()
	rest := s.waiting[:0]
	for _, w := range s.waiting {
		if w.upTo <= upTo {
			w.done <- err
		} else {
			rest = append(rest, w)
		}
	}
	s.waiting = rest
}

// everything returns all that is not in the file yet.
func (s *Store) everything() *layer {
	s.overlay.Lock()
	defer s.overlay.Unlock()
	all := &layer{}
	if s.frozen != nil {
		all = s.frozen.copied(allBuckets)
	}
	all.merge(s.active)
	return all
}

// errDoubtful says that a transaction is in the file or is not, and the disk won't say.
var errDoubtful = errors.New("the disk may not have the database file's last transaction; the log has it all, and a restart mends it")

// write runs a transaction of the file. What fails before its end has changed nothing, and may be tried again.
// Once the end is written and only its sync fails, bbolt goes by it, and so by what may be no longer, or never,
// true on the disk: then the error wraps [errDoubtful], and nothing may be written any more. The next start
// begins with [rewriteHeads].
func (s *Store) write(run func(*bolt.Tx) error) error {
	var id, last int
	err := s.db.Update(func(b *bolt.Tx) error {
		id = b.ID()
		return run(b)
	})
	if err == nil || id == 0 { // or it never began
		return err
	}
	if looking := s.db.View(func(b *bolt.Tx) error { last = b.ID(); return nil }); looking == nil && last < id {
		return err
	}
	return fmt.Errorf("%w: %w", errDoubtful, err)
}

// move writes a layer into the file.
func (s *Store) move(l *layer) error {
	s.overlay.RLock()
	all := slices.ContainsFunc(s.waiting, func(w flushWait) bool { return w.all && w.upTo <= l.last })
	s.overlay.RUnlock()
	if all {
		if err := s.emptyBuffers(); err != nil {
			return err
		}
	}
	var g gathering
	err := s.write(func(b *bolt.Tx) (err error) {
		for i := range l.trees {
			if slices.Contains(scattered[:], bucket(i)) {
				continue
			}
			to := bucketToWrite(b, bucket(i))
			if err := l.each(bucket(i), func(r row) error { return r.write(to) }); err != nil {
				return err
			}
		}
		if g, err = s.gathered.gather(b, l, all); err != nil {
			return err
		}
		return putLogState(b, s.logState.at(l.last))
	})
	if err != nil {
		return err
	}
	s.overlay.Lock()
	defer s.overlay.Unlock()
	s.gathered = g
	return nil
}

// emptyBuffers takes to its place what is buffered, some at a time: all of it can be a million rows.
func (s *Store) emptyBuffers() error {
	for from := 0; from < len(buffer{}); {
		next := *s.gathered.buffered
		err := s.write(func(b *bolt.Tx) (err error) {
			from, err = next.placeAll(b, from, placedAtOnce)
			return err
		})
		if err != nil {
			return err
		}
		s.overlay.Lock()
		s.gathered.buffered = &next
		s.overlay.Unlock()
	}
	return nil
}

// moveThriftily does so with few free pages: what is deleted goes first, a little at a time, and makes room
// for the rest. To have moved a part does no harm: the log still has it all.
func (s *Store) moveThriftily(l *layer) error {
	type place struct {
		bucket
		row
	}
	var gone []place
	for i := range l.trees {
		_ = l.each(bucket(i), func(r row) error { // it can't fail
			if r.gone {
				gone = append(gone, place{bucket(i), r})
			}
			return nil
		})
	}
	for n := thriftyRows; len(gone) > 0; {
		n = min(n, len(gone))
		err := s.write(func(b *bolt.Tx) error {
			for _, p := range gone[:n] {
				if err := p.row.write(bucketToWrite(b, p.bucket)); err != nil {
					return err
				}
			}
			return nil
		})
		switch {
		case err == nil:
			gone = gone[n:]
		case errors.Is(err, errDoubtful):
			return err
		case n > 1: // each row's page is written anew before the old one is free
			n /= 2
		default:
			return err
		}
	}
	return s.move(l)
}

func bucketToWrite(b *bolt.Tx, in bucket) *bolt.Bucket {
	to := b.Bucket(in.name())
	if in == bAudit || in == bEvents {
		to.FillPercent = 1 // only ever appended to
	}
	return to
}

func (r row) write(to *bolt.Bucket) error {
	if r.gone {
		return to.Delete(r.key)
	}
	return to.Put(r.key, r.value)
}

// room returns nil while the file can take what is written, else why it can't.
func (s *Store) room() error {
	if err := s.stuck.Load(); err != nil {
		return *err
	}
	return s.space.room()
}

// doubtful reports whether nothing may be written to the file any more.
func (s *Store) doubtful() bool { return errors.Is(s.room(), errDoubtful) }

// crammed reports whether memory holds as much as it may for a step while the file can't be written: beside
// what came before there is room for outcomes, and as much again for what makes some. It belongs to the commit
// loop.
func (s *Store) crammed(st *step) bool {
	more := s.active.bytes - s.roomy
	return more >= 2*maxAhead || more >= maxAhead && !st.frees
}
