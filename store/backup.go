package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/durable"
	"cubeconnect/keyring"
	"cubeconnect/store/wal"
	"cubeconnect/webhook"
)

const (
	// unfinished is what a file's name goes on with while the file is being made.
	unfinished = ".partial-"
	// stride is how much is written before the disk gets it: were it all at the end, the commits of that moment
	// would wait for it.
	stride = 256 << 10
	// strip is how much of a copy's space is given back at a time, and stripEvery how often. Were it all at once,
	// a file system that tells the disk what is free (ext4 mounted with discard) would do so at once too, and the
	// commits of that moment would wait for it: 0.4 s for a gigabyte.
	strip      = 4 << 20
	stripEvery = 40 * time.Millisecond
	// headroom is what a copy beside the database leaves free, for what comes in meanwhile.
	headroom = 64 << 20
)

// Backup makes a copy of the database as it is at one moment, while everything goes on, and returns it
// open at its beginning: on disk, verified, and without a name, so that its space is free again once the
// process has ended, however that ends. Who has read it hands it to [Store.Discard]. It returns an error that
// wraps [webhook.ErrFull] if the disk has no room for it.
func (s *Store) Backup(ctx context.Context) (_ *os.File, err error) {
	if err := s.Note(ctx, webhook.TrailEntry{Action: webhook.BackupTaken}); err != nil {
		return nil, err
	}
	size, _ := s.Size()
	path := s.db.Path()
	if err := needRoom(filepath.Dir(path), size); err != nil {
		return nil, err
	}
	f, err := begin(path)
	if err != nil {
		return nil, err
	}
	_, err = fill(f, s.safe.ring, &pace{}, func(w io.Writer) error { return s.CopyTo(ctx, w) })
	err = errors.Join(err, os.Remove(f.Name()))
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		s.Discard(f)
		return nil, err
	}
	return f, nil
}

// Discard closes a file that has no name. It does so in the background, after its space was given back, a little
// at a time; when the store is closed, at once.
func (s *Store) Discard(f *os.File) {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		_ = f.Close() // it was only read
		return
	}
	s.discards.Go(func() {
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return
		}
		for size := info.Size() - strip; size > 0 && f.Truncate(size) == nil; size -= strip {
			select {
			case <-s.ending:
				return
			case <-time.After(stripEvery):
			}
		}
	})
}

// CopyTo writes the database file as it is at one moment, with all that was acknowledged before. The copy
// names the log of this one; [Save] makes it a database of its own. The writer must not be a slow one: until
// it has everything, pages that become free can't be used again, and the file grows instead.
func (s *Store) CopyTo(ctx context.Context, w io.Writer) error {
	err := s.Flush(ctx)
	if err == nil {
		err = closedError(s.db.View(func(b *bolt.Tx) error {
			_, err := b.WriteTo(whileAsked{ctx, w})
			return err
		}))
	}
	if ctx.Err() != nil {
		err = ctx.Err() // bbolt passes on the words alone
	}
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

// whileAsked fails when nobody waits any longer.
type whileAsked struct {
	ctx context.Context
	w   io.Writer
}

func (w whileAsked) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}

// Save makes a database file of what write gives it. In the end a whole, verified file that is on disk has
// this name, or nothing has. It takes no name that is in use. Without a ring, sealed values are not opened to
// verify them.
func Save(path string, ring *keyring.Ring, write func(io.Writer) error) (counts Counts, err error) {
	if _, err := os.Lstat(path); err == nil {
		return counts, errTaken(path)
	}
	f, err := begin(path)
	if err != nil {
		return counts, err
	}
	counts, err = fill(f, ring, nil, write)
	if err = errors.Join(err, f.Close()); err == nil {
		if err = durable.Name(f.Name(), path); errors.Is(err, fs.ErrExist) {
			err = errTaken(path)
		}
	}
	if err != nil {
		return counts, errors.Join(err, os.Remove(f.Name()))
	}
	return counts, durable.SyncFolder(filepath.Dir(path))
}

// begin makes an unfinished file, which nobody else can read, beside the one it is meant for.
func begin(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+unfinished+"*")
	if err != nil {
		return nil, fmt.Errorf("make a file: %w", err)
	}
	return f, nil
}

func errTaken(path string) error {
	return fmt.Errorf("%s exists, and is not overwritten; move it away first", path)
}

// fill writes a file, brings it to disk and verifies it.
func fill(f *os.File, ring *keyring.Ring, p *pace, write func(io.Writer) error) (counts Counts, err error) {
	if err := write(&steady{f: f, pace: p}); err != nil {
		return counts, copyError(err)
	}
	if err := endLog(f.Name()); err != nil {
		return counts, copyError(err)
	}
	if err := f.Sync(); err != nil {
		return counts, copyError(err)
	}
	return verifyWhole(f.Name(), ring, p)
}

