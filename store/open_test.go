package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

func TestOpenMakesTheFolder(t *testing.T) {
	d := openStore(t, func(o *store.Options) { o.Path = filepath.Join(filepath.Dir(o.Path), "a", "b", "cubeconnect.db") })
	info, err := os.Stat(d.options.Path)
	d.ok(err)
	equal(t, info.Mode().Perm(), "-rw-------")
	info, err = os.Stat(filepath.Dir(d.options.Path))
	d.ok(err)
	equal(t, info.Mode().Perm(), "-rwx------")
}

// One process has the file. Another is told soon, and does no harm.
func TestOpenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openStore(t).newTenant()
		for name, open := range map[string]func() error{
			"open":   func() error { _, err := store.Open(o.options); return err },
			"verify": func() error { _, _, err := store.Verify(o.options.Path, ring); return err },
		} {
			start := time.Now()
			err := open()
			if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), o.options.Path) {
				t.Errorf("%s: %v", name, err)
			}
			if waited := time.Since(start); waited > 2*time.Second {
				t.Errorf("%s: after %s", name, waited)
			}
		}
		o.acceptMany(1)
	})
}

// What is no database of ours is refused in words, by all who open it, and stays as it is.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	bolted := func(change func(*bolt.Tx) error) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			db, err := bolt.Open(path, 0o600, nil)
			if err == nil {
				err = errors.Join(db.Update(change), db.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	written := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	ours := func(t *testing.T, path string) {
		s, err := store.Open(store.Options{Path: path, Ring: ring})
		if err != nil {
			t.Fatal(err)
		}
		tn, err := s.CreateTenant(ctx(), webhook.Tenant{Timezone: "UTC"})
		if err == nil {
			_, err = s.Publish(ctx(), webhook.Publication{Event: webhook.Event{TenantID: tn.ID, Payload: make([]byte, 100<<10)}})
		}
		if err = errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(bytes int64) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			ours(t, path)
			if err := os.Truncate(path, bytes); err != nil {
				t.Fatal(err)
			}
		}
	}
	ourMeta := func(name string, value []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			ours(t, path)
			bolted(func(b *bolt.Tx) error { return b.Bucket([]byte("meta")).Put([]byte(name), value) })(t, path)
		}
	}
	for name, tt := range map[string]struct {
		make func(t *testing.T, path string)
		says string
	}{
		"an empty file":           {written(""), "is empty"},
		"a short text":            {written("hello"), "is not a CubeConnect database"},
		"a text of a page":        {written(strings.Repeat("hello ", 1000)), "is not a CubeConnect database"},
		"a long text":             {written(strings.Repeat("hello ", 100_000)), "is not a CubeConnect database"},
		"zeros":                   {written(strings.Repeat("\x00", 100_000)), "is not a CubeConnect database"},
		"SQLite":                  {written("SQLite format 3\x00" + strings.Repeat("\x01", 20_000)), "is not a CubeConnect database"},
		"a folder":                {func(t *testing.T, path string) { _ = os.Mkdir(path, 0o700) }, "is not a CubeConnect database"},
		"a bbolt file":            {bolted(func(b *bolt.Tx) error { _, err := b.CreateBucket([]byte("theirs")); return err }), "not CubeConnect's"},
		"a bbolt file, no schema": {bolted(func(b *bolt.Tx) error { _, err := b.CreateBucket([]byte("meta")); return err }), "no schema version"},
		"a newer schema":          {ourMeta("schema", binary.BigEndian.AppendUint32(nil, store.SchemaVersion+1)), "written by a newer CubeConnect"},
		"no schema":               {ourMeta("schema", nil), "no schema version"},
		"cut in the middle":       {cut(64 << 10), "is cut short"},
		"cut behind the head":     {cut(4 * store.FilePage), "is cut short"},
		"cut in the head":         {cut(2 * store.FilePage), "is cut short"},
		"cut to a page":           {cut(store.FilePage), "is not a CubeConnect database"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cubeconnect.db")
			tt.make(t, path)
			before, _ := os.ReadFile(path)
			_, err := store.Open(store.Options{Path: path, Ring: ring})
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path) {
				t.Fatalf("open: %v", err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("open says more than a line: %v", err)
			}
			after, _ := os.ReadFile(path)
			if string(before) != string(after) {
				t.Error("the file has changed")
			}
			if _, _, err := store.Verify(path, ring); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

func TestVerifyOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cubeconnect.db")
	if _, _, err := store.Verify(path, ring); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("verify has made a file: %v", err)
	}
}

// Verify finds what doesn't agree.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		harm func(b *bolt.Tx) error
		says string
	}{
		"a schedule without an entry": {first("schedule", deleteIt), "in the schedule: false"},
		"an index without an entry":   {first("trouble", deleteIt), "in the trouble index: false"},
		"an event that is gone":       {first("events", deleteIt), "its event is gone"},
		"a delivery that is gone":     {first("deliveries", deleteIt), "names delivery"},
		"a delivery's status":         {first("deliveries", statusOf(0)), "status 0 is none"},
		"a held one without an entry": {first("held", deleteIt), "holds its conversation"},
		"a message that is damaged":   {first("messages", putIt("\x01")), "record is damaged"},
		"an event that is damaged":    {first("events", putIt("\x07")), "record is damaged"},
		"figures that are wrong":      {first("stats", putIt("\x01\x09\x00\x00\x00\x00\x00\x00\x00")), "counts 9 pending"},
		"figures that are damaged":    {first("stats", putIt("")), "stats of endpoint"},
		"a tenant that is gone":       {first("tenants", deleteIt), "which doesn't exist"},
		"an endpoint that is damaged": {first("endpoints", putIt("{")), "endpoints 1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := openStore(t).newTenant()
			ep := o.endpoint()
			ids := o.acceptMany(3, "a")
			o.finish(ids[0].WithOwner(ep), failed(), begun)
			o.ok(o.Park(ctx(), o.tenant, webhook.ID{}, []webhook.ID{ids[1].WithOwner(ep), ids[2].WithOwner(ep)}))
			o.ok(o.FlushAll(ctx()))
			o.close()
			good, err := os.ReadFile(o.options.Path)
			o.ok(err)
			db, err := bolt.Open(o.options.Path, 0o600, nil)
			o.ok(err)
			o.ok(db.Update(tt.harm))
			o.ok(db.Close())
			_, faults, err := store.Verify(o.options.Path, ring)
			o.ok(err)
			if !strings.Contains(strings.Join(faults, "\n"), tt.says) {
				t.Errorf("it finds %q", faults)
			}
			o.ok(os.WriteFile(o.options.Path, good, 0o600))
			o.open()
		})
	}
}

func first(bucket string, harm func(b *bolt.Bucket, k []byte) error) func(*bolt.Tx) error {
	return func(b *bolt.Tx) error {
		k, _ := b.Bucket([]byte(bucket)).Cursor().First()
		return harm(b.Bucket([]byte(bucket)), k)
	}
}

func deleteIt(b *bolt.Bucket, k []byte) error { return b.Delete(k) }

func putIt(v string) func(*bolt.Bucket, []byte) error {
	return func(b *bolt.Bucket, k []byte) error { return b.Put(k, []byte(v)) }
}

func statusOf(status byte) func(*bolt.Bucket, []byte) error {
	return func(b *bolt.Bucket, k []byte) error {
		v := bytes.Clone(b.Get(k))
		v[1] = status // behind the version
		return b.Put(k, v)
	}
}
