package ingress

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"
)

func TestBodyRead(t *testing.T) {
	pool := bodies{crowd: share{limit: crowd}}
	for _, size := range []int{0, 1, firstBody - 1, firstBody, firstBody + 1, largeBody, largeBody + 1, 3 << 20} {
		want := bytes.Repeat([]byte("abc"), size/3+1)[:size]
		b := pool.get(4 << 20)
		if err := b.read(iotest.DataErrReader(bytes.NewReader(want))); err != nil || !bytes.Equal(b.data, want) {
			t.Errorf("%d bytes: %v, %d read", size, err, len(b.data))
		}
		if int64(cap(b.data)) > b.max+1 {
			t.Errorf("%d bytes took room for %d", size, cap(b.data))
		}
		pool.put(b)
		if got := pool.crowd.taken.Load(); got != 0 {
			t.Errorf("%d bytes: %d are still taken", size, got)
		}
	}
}

// TestBodyCrowd: large bodies under way share a bound, small ones have room always.
func TestBodyCrowd(t *testing.T) {
	pool := bodies{crowd: share{limit: crowd}}
	const limit = 16 << 20
	var held []*body
	for range crowd / limit {
		b := pool.get(limit - 1)
		if err := b.read(bytes.NewReader(make([]byte, limit-1))); err != nil {
			t.Fatal(err)
		}
		held = append(held, b)
	}
	one := pool.get(limit - 1)
	if err := one.read(bytes.NewReader(make([]byte, limit-1))); !errors.Is(err, errCrowded) {
		t.Errorf("one too many: %v", err)
	}
	pool.put(one)
	small := pool.get(limit - 1)
	if err := small.read(bytes.NewReader(make([]byte, 100<<10))); err != nil {
		t.Errorf("a small one: %v", err)
	}
	pool.put(small)
	for _, b := range held {
		pool.put(b)
	}
	if got := pool.crowd.taken.Load(); got != 0 {
		t.Errorf("%d are still taken", got)
	}
}

// TestBodyOfStrangers: strangers' bodies take from the first bytes on, each from their own share and
// all of them from one that leaves the others some.
func TestBodyOfStrangers(t *testing.T) {
	pool := bodies{crowd: share{limit: crowd}}
	all, one, other := &share{limit: shareOfStrangers}, &share{limit: shareOfOne}, &share{limit: shareOfStrangers}
	const size = 4 << 20
	read := func(n int, shares ...*share) (*body, error) {
		b := pool.get(size, shares...)
		return b, b.read(bytes.NewReader(make([]byte, n)))
	}
	var held []*body
	fill := func(own *share, want int) {
		t.Helper()
		for n := 0; ; n++ {
			b, err := read(size, all, own)
			held = append(held, b)
			if err == nil {
				continue
			}
			if !errors.Is(err, errStranger) || n != want {
				t.Errorf("%d bodies fit, want %d: %v", n, want, err)
			}
			return
		}
	}
	fill(one, 2)
	fill(other, 5)
	for _, b := range held {
		if b.taken == 0 {
			t.Error("a body took nothing")
		}
	}
	if b, err := read(size); err != nil {
		t.Errorf("of somebody who signs: %v", err)
	} else {
		pool.put(b)
	}
	if b, err := read(firstBody-1, all, one); err != nil {
		t.Errorf("a small one of a stranger: %v", err)
	} else {
		pool.put(b)
	}
	for _, b := range held {
		pool.put(b)
	}
	for _, r := range []*share{&pool.crowd, all, one, other} {
		if got := r.taken.Load(); got != 0 {
			t.Errorf("%d are still taken", got)
		}
	}
}