// endLog makes a copy a database that was closed: the log that it names is another's, and all that was in it
// is in the copy.
func endLog(path string) error {
	st, err := inspectLog(path)
	if err != nil || st.id == (wal.ID{}) {
		return err
	}
	db, err := openBolt(path, &bolt.Options{})
	if err != nil {
		return err
	}
	db.AllocSize = 0 // it grows by no more than it needs
	err = db.Update(func(b *bolt.Tx) error {
		return putLogState(b, logState{applied: st.applied, previous: st.id})
	})
	return joinClose(err, db)
}

// inspectLog returns which log a database file names: none if it was closed.
func inspectLog(path string) (st logState, err error) {
	db, err := inspectFile(path)
	if err != nil {
		return st, err
	}
	err = db.View(func(b *bolt.Tx) (err error) {
		if err := checkSchema(b, path); err != nil {
			return err
		}
		st, err = readLogState(b)
		return err
	})
	return st, joinClose(err, db)
}

// verifyWhole is [Verify] for files that must have no fault.
func verifyWhole(path string, ring *keyring.Ring, p *pace) (Counts, error) {
	counts, faults, err := verify(path, ring, p)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("%s has %d faults, the first: %s", path, len(faults), faults[0])
	}
	return counts, err
}

// steady brings a file to disk as it is written.
type steady struct {
	f        *os.File
	pace     *pace
	unsynced int
}

func (w *steady) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	if w.unsynced += n; err == nil && w.unsynced >= stride {
		w.unsynced = 0
		err = writeOut(w.f)
		w.pace.step()
	}
	return n, err
}

// pace makes way for others: of the time it takes, two thirds are rest. Nil never rests.
type pace struct{ rested time.Time }

// turn is how long is worked before it is rested twice as long. A commit waits for little more.
const turn = time.Millisecond

func (p *pace) step() {
	if p == nil {
		return
	}
	worked := time.Since(p.rested)
	if worked < turn {
		return
	}
	if !p.rested.IsZero() {
		time.Sleep(2 * worked)
	}
	p.rested = time.Now()
}

// copyError names the one cause that whoever asked for a copy can mend.
func copyError(err error) error {
	if saysNumber(err, syscall.ENOSPC) || saysNumber(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", webhook.ErrFull, err)
	}
	return err
}

// needRoom returns an error if a folder's disk has no room for a copy.
func needRoom(folder string, size int64) error {
	free, _, err := freeSpace(folder)
	if err != nil {
		return err
	}
	if free < size+headroom {
		return fmt.Errorf("a copy takes %s in %s and must leave %s free there, and %s are free: %w",
			megabytes(size), folder, megabytes(headroom), megabytes(free), webhook.ErrFull)
	}
	return nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// Restore makes the database file of a stopped service out of a backup. It verifies both, and overwrites
// nothing: neither a database nor what belongs to one. The ring must open what is sealed in it.
func Restore(backup, path string, ring *keyring.Ring) (counts Counts, err error) {
	if _, err := verifyWhole(backup, ring, nil); err != nil {
		return counts, err
	}
	if st, err := inspectLog(backup); err != nil {
		return counts, err
	} else if st.id != (wal.ID{}) {
		return counts, fmt.Errorf("%s is no backup, but a copy of a database that was in use, whose last writes are elsewhere; to take it all the same, put it in place by hand", backup)
	}
	folder := filepath.Dir(path)
	if err := makeFolder(folder, slog.New(slog.DiscardHandler)); err != nil {
		return counts, err
	}
	owner, err := os.Stat(folder)
	if err != nil {
		return counts, err
	}
	for _, log := range wal.Names(path) {
		if _, err := os.Lstat(log); err == nil {
			return counts, errTaken(log)
		}
	}
	from, err := os.Open(backup)
	if err != nil {
		return counts, err
	}
	defer from.Close()
	counts, err = Save(path, ring, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
	if err == nil {
		err = giveTo(owner, path)
	}
	return counts, err
}

// giveTo makes a file belong to whom another file belongs: what root makes, the service couldn't open.
func giveTo(owner fs.FileInfo, path string) error {
	st, ok := owner.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}

// RemoveUnfinished removes what a process that ended in the middle of a copy left beside a database. Only
// who has the database open may call it.
func RemoveUnfinished(path string) error {
	left, err := filesLike(path + unfinished)
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// filesLike lists the files whose paths begin like this.
func filesLike(prefix string) (paths []string, err error) {
	folder := filepath.Dir(prefix)
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if !e.IsDir() && strings.HasPrefix(e.Name(), filepath.Base(prefix)) {
			paths = append(paths, filepath.Join(folder, e.Name()))
		}
	}
	return paths, err
}
