package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// What was copied stays as it was, whatever is done to the copy, and knows how much it holds.
func TestPilesAreCopied(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	type moment struct {
		piles *piles
		model map[string]string
	}
	now := moment{&piles{}, map[string]string{}}
	var all []moment
	for step := range 3000 {
		key := make([]byte, messageLen)
		key[0] = byte(rnd.IntN(3))
		binary.BigEndian.PutUint16(key[7:], uint16(rnd.IntN(60)))
		key[15] = byte(rnd.IntN(2)) // of each front two keys
		r := row{key: key, value: fmt.Append(nil, step), gone: rnd.IntN(4) == 0}
		if rnd.IntN(50) == 0 {
			part := byte(rnd.IntN(3))
			for i, r := range now.piles.take(part) {
				if string(r.value) != now.model[string(r.key)] {
					t.Fatalf("step %d: took %x, the %d. of part %d, with %q, want %q", step, r.key, i, part, r.value, now.model[string(r.key)])
				}
				delete(now.model, string(r.key))
			}
		}
		now.piles.lay(r)
		now.model[string(key)] = string(r.value)
		if r.gone {
			delete(now.model, string(key))
		}
		if rnd.IntN(20) == 0 {
			all = append(all, now)
			c := *now.piles
			now = moment{&c, maps.Clone(now.model)}
		}
	}
	for i, m := range append(all, now) {
		size := 0
		for part := range 3 {
			for second := range 256 {
				for _, r := range m.piles.stretch(nil, byte(part), byte(second)) {
					size += r.size()
					if one, ok := m.piles.get(r.key); !ok || string(one.value) != m.model[string(r.key)] || string(r.value) != string(one.value) {
						t.Fatalf("moment %d: %x is %q, and %q alone, want %q", i, r.key, r.value, one.value, m.model[string(r.key)])
					}
					delete(m.model, string(r.key))
				}
			}
		}
		if len(m.model) > 0 || size != m.piles.bytes {
			t.Errorf("moment %d: %d are missing; %d bytes, counted as %d", i, len(m.model), size, m.piles.bytes)
		}
	}
}
