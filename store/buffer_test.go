package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// openGathering makes a file in which nothing is gathered yet. Who opens it closes it.
func openGathering(tb testing.TB, size int) (*bolt.DB, gathering) {
	tb.Helper()
	db, err := bolt.Open(filepath.Join(tb.TempDir(), "x"), 0o600, &bolt.Options{NoSync: true, InitialMmapSize: 1 << 30, PageSize: filePage})
	if err != nil {
		tb.Fatal(err)
	}
	var g gathering
	err = db.Update(func(b *bolt.Tx) error {
		for _, in := range append(scattered[:], bMeta, bGathered, bBuffered) {
			if _, err := b.CreateBucket(in.name()); err != nil {
				return err
			}
		}
		g, err = readGathering(b, size)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return db, g
}

// What is gathered, buffered and at its place makes up what was written, whatever was written and however often
// all of it is read anew. What is gone is in none of them any more.
func TestGatheringAgainstAModel(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		size := []int{1, 2000, 20_000, 200_000}[seed%4]
		db, g := openGathering(t, size)
		key := func(in bucket) []byte {
			k := randomMessage(rnd)
			k[5], k[6] = byte(rnd.IntN(6)), byte(rnd.IntN(6))
			if in != bMessages {
				k = k[:8]
			}
			return k
		}
		model := [bucketCount]map[string]string{}
		for _, in := range scattered {
			model[in] = map[string]string{}
		}
		for step := range 60 {
			l := &layer{}
			for range 1 + rnd.IntN(60) {
				in := scattered[rnd.IntN(len(scattered))]
				k := key(in)
				if rnd.IntN(4) == 0 {
					l.set(in, row{key: k, gone: true})
					delete(model[in], string(k))
				} else {
					v := fmt.Sprint(step, " of ", seed, " ", rnd.IntN(100))
					l.set(in, row{key: k, value: []byte(v)})
					model[in][string(k)] = v
				}
			}
			err := db.Update(func(b *bolt.Tx) (err error) {
				if rnd.IntN(8) == 0 {
					if g, err = readGathering(b, size); err != nil {
						return err
					}
				}
				g, err = g.gather(b, l, rnd.IntN(20) == 0)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			err = db.View(func(b *bolt.Tx) error {
				r := &reader{gathered: g, b: b}
				for _, in := range scattered {
					got := map[string]string{}
					_ = r.each(in, func(k, v []byte) error { // it can't fail
						got[string(k)] = string(v)
						if one := r.get(in, k); !bytes.Equal(one, v) {
							t.Fatalf("seed %d, step %d: %s %x is %q alone, %q in a row", seed, step, in, k, one, v)
						}
						return nil
					})
					for k, v := range model[in] {
						if got[k] != v {
							t.Fatalf("seed %d, step %d: %s %x is %q, want %q", seed, step, in, k, got[k], v)
						}
					}
					if len(got) != len(model[in]) {
						t.Fatalf("seed %d, step %d: %s has %d records, want %d", seed, step, in, len(got), len(model[in]))
					}
				}
				return l.each(bMessages, func(row row) error {
					if v := inFile(b, g.buffered, bMessages, row.key); row.gone && v != nil {
						t.Fatalf("seed %d, step %d: %x is gone, and in the file as %q", seed, step, row.key, v)
					}
					return nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDamagedGathering(t *testing.T) {
	rowOf := func(in bucket, key string) []byte {
		l := &layer{}
		l.set(in, row{key: []byte(key), value: []byte("value")})
		return l.appendTo(nil)
	}
	whole := rowOf(bMessages, "sixteen bytes...")
	for name, tt := range map[string]struct {
		number string
		record []byte
		want   error
	}{
		"whole":                 {"12345678", whole, nil},
		"number of three bytes": {"123", whole, errRecord},
		"half":                  {"12345678", whole[:len(whole)-3], errRecord},
		"key too short":         {"12345678", rowOf(bMessages, "short"), errRecord},
		"short, but no message": {"12345678", rowOf(bSeen, "short"), nil},
	} {
		db, _ := openGathering(t, 1)
		err := db.Update(func(b *bolt.Tx) error {
			if err := b.Bucket(bGathered.name()).Put([]byte(tt.number), tt.record); err != nil {
				t.Fatal(err)
			}
			_, err := readGathering(b, 1)
			return err
		})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzBatch(f *testing.F) {
	key := func(s string) []byte { return append([]byte(s), make([]byte, messageLen-len(s))...) }
	whole := appendBatch(nil, []row{{key: key("aa"), value: []byte("one")}, {key: key("ab"), value: []byte("two")}})
	f.Add(whole, key("ab"))
	f.Add(whole[:len(whole)-1], key("aa"))
	f.Add([]byte{recordVersion, 255, 255, 255, 255}, key("a"))
	f.Add(appendBatch(nil, nil), key(""))
	f.Fuzz(func(t *testing.T, record, key []byte) {
		x, ok := parseBatch(record)
		if !ok {
			return
		}
		if i, found := x.find(key); found {
			_ = x.value(i)
		}
		if len(key) == 0 || !x.sound(key[0]) {
			return
		}
		var rows []row
		for i := range x.count {
			rows = append(rows, row{key: x.key(i), value: x.value(i)})
			if at, found := x.find(x.key(i)); !found || at != i {
				t.Fatalf("row %d is found at %d", i, at)
			}
		}
		if got := appendBatch(nil, rows); !bytes.Equal(got, record) {
			t.Errorf("%x reads back as %x", record, got)
		}
		if !slices.IsSortedFunc(rows, func(a, b row) int { return bytes.Compare(a.key, b.key) }) {
			t.Error("not sorted")
		}
	})
}
