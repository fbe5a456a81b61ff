package ingress

import (
	"errors"
	"io"
	"sync"
)

var (
	errTooLarge = errors.New("body too large")
	errCrowded  = errors.New("too many large bodies at a time")
	errStranger = errors.New("too many bodies of strangers at a time")
)

const (
	firstBody = 4 << 10 // a webhook with one message has about 1 KiB
	// crowd is how much memory the large bodies of all requests under way may take before they are
	// checked. Small ones of those who sign have room always; strangers' have less, and none but the first
	// bytes for nothing.
	crowd = 64 << 20
)

// bodies lends the memory that request bodies are read into.
type bodies struct {
	pool  sync.Pool
	crowd share
}

// body is a request body. Its data belong to the pool again after put.
type body struct {
	data   []byte
	max    int64
	from   *bodies
	free   int64     // up to here it takes nothing
	shares [3]*share // that it takes from; nil: none
	taken  int64     // from each of them
}

// get returns an empty body for at most max bytes. Strangers is what it takes from beside the crowd,
// if it is theirs.
func (p *bodies) get(max int64, strangers ...*share) *body {
	b, ok := p.pool.Get().(*body)
	if !ok {
		b = &body{data: make([]byte, 0, firstBody), from: p}
	}
	b.max, b.free = max, largeBody
	if len(strangers) > 0 {
		b.free = firstBody
	}
	b.shares = [3]*share{&p.crowd}
	copy(b.shares[1:], strangers)
	return b
}

// put takes a body back. Large ones are left to the garbage collector: one batch must not hold its
// memory for good.
func (p *bodies) put(b *body) {
	for _, s := range b.shares {
		if s != nil {
			s.give(b.taken)
		}
	}
	b.taken, b.shares = 0, [3]*share{}
	if cap(b.data) <= largeBody {
		b.data = b.data[:0]
		p.pool.Put(b)
	}
}

// read reads r to its end. Memory grows with what has come in, never by what was announced.
func (b *body) read(r io.Reader) error {
	for {
		if len(b.data) == cap(b.data) {
			if err := b.grow(); err != nil {
				return err
			}
		}
		n, err := r.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if int64(len(b.data)) > b.max {
			return errTooLarge
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow doubles the room, up to one byte more than the limit, by which too large a body shows.
func (b *body) grow() error {
	size := min(2*int64(cap(b.data)), b.max+1)
	if size > b.free {
		if err := b.take(size - b.taken); err != nil {
			return err
		}
	}
	grown := make([]byte, len(b.data), size)
	copy(grown, b.data)
	b.data = grown
	return nil
}

func (b *body) take(n int64) error {
	for i, s := range b.shares {
		if s == nil || s.take(n, b.max+1) {
			continue
		}
		for _, s := range b.shares[:i] {
			s.give(n)
		}
		if i == 0 {
			return errCrowded
		}
		return errStranger
	}
	b.taken += n
	return nil
}
