package store_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/store"
	"cubeconnect/store/wal"
	"cubeconnect/webhook"
)

// digest tells one database's contents from another's, bucket by bucket.
func digest(t *testing.T, path string) (sums map[string]string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	sums = map[string]string{}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			sum, n := fnv.New128a(), 0
			err := b.ForEach(func(k, v []byte) error {
				if string(name) == "meta" && string(k) == "log" {
					return nil // another log at each start
				}
				n++
				_, err := sum.Write(fmt.Appendf(nil, "%x %x\n", k, v))
				return err
			})
			sums[string(name)] = fmt.Sprintf("%d %d %x", n, b.Sequence(), sum.Sum(nil))
			return err
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return sums
}

// A compacted file is smaller and has the same in it, to the byte.
func TestCompact(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	o.ok(o.DeleteEndpoint(ctx(), o.tenant, o.endpoint()))
	for i := range 60 {
		in := o.inbound(o.message(fmt.Sprint("wamid.large", i), ""))
		in.Body = make([]byte, 1<<20)
		_, err := o.Accept(ctx(), in)
		o.ok(err)
		if i == 39 {
			for _, e := range o.events() {
				o.succeed(e.ID.WithOwner(ep))
			}
			o.clock.advance(31 * day)
			o.ok(o.RetainAll(ctx()))
		}
	}
	ids := o.acceptMany(4, "a", "b")
	o.finish(ids[0].WithOwner(ep), failed(), o.clock.now().Add(time.Hour))
	o.kill(ids[1].WithOwner(ep))
	o.ok(o.Park(ctx(), o.tenant, webhook.ID{}, []webhook.ID{ids[2].WithOwner(ep)}))
	if _, err := o.Publish(ctx(), webhook.Publication{Event: *o.event(webhook.CampaignCreated, "", "{}"), IdempotencyKey: "k"}); err != nil {
		t.Fatal(err)
	}

	_, _, err := store.Compact(ctx(), o.options.Path, ring)
	if !errors.Is(err, store.ErrInUse) {
		t.Errorf("of a running service: %v", err)
	}
	o.close()
	o.ok(os.Chmod(o.options.Path, 0o640))
	was := digest(t, o.options.Path)
	gone, cancel := context.WithCancel(ctx())
	cancel()
	if _, _, err := store.Compact(gone, o.options.Path, ring); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	equal(t, digest(t, o.options.Path), was)
	before, after, err := store.Compact(ctx(), o.options.Path, ring)
	o.ok(err)
	info, err := os.Stat(o.options.Path)
	o.ok(err)
	if after != info.Size() || after > before*2/3 || after < 20<<20 {
		t.Errorf("%d bytes before, %d after, the file has %d", before, after, info.Size())
	}
	equal(t, info.Mode(), "-rw-------")
	equal(t, digest(t, o.options.Path), was)
	noLeftovers(t, filepath.Dir(o.options.Path))
	link := filepath.Join(t.TempDir(), "cubeconnect.db")
	o.ok(os.Symlink(o.options.Path, link))
	_, _, err = store.Compact(ctx(), link, ring)
	o.ok(err)
	info, err = os.Lstat(link)
	o.ok(err)
	equal(t, info.Mode().Type(), os.ModeSymlink)
	equal(t, digest(t, o.options.Path), was)
	o.open()
	equal(t, o.endpoint(), ep+2)
	o.acceptMany(100, "a")
}

// What isn't sound is left as it is: a copy could lose what can still be saved.
func TestCompactRefuses(t *testing.T) {
	t.Parallel()
	d := openStore(t)
	d.newTenant().acceptMany(1)
	d.close()
	good, err := os.ReadFile(d.options.Path)
	d.ok(err)
	harm := func(change func(*bolt.Tx) error) []byte {
		db, err := bolt.Open(d.options.Path, 0o600, nil)
		d.ok(err)
		d.ok(errors.Join(db.Update(change), db.Close()))
		bad, err := os.ReadFile(d.options.Path)
		d.ok(errors.Join(err, os.WriteFile(d.options.Path, good, 0o600)))
		return bad
	}
	for name, tt := range map[string]struct {
		content []byte
		says    string
	}{
		"a fault": {harm(first("events", putIt("\x07"))), "has 1 faults"},
		"a newer one": {harm(func(b *bolt.Tx) error {
			return b.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint32(nil, store.SchemaVersion+1))
		}), "newer"},
		"a text": {[]byte("hello"), "is not a CubeConnect database"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cubeconnect.db")
			d.ok(os.WriteFile(path, tt.content, 0o600))
			if _, _, err := store.Compact(ctx(), path, ring); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			after, err := os.ReadFile(path)
			d.ok(err)
			if string(after) != string(tt.content) {
				t.Error("the file has changed")
			}
			noLeftovers(t, filepath.Dir(path))
		})
	}
	if _, _, err := store.Compact(ctx(), filepath.Join(t.TempDir(), "none.db"), ring); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	d.open()
}

// What a killed process left in the log is in the compacted file.
func TestCompactAfterAKill(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	o.acceptMany(3)
	path := filepath.Join(t.TempDir(), "cubeconnect.db")
	for i, content := range o.picture() {
		o.ok(os.WriteFile(names(path)[i], content, 0o600))
	}
	_, _, err := store.Compact(ctx(), path, ring)
	o.ok(err)
	equal(t, verify(t, path).Events, 3)
	equal(t, wal.Exists(path), false)
}
