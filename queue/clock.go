package queue

import (
	"sync"
	"time"
)

// clock is the time of the schedule: the wall clock's, except that it never goes back. Where that is set
// back, this one goes on, and what was to be tried again in ten seconds is. Where that is set ahead, this one
// follows, since the store writes what is due at once with the wall clock's time: what waits is due early,
// once.
type clock struct {
	wall func() time.Time

	mu   sync.Mutex
	at   time.Time // what it said last,
	read time.Time // and when, by the clock that measures and can't be set
}

func newClock(wall func() time.Time) *clock {
	return &clock{wall: wall, at: wall().Round(0), read: time.Now()}
}

// now returns the time, for comparison with times from disk: without what only this process can compare.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	read, wall := time.Now(), c.wall().Round(0)
	c.at, c.read = c.at.Add(read.Sub(c.read)), read
	if wall.After(c.at) {
		c.at = wall
	}
	return c.at
}
