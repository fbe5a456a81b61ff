package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"cubeconnect/keyring"
	"cubeconnect/metrics"
	"cubeconnect/store/wal"
	"cubeconnect/webhook"
)

// SchemaVersion is what this program writes. It reads no newer one.
const SchemaVersion = 1

// ErrInUse says that another process has the database open.
var ErrInUse = errors.New("database is in use by another process")

// Options say how to open a store.
type Options struct {
	Path    string           // of the database file; its folder is made if it's missing
	Ring    *keyring.Ring    // seals secrets; needed
	Log     *slog.Logger     // nil: none
	Metrics *metrics.Store   // nil: counted nowhere
	Now     func() time.Time // nil: [time.Now]
	MaxSize int              // bytes that the file may grow to; 0: as many as the disk has, but for a reserve
	// Free says how many bytes of the disk are free, and how many there are. Nil: the file system does.
	Free    func() (free, size int64, err error)
	Keep    Retention           // zero members: [DefaultRetention]'s
	NoSync  bool                // nothing is synced to disk: for a file that is made anew after a crash
	OnFresh func([]webhook.Due) // told of new deliveries in the order of their commits, after each; must not block
	// RawOf finds Meta's own object of an event in the POST that it came from, or returns nil. Nil: never.
	RawOf func(*webhook.Audit, *webhook.Event) []byte
	// Redact returns what is left of a JSON text, a POST's body or a payload, without what it says of a
	// customer; not ok: all of it. Changes of accounts that others reports to be another tenant's stay as
	// they are (nil: none is). It is needed for [Store.Erase].
	Redact func(text []byte, e *webhook.Erasure, others func(wabaID, phoneNumberID string) bool) (left []byte, ok bool)

	gather int // in tests: another gatherSize
}

// Store is the open database.
type Store struct {
	db      *bolt.DB
	space   space
	safe    sealer
	log     *slog.Logger
	metrics *metrics.Store
	now     func() time.Time
	keep    atomic.Pointer[Retention]
	onFresh func([]webhook.Due)
	rawOf   func(*webhook.Audit, *webhook.Event) []byte
	noSync  bool
	redact  func(text []byte, e *webhook.Erasure, others func(wabaID, phoneNumberID string) bool) (left []byte, ok bool)

	ids   webhook.IDs // used by the commit loop only
	dir   atomic.Pointer[directory]
	stats statsTable

	activity activityTable
	changed  atomic.Uint64 // how often figures changed

	steps   chan *step
	soon    chan *step // those in no hurry
	failing atomic.Bool
	closing sync.RWMutex
	closed  bool
	stopped chan struct{}

	discards sync.WaitGroup

	// Of the commit loop only.
	batch   []*step
	next    *step
	ended   bool // no step will come any more
	journal *wal.Log

	flusher
}

