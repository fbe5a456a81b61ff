package ingress

import (
	"bytes"
	"errors"
	"testing"
	"testing/iotest"
)

func TestBodyRead(t *testing.T) {
	var pool bodies
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
		if got := pool.taken.Load(); got != 0 {
			t.Errorf("%d bytes: %d are still taken", size, got)
		}
	}
}

// TestBodyCrowd: large bodies under way share a bound, small ones have room always.
func TestBodyCrowd(t *testing.T) {
	var pool bodies
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
	if got := pool.taken.Load(); got != 0 {
		t.Errorf("%d are still taken", got)
	}
}
