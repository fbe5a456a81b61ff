package store_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// copyOf keeps a backup under a name.
func (d *db) copyOf(f *os.File) (path string) {
	d.t.Helper()
	path = filepath.Join(d.t.TempDir(), "backup.db")
	to, err := os.Create(path)
	d.ok(err)
	_, err = io.Copy(to, f)
	d.ok(errors.Join(err, to.Close(), f.Close()))
	return path
}

// save keeps a backup of the database as it is now.
func (d *db) save() (path string) {
	d.t.Helper()
	path = filepath.Join(d.t.TempDir(), "backup.db")
	_, err := store.Save(path, d.options.Ring, func(w io.Writer) error { return d.CopyTo(ctx(), w) })
	d.ok(err)
	return path
}

// noLeftovers checks that nothing unfinished lies in a folder.
func noLeftovers(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "partial") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// Under load: what was acknowledged before a backup began is in it, and it is sound.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	var mu sync.Mutex
	var acknowledged []webhook.ID
	over := make(chan struct{})
	var load sync.WaitGroup
	for i := range 8 {
		load.Go(func() {
			for j := 0; ; j++ {
				select {
				case <-over:
					return
				default:
				}
				id := o.publish(webhook.CampaignCreated, string(rune('a'+i%3)))
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
				if j%2 == 0 {
					o.succeed(id.WithOwner(ep))
				}
			}
		})
	}
	type taken struct {
		path  string
		known []webhook.ID
	}
	var backups []taken
	for range 5 {
		mu.Lock()
		known := acknowledged[:len(acknowledged):len(acknowledged)]
		mu.Unlock()
		f, err := o.Backup(ctx())
		if err != nil {
			t.Error(err)
			break
		}
		backups = append(backups, taken{o.copyOf(f), known})
	}
	close(over)
	load.Wait()
	for _, b := range backups {
		if counts := verify(t, b.path); counts.Events < len(b.known) {
			t.Errorf("%d events, want at least %d", counts.Events, len(b.known))
		}
		s, err := store.Open(store.Options{Path: b.path, Ring: ring})
		o.ok(err)
		for _, id := range b.known {
			if _, _, err := s.Delivery(ctx(), o.tenant, id.WithOwner(ep)); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
		o.ok(s.Close())
	}
	noLeftovers(t, filepath.Dir(o.options.Path))
}

// A backup that was handed out needs the database no more: who reads it can be slow.
func TestBackupHoldsNothing(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	o.acceptMany(3, "a")
	f, err := o.Backup(ctx())
	o.ok(err)
	noLeftovers(t, filepath.Dir(o.options.Path))
	o.acceptMany(5, "b")
	o.close() // it would wait for a read transaction
	o.ok(os.Remove(o.options.Path))
	equal(t, verify(t, o.copyOf(f)).Events, 3)
	o.open()
}

// A copy's space is given back a little at a time, or at once when the store is closed. It is closed in any case.
func TestDiscard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openStore(t)
		path := filepath.Join(t.TempDir(), "copy")
		copied := func() *os.File {
			t.Helper()
			f, err := os.Create(path)
			o.ok(errors.Join(err, f.Truncate(9<<20)))
			return f
		}
		megabytes := func() int64 {
			t.Helper()
			synctest.Wait()
			info, err := os.Stat(path)
			o.ok(err)
			return info.Size() >> 20
		}
		closed := func(f *os.File) {
			t.Helper()
			if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("it isn't closed: %v", err)
			}
		}
		f := copied()
		o.Discard(f)
		equal(t, megabytes(), 5)
		time.Sleep(40 * time.Millisecond)
		equal(t, megabytes(), 1)
		time.Sleep(40 * time.Millisecond)
		synctest.Wait()
		closed(f)

		f = copied()
		o.Discard(f)
		equal(t, megabytes(), 5)
		o.close()
		closed(f)

		f = copied()
		o.Discard(f)
		closed(f)
		o.open()
	})
}

func TestBackupOfAClosedStore(t *testing.T) {
	t.Parallel()
	d := openStore(t)
	d.close()
	if _, err := d.Backup(ctx()); !errors.Is(err, webhook.ErrClosed) {
		t.Error(err)
	}
	noLeftovers(t, filepath.Dir(d.options.Path))
	d.open()
}