// Open opens the database, or makes it, and starts the goroutine that commits; [Store.Close] ends it.
// It returns an error that wraps [ErrInUse] if another process has the file. Secrets are opened with the ring
// once, here; what an older key of it has sealed is sealed anew.
func Open(o Options) (*Store, error) {
	if o.Ring == nil {
		return nil, errors.New("open the database: there is no ring of master keys to seal secrets with")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = metrics.NewStore(prometheus.NewRegistry())
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Free == nil {
		o.Free = func() (free, size int64, err error) { return freeSpace(filepath.Dir(o.Path)) }
	}
	if err := makeFolder(filepath.Dir(o.Path), o.Log); err != nil {
		return nil, err
	}
	db, err := openFile(o.Path, o.MaxSize)
	if err != nil {
		return nil, err
	}
	if err := o.Ring.SyncName(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{
		db: db, safe: sealer{o.Ring}, log: o.Log, metrics: o.Metrics, now: o.Now, onFresh: o.OnFresh, rawOf: o.RawOf, redact: o.Redact, noSync: o.NoSync,
		steps: make(chan *step, maxBatch), soon: make(chan *step, maxBatch), stopped: make(chan struct{}), flusher: newFlusher(o.gather),
	}
	s.space = space{ask: o.Free, log: o.Log}
	s.space.look()
	s.SetRetention(o.Keep)
	stale, err := s.load(o.Path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.db.NoSync, s.db.NoGrowSync, s.journal.NoSync = o.NoSync, o.NoSync, o.NoSync
	go s.commitLoop()
	go s.flushLoop()
	if stale {
		s.goOnSealing()
	}
	return s, nil
}

// load checks the schema, makes what is missing and fills what is kept in memory. Stale says that an older
// master key than the newest seals something.
func (s *Store) load(path string) (stale bool, err error) {
	defer func() {
		if p := recover(); p != nil { // bbolt's way to say that a page is not what it should be
			err = errForeign(path, p)
		}
	}()
	err = s.db.Update(func(b *bolt.Tx) error {
		name, _ := b.Cursor().First()
		fresh := name == nil
		if !fresh {
			if err := checkSchema(b, path); err != nil {
				return err
			}
			if err := checkRing(s.safe.ring, b.Bucket(bMeta.name()).Get(kTouchstone), path); err != nil {
				return err
			}
		}
		for _, name := range bucketNames {
			if _, err := b.CreateBucketIfNotExists(name); err != nil {
				return fmt.Errorf("make bucket %s: %w", name, err)
			}
		}
		if !fresh {
			return nil
		}
		return errors.Join(
			b.Bucket(bMeta.name()).Put([]byte("schema"), idKey(SchemaVersion)),
			b.Bucket(bMeta.name()).Put([]byte("created"), []byte(s.now().UTC().Format(time.RFC3339))),
			b.Bucket(bMeta.name()).Put(kTouchstone, s.safe.ring.Seal(touchstonePlace, nil)),
		)
	})
	if err != nil {
		return false, err
	}
	if err := s.takeOver(path); err != nil {
		return false, err
	}
	err = s.view(context.Background(), func(b *reader) error {
		dir, err := readDirectory(b, s.safe)
		if err != nil {
			return err
		}
		s.dir.Store(dir)
		s.afterLastID(b, dir)
		if stale, err = s.stale(b); err != nil {
			return err
		}
		return s.stats.read(b)
	})
	return stale, err
}

// checkSchema says whether the file is one that this program reads.
func checkSchema(b *bolt.Tx, path string) error {
	meta := b.Bucket(bMeta.name())
	if meta == nil {
		return fmt.Errorf("%s is a bbolt database, but not CubeConnect's; give another data_dir", path)
	}
	version := meta.Get([]byte("schema"))
	if len(version) != 4 {
		return fmt.Errorf("%s has no schema version; restore a backup", path)
	}
	if v := binary.BigEndian.Uint32(version); v > SchemaVersion {
		return fmt.Errorf("%s was written by a newer CubeConnect (schema %d, this one reads %d); run that version, or restore a backup of the older one", path, v, SchemaVersion)
	}
	return nil
}

// afterLastID makes new ids follow those on disk, even if the clock was set back meanwhile.
func (s *Store) afterLastID(b *reader, dir *directory) {
	if k, _ := b.cursor(bAudit).Last(); len(k) == 16 {
		s.ids.After(webhook.ID(k))
	}
	for tenant := range dir.tenants {
		if k, _ := b.cursor(bEvents).LastWithin(idKey(tenant)); k != nil {
			if id, ok := parseEventKey(k); ok {
				s.ids.After(id)
			}
		}
	}
}

// Close ends the commit loop after the steps that wait, takes what the log has into the file and closes
// it. Methods that need the file return [webhook.ErrClosed] from then on.
func (s *Store) Close() error {
	s.closing.Lock()
	first := !s.closed
	if first {
		s.closed = true
		close(s.steps)
		close(s.ending)
	}
	s.closing.Unlock()
	<-s.stopped
	if !first {
		<-s.flushed
		return s.db.Close()
	}
	close(s.hand)
	<-s.flushed
	s.discards.Wait()
	return errors.Join(s.finish(), s.db.Close())
}

// Healthy returns nil if the last commit went to disk and the file takes what was committed, or the error
// of a read.
func (s *Store) Healthy() error {
	if s.failing.Load() {
		return errors.New("the last write to the database did not reach the disk")
	}
	if err := s.room(); err != nil {
		return err
	}
	return s.view(context.Background(), func(*reader) error { return nil })
}

// Size returns the bytes that the file takes of the disk, and those inside it that are free for reuse.
func (s *Store) Size() (size, free int64) {
	info, err := os.Stat(s.db.Path())
	var used int64 // or once used: behind it the file has room that it never needed
	var pageSize int
	err = errors.Join(err, s.db.View(func(b *bolt.Tx) error {
		used, pageSize = b.Size(), b.DB().Info().PageSize
		return nil
	}))
	if err != nil {
		return 0, 0 // it is closed, or was removed under us: other calls tell
	}
	st := s.db.Stats()
	return info.Size(), info.Size() - used + int64(st.FreePageN+st.PendingPageN)*int64(pageSize)
}

// view runs a short read transaction. Long ones would keep freed pages from being used again.
func (s *Store) view(ctx context.Context, read func(*reader) error) error {
	return s.viewOf(ctx, allBuckets, read)
}

// viewOf is a view that only reads these buckets, which makes it cheaper for the commits that follow.
func (s *Store) viewOf(ctx context.Context, buckets []bucket, read func(*reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := s.snapshot(buckets)
	if err != nil {
		return err
	}
	defer r.close()
	return read(r)
}

// snapshot begins a read transaction. Given buckets it reads those, while others write; with none, all of
// them, before anything else is written.
func (s *Store) snapshot(buckets []bucket) (r *reader, err error) {
	s.overlay.Lock() // what is not in the layers any more must be in the transaction
	defer s.overlay.Unlock()
	r = &reader{gathered: s.gathered}
	if active := s.active; !active.empty() {
		if buckets != nil {
			active = active.copied(buckets)
		}
		r.layers = append(r.layers, active)
	}
	if s.frozen != nil {
		r.layers = append(r.layers, s.frozen)
	}
	r.b, err = s.db.Begin(false)
	return r, closedError(err)
}

// closedError returns what callers of a closed store get.
func closedError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return webhook.ErrClosed
	}
	return err
}

// after returns the first key behind all that begin with prefix; nil if there is none.
func after(prefix []byte) []byte {
	next := bytes.Clone(prefix)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}
