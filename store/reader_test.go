package store

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// A cursor over the file and layers goes where one over a single sorted list would, in both directions.
func TestCursorAgainstAModel(t *testing.T) {
	t.Run("held", func(t *testing.T) {
		cursorAgainstAModel(t, bHeld, func(rnd *rand.Rand) []byte { return []byte{'a' + byte(rnd.IntN(26)), 'a' + byte(rnd.IntN(2))} })
	})
	t.Run("messages", func(t *testing.T) { cursorAgainstAModel(t, bMessages, randomMessage) })
}

// randomMessage is the key of a message: one of few, some of which are neighbours and some in other parts.
func randomMessage(rnd *rand.Rand) []byte {
	k := make([]byte, messageLen)
	k[0] = [...]byte{0, 1, 7, 255}[rnd.IntN(4)]
	k[1] = [...]byte{0, 9, 255}[rnd.IntN(3)]
	k[2], k[messageLen-1] = byte(rnd.IntN(2)), byte(rnd.IntN(3))
	return k
}

func cursorAgainstAModel(t *testing.T, in bucket, randomKey func(*rand.Rand) []byte) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		key := func() []byte { return randomKey(rnd) }
		db, err := bolt.Open(filepath.Join(t.TempDir(), "x"), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]string{}
		r := &reader{gathered: newGathering(0)}
		err = db.Update(func(b *bolt.Tx) error {
			bucket, err := b.CreateBucket(in.name())
			for range rnd.IntN(40) {
				k := key()
				model[string(k)] = "file"
				if err := bucket.Put(k, []byte("file")); err != nil {
					return err
				}
			}
			if err != nil || in != bMessages {
				return err
			}
			if _, err := b.CreateBucket(bBuffered.name()); err != nil {
				return err
			}
			for i := range rnd.IntN(8) { // each batch newer than the last
				l := &layer{}
				for range 1 + rnd.IntN(9) {
					l.set(in, row{key: key(), value: fmt.Append(nil, "batch ", i)})
				}
				var part []row
				_ = l.each(in, func(r row) error { // it can't fail
					part = append(part, r)
					return nil
				})
				part = slices.DeleteFunc(part, func(r row) bool { return r.key[0] != part[0].key[0] })
				for _, r := range part {
					model[string(r.key)] = string(r.value)
				}
				if err := r.gathered.buffered.add(b, part); err != nil {
					return err
				}
				if err := r.gathered.buffered.placeFull(b, func(byte) int { return 1 }, rnd.IntN(6)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range rnd.IntN(20) {
			k := key()
			r.gathered.lay(in, row{key: k, value: []byte("gathered")})
			model[string(k)] = "gathered"
		}
		for range rnd.IntN(4) { // the oldest first
			l := &layer{}
			name := string('0' + rune(len(r.layers)))
			for range rnd.IntN(20) {
				k := key()
				if gone := rnd.IntN(3) == 0; gone {
					l.set(in, row{key: k, gone: true})
					delete(model, string(k))
				} else {
					l.set(in, row{key: k, value: []byte(name)})
					model[string(k)] = name
				}
			}
			r.layers = slices.Insert(r.layers, 0, l)
		}
		if r.b, err = db.Begin(false); err != nil {
			t.Fatal(err)
		}
		sorted := slices.Sorted(maps.Keys(model))
		for k, v := range model {
			if got := r.get(in, []byte(k)); string(got) != v {
				t.Fatalf("seed %d: %x is %q, want %q", seed, k, got, v)
			}
		}
		c, at := r.cursor(in), -1
		for step := range 300 {
			var k, v []byte
			switch op := rnd.IntN(12); {
			case op == 0:
				k, v = c.First()
				at = 0
			case op == 1:
				k, v = c.Last()
				at = len(sorted) - 1
			case op == 2 || at < 0 || at >= len(sorted):
				seek := key()
				k, v = c.Seek(seek)
				at, _ = slices.BinarySearch(sorted, string(seek))
			case op < 8:
				k, v = c.Next()
				at++
			default:
				k, v = c.Prev()
				at--
			}
			if at < 0 || at >= len(sorted) {
				if k != nil {
					t.Fatalf("seed %d, step %d: %x behind the end", seed, step, k)
				}
			} else if string(k) != sorted[at] || string(v) != model[sorted[at]] {
				t.Fatalf("seed %d, step %d: at %x=%s, want %x=%s", seed, step, k, v, sorted[at], model[sorted[at]])
			}
		}
		for range 30 {
			from := key()
			prefix := from[:rnd.IntN(3)]
			var want, got []string
			for _, k := range sorted {
				if k >= string(from) && strings.HasPrefix(k, string(prefix)) {
					want = append(want, k)
				}
			}
			for k, _ := c.SeekWithin(from, prefix); k != nil; k, _ = c.Next() {
				got = append(got, string(k))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: from %x within %x: %x, want %x", seed, from, prefix, got, want)
			}
			bound := from
			if rnd.IntN(4) == 0 {
				bound = after(prefix)
			}
			got, want = nil, nil
			for _, k := range sorted {
				if (bound == nil || k < string(bound)) && strings.HasPrefix(k, string(prefix)) {
					want = append(want, k)
				}
			}
			for k, _ := c.SeekBefore(bound, prefix); k != nil; k, _ = c.Prev() {
				got = append(got, string(k))
			}
			if slices.Reverse(got); !slices.Equal(got, want) {
				t.Fatalf("seed %d: back from %x within %x: %x, want %x", seed, bound, prefix, got, want)
			}
		}
		r.close()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// counted is a source that counts its steps.
type counted struct {
	source
	steps int
}

func (c *counted) next() { c.steps++; c.source.next() }

// A search for what begins with a prefix doesn't go through what is gone behind it.
func TestSeekPrefixStopsAtItsEnd(t *testing.T) {
	l := &layer{}
	for i := range 1000 {
		l.set(bDeliveries, row{key: fmt.Appendf(nil, "%03d", i), gone: true})
	}
	l.set(bDeliveries, row{key: []byte("999"), value: []byte("here")})
	s := &counted{source: &treeSource{iter: l.trees[bDeliveries].Iter()}}
	c := &cursor{sources: []source{s}}
	if k, _ := c.SeekPrefix([]byte("50")); k != nil || s.steps != 10 {
		t.Errorf("found %s in %d steps", k, s.steps)
	}
	if k, v := c.Seek([]byte("50")); string(k) != "999" || string(v) != "here" {
		t.Errorf("found %s", k)
	}
}

func TestLayerIsCopied(t *testing.T) {
	l := &layer{}
	l.set(bHeld, row{key: []byte("a"), value: []byte("1")})
	c := l.copied(allBuckets)
	l.set(bHeld, row{key: []byte("a"), value: []byte("2")})
	c.set(bHeld, row{key: []byte("b"), value: []byte("3")})
	if r, _ := c.get(bHeld, []byte("a")); string(r.value) != "1" {
		t.Errorf("the copy has %s", r.value)
	}
	if _, ok := l.get(bHeld, []byte("b")); ok {
		t.Error("the original changed with its copy")
	}
}

func FuzzLayer(f *testing.F) {
	l := &layer{}
	l.set(bMeta, row{key: []byte("k"), value: []byte{}})
	l.set(bAudit, row{key: []byte("k"), value: []byte("value")})
	l.set(bPurge, row{key: []byte("k"), gone: true})
	f.Add(l.appendTo(nil))
	f.Add([]byte{recordVersion, byte(bucketCount), 1, 1, 'k', 0})
	f.Fuzz(func(t *testing.T, record []byte) {
		l := &layer{}
		if l.add(record) != nil {
			return
		}
		again := &layer{}
		if err := again.add(l.appendTo(nil)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.appendTo(nil), l.appendTo(nil)) || again.bytes != l.bytes {
			t.Error("it reads back as another")
		}
	})
}
