package queue

import (
	"context"
	"time"
)

// Rest returns once the queue has nothing left to do by its clock: what was due when it was called has been
// attempted, and the outcomes are on disk. It says when there will be something to do; zero: that is not
// known yet. Who moves the clock by hand moves it that far, and calls again.
func (q *Queue) Rest(ctx context.Context) (next time.Time, err error) {
	told := make(chan time.Time, 1)
	q.inbox.Lock()
	q.inbox.resting = append(q.inbox.resting, told)
	q.inbox.Unlock()
	q.signal()
	select {
	case next = <-told:
		return next, nil
	case <-ctx.Done():
		return next, ctx.Err()
	}
}

// tellRest answers those who wait for the queue to be at rest, if it is.
func (q *Queue) tellRest() {
	if len(q.resting) == 0 || q.unsettled+q.parking > 0 {
		return
	}
	next, ok := q.timers.next()
	if ok && !next.After(q.clock.now()) {
		return // it has come due at this moment
	}
	for _, told := range q.resting {
		told <- next
	}
	q.resting = nil
}
