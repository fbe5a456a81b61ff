package store

import (
	"math/rand/v2"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// BenchmarkGather moves the messages of a fifth of a second at 2,000/s into a file that has many, with buffers as full
// as they are in the long run.
func BenchmarkGather(b *testing.B) {
	db, g := openGathering(b, gatherSize)
	defer db.Close()
	rnd := rand.NewChaCha8([32]byte{})
	layerOf := func(rows int) *layer {
		l := &layer{}
		for range rows {
			r := row{key: make([]byte, messageLen), value: make([]byte, 70)}
			_, _ = rnd.Read(r.key) // it can't fail
			l.set(bMessages, r)
		}
		return l
	}
	gather := func(rows int) {
		if err := db.Update(func(t *bolt.Tx) (err error) {
			g, err = g.gather(t, layerOf(rows), false)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	for range 300 {
		gather(5000)
	}
	for range 100 {
		gather(400)
	}
	for b.Loop() {
		gather(400)
	}
}
