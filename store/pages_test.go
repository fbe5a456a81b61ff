package store_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/store"
)

// somePages returns a database with pages of all kinds.
func somePages(tb testing.TB) []byte {
	tb.Helper()
	o := openStore(tb).newTenant()
	for range 3 {
		o.acceptMany(40, "a")
		o.ok(o.Flush(ctx()))
	}
	var copied bytes.Buffer
	o.ok(o.CopyTo(ctx(), &copied))
	return copied.Bytes()
}

// What would be overwritten by the next transaction, be lost, or not be found, is not sound.
func TestVerifyPages(t *testing.T) {
	t.Parallel()
	sound := somePages(t)
	size := uint64(store.FilePage)
	number, half, quarter := binary.NativeEndian.Uint64, binary.NativeEndian.Uint32, binary.NativeEndian.Uint16
	put := binary.NativeEndian.PutUint64
	page := func(content []byte, id uint64) []byte { return content[id*size:][:size] }
	head := page(sound, 0)
	if other := page(sound, 1); number(other[64:]) > number(head[64:]) {
		head = other
	}
	root, list := number(head[32:]), number(head[48:])
	free := map[uint64]bool{}
	for i := range uint64(quarter(page(sound, list)[10:])) {
		free[number(page(sound, list)[16+8*i:])] = true
	}
	branch := uint64(0)
	for id := uint64(2); id < number(head[56:]); id++ {
		if b := page(sound, id); number(b) == id && quarter(b[8:]) == 1 && !free[id] {
			branch = id
		}
	}
	if branch == 0 || len(free) < 2 {
		t.Fatalf("branch %d, %d free pages", branch, len(free))
	}
	// key returns a key of a branch's first child.
	key := func(content []byte, last bool) []byte {
		leaf, i := content[number(page(content, branch)[16+8:])*size:], uint64(0)
		if last {
			i = uint64(quarter(leaf[10:])) - 1
		}
		at := 16 + 16*i
		return leaf[at+uint64(half(leaf[at+4:])):][:half(leaf[at+8:])]
	}
	for name, c := range map[string]struct {
		damage func(content []byte)
		says   string
	}{
		"free and used":       {func(b []byte) { put(page(b, list)[16:], root) }, "stands in two places"},
		"free twice":          {func(b []byte) { copy(page(b, list)[24:32], page(b, list)[16:24]) }, "stands in two places"},
		"part of another too": {func(b []byte) { page(b, min(root, list))[12] = byte(max(root, list) - min(root, list)) }, "stands in two places"},
		"lost":                {func(b []byte) { page(b, list)[10]-- }, "is neither used nor free"},
		"before its like":     {func(b []byte) { key(b, false)[0] = 0xff }, "out of order"},
		"behind its page":     {func(b []byte) { key(b, true)[0] = 0xff }, "out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			content := bytes.Clone(sound)
			c.damage(content)
			path := filepath.Join(t.TempDir(), "b.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, faults, err := store.Verify(path, ring)
			if err != nil || len(faults) != 1 || !strings.Contains(faults[0], c.says) {
				t.Errorf("%q, %v, want %q", faults, err, c.says)
			}
		})
	}
}

// FuzzCheckPages changes a database: what the check lets pass bbolt's own finds sound too.
func FuzzCheckPages(f *testing.F) {
	sound := somePages(f)
	for page := range uint32(len(sound) / store.FilePage) {
		at := page * uint32(store.FilePage)
		f.Add(at+6, []byte{1})
		f.Add(at+8, []byte{1})
		f.Add(at+9, []byte{1})
		f.Add(at+12, []byte{1})
		f.Add(at+16, []byte{0xff, 1})
		f.Add(at+20, []byte{0xff, 1})
		f.Add(at+24, []byte{5})
		f.Add(at+28, []byte{0xff, 0xff})
	}
	path := filepath.Join(f.TempDir(), "x.db")
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		content := bytes.Clone(sound)
		copy(content[int(at)%len(content):], patch)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if store.CheckPages(bytes.NewReader(content)) != nil {
			return
		}
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
		if err != nil {
			return // so does whoever comes before the check
		}
		defer db.Close()
		_ = db.View(func(b *bolt.Tx) error {
			for fault := range b.Check() {
				t.Errorf("%v", fault)
			}
			return nil
		})
	})
}
