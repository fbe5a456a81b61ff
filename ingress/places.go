package ingress

import (
	"context"
	"errors"
	"time"
)

// largeBody is what is a batch, and not a few messages.
const largeBody = 256 << 10

// placeWait is how long a signed body waits for a place: Meta sends it again, and not to find out how long
// we could have gone on.
const placeWait = 10 * time.Second

var errNoPlace = errors.New("too many webhooks of this size are being stored")

// places bound the memory of what is parsed and not yet on disk: the items of a body can take many times its
// size. Bodies of each size have places of their own, so that batches never make a single message wait.
type places []class

// class is the bodies up to a size. Whoever waits longest comes next.
type class struct {
	size  int // 0: any
	place chan struct{}
}

func newPlaces() places {
	return places{
		{16 << 10, make(chan struct{}, 256)},
		{largeBody, make(chan struct{}, 16)},
		{0, make(chan struct{}, 2)},
	}
}

// enter waits for a place for a body, and returns how to leave it.
func (p places) enter(ctx context.Context, size int) (leave func(), err error) {
	i := 0
	for p[i].size != 0 && size > p[i].size {
		i++
	}
	place := p[i].place
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	default:
	}
	late := time.NewTimer(placeWait)
	defer late.Stop()
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-late.C:
		return nil, errNoPlace
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
