package ingress

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

var (
	errTooLarge = errors.New("body too large")
	errCrowded  = errors.New("too many large bodies at a time")
)

const (
	firstBody = 4 << 10 // a webhook with one message has about 1 KiB
	// crowd is how much memory the large bodies of all requests under way may take before they are
	// checked: whoever knows the URL can send some, signed or not. Small ones have room always.
	crowd = 64 << 20
)

// bodies lends the memory that request bodies are read into.
type bodies struct {
	pool  sync.Pool
	taken atomic.Int64 // by large bodies
}

// body is a request body. Its data belong to the pool again after put.
type body struct {
	data  []byte
	max   int64
	from  *bodies
	taken int64
}

// get returns an empty body for at most max bytes.
func (p *bodies) get(max int64) *body {
	b, ok := p.pool.Get().(*body)
	if !ok {
		b = &body{data: make([]byte, 0, firstBody), from: p}
	}
	b.max = max
	return b
}

// put takes a body back. Large ones are left to the garbage collector: one batch must not hold its
// memory for good.
func (p *bodies) put(b *body) {
	p.taken.Add(-b.taken)
	b.taken = 0
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
	if size > largeBody {
		more := size - b.taken
		if b.from.taken.Add(more) > max(crowd, b.max+1) {
			b.from.taken.Add(-more)
			return errCrowded
		}
		b.taken = size
	}
	grown := make([]byte, len(b.data), size)
	copy(grown, b.data)
	b.data = grown
	return nil
}