// Nobody waits any longer: the copy ends where it is.
func TestBackupIsGivenUp(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	gone, cancel := context.WithCancel(ctx())
	var b bytes.Buffer
	err := o.CopyTo(gone, writer(func(p []byte) (int, error) {
		cancel()
		return b.Write(p)
	}))
	if size, _ := o.Size(); !errors.Is(err, context.Canceled) || int64(b.Len()) >= size {
		t.Errorf("%d bytes of %d, %v", b.Len(), size, err)
	}
	if _, err := o.Backup(gone); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	noLeftovers(t, filepath.Dir(o.options.Path))
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// A copy that the disk has no room for isn't begun: it would take the room from what comes in.
func TestBackupNeedsRoom(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "cubeconnect.db")
	s, err := store.Open(store.Options{Path: path, Ring: ring})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(folder, &st); err != nil {
		t.Fatal(err)
	}
	inflate(t, path, int64(st.Bavail)*int64(st.Bsize)+1<<30)
	if s, err = store.Open(store.Options{Path: path, Ring: ring}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Backup(ctx())
	if !errors.Is(err, webhook.ErrFull) || !strings.Contains(err.Error(), folder) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	noLeftovers(t, folder)
}

// inflate makes a database say that it has so many bytes, most of which are holes of the file.
func inflate(t *testing.T, path string, size int64) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range [][]byte{content[:store.FilePage], content[store.FilePage : 2*store.FilePage]} {
		// page header 16 | magic, version, page size, flags 16 | root 16 | free list 8 | pages 8 | transaction 8 | checksum 8
		binary.NativeEndian.PutUint64(head[56:], uint64(size)/store.FilePage)
		sum := fnv.New64a()
		sum.Write(head[16:72])
		binary.NativeEndian.PutUint64(head[72:], sum.Sum64())
	}
	if err := errors.Join(os.WriteFile(path, content, 0o600), os.Truncate(path, size)); err != nil {
		t.Fatal(err)
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	o.acceptMany(3, "a")
	good := func(w io.Writer) error { return o.CopyTo(ctx(), w) }
	folder := t.TempDir()
	path := filepath.Join(folder, "b.db")

	counts, err := store.Save(path, ring, good)
	o.ok(err)
	equal(t, counts.Events, 3)
	info, err := os.Stat(path)
	o.ok(err)
	equal(t, info.Mode(), "-rw-------")

	dangling := filepath.Join(folder, "link.db")
	o.ok(os.Symlink(filepath.Join(folder, "nowhere"), dangling))
	late := filepath.Join(folder, "late.db")
	for name, tt := range map[string]struct {
		path  string
		write func(io.Writer) error
		says  string
	}{
		"a name in use":        {path, good, path + " exists"},
		"a link to nothing":    {dangling, good, dangling + " exists"},
		"a name taken by then": {late, func(w io.Writer) error { return errors.Join(good(w), os.WriteFile(late, []byte("theirs"), 0o600)) }, late + " exists"},
		"no folder":            {filepath.Join(folder, "none", "b.db"), good, "no such file"},
		"what is no database":  {filepath.Join(folder, "c.db"), func(w io.Writer) error { _, err := w.Write(make([]byte, 100_000)); return err }, "is not a CubeConnect database"},
		"nothing at all":       {filepath.Join(folder, "c.db"), func(io.Writer) error { return nil }, "is empty"},
		"half of it": {filepath.Join(folder, "c.db"), func(w io.Writer) error {
			var b bytes.Buffer
			err := good(&b)
			_, writing := w.Write(b.Bytes()[:b.Len()/2])
			return errors.Join(err, writing)
		}, "cut short"},
		"a full disk": {filepath.Join(folder, "c.db"), func(io.Writer) error { return &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC} }, webhook.ErrFull.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := store.Save(tt.path, ring, tt.write); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
		})
	}
	noLeftovers(t, folder)
	verify(t, path)
	if content, err := os.ReadFile(late); err != nil || string(content) != "theirs" {
		t.Errorf("what came first was overwritten: %q, %v", content, err)
	}
	if _, err := os.Stat(filepath.Join(folder, "c.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a bad copy has got a name: %v", err)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	ids := o.acceptMany(3, "a")
	o.ok(o.DeleteEndpoint(ctx(), o.tenant, o.endpoint()))
	backup := o.save()
	content, err := os.ReadFile(backup)
	o.ok(err)
	path := filepath.Join(t.TempDir(), "new", "cubeconnect.db")

	counts, err := store.Restore(backup, path, ring)
	o.ok(err)
	equal(t, counts, verify(t, backup))
	restored := openStore(t, func(so *store.Options) { so.Path = path })
	r := o
	r.db = restored
	equal(t, len(r.events()), 3)
	ready, _ := r.due(ep)
	equal(t, ready, ids)
	equal(t, r.endpoint(), ep+2)
	restored.close()

	o.ok(o.Flush(ctx()))
	inUse, err := os.ReadFile(o.options.Path)
	o.ok(err)
	for name, tt := range map[string]struct {
		content []byte
		beside  string // a file of this name is there
		says    string
	}{
		"a database":     {content, "cubeconnect.db", "cubeconnect.db exists"},
		"a journal":      {content, "cubeconnect.db.wal1", "cubeconnect.db.wal1 exists"},
		"half a backup":  {content[:len(content)/2], "", "cut short"},
		"one in use":     {inUse, "", "is no backup"},
		"a text":         {[]byte("hello"), "", "is not a CubeConnect database"},
		"a damaged file": {damaged(content), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			backup, path := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(folder, "cubeconnect.db")
			err := os.WriteFile(backup, tt.content, 0o600)
			if tt.beside != "" {
				err = errors.Join(err, os.WriteFile(filepath.Join(folder, tt.beside), []byte("theirs"), 0o600))
			}
			o.ok(err)
			if _, err := store.Restore(backup, path, ring); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			entries, err := os.ReadDir(folder)
			o.ok(err)
			if len(entries) > 1 || len(entries) == 1 && entries[0].Name() != tt.beside {
				t.Errorf("it left %v", entries)
			}
		})
	}
	if _, err := store.Restore(filepath.Join(t.TempDir(), "none"), path+"2", ring); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := store.Restore(o.options.Path, path+"2", ring); !errors.Is(err, store.ErrInUse) {
		t.Errorf("the database of a running service: %v", err)
	}
	restored.open()
}

// damaged returns a database without its last bytes that say something.
func damaged(content []byte) []byte {
	content = bytes.Clone(content)
	clear(content[len(content)/2:])
	return content
}

// What a crash left of copies goes, and nothing else.
func TestRemoveUnfinished(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "cubeconnect.db")
	for _, name := range []string{"cubeconnect.db", "cubeconnect.db.partial-123", "cubeconnect.db.partial-9", "cubeconnect.db.wal0", "cubeconnect.db.backup-2026", "other.db.partial-1"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "cubeconnect.db.partial-folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := store.RemoveUnfinished(path); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	equal(t, names, []string{"cubeconnect.db", "cubeconnect.db.backup-2026", "cubeconnect.db.partial-folder", "cubeconnect.db.wal0", "other.db.partial-1"})
}
