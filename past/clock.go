package past

import (
	"sync"
	"time"
)

// clock stands still until it is moved, and never goes back.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) moveTo(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.at) {
		c.at = at
	}
}

// pass lets time go by, and returns when it began to.
func (c *clock) pass(d time.Duration) (begun time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	begun = c.at
	c.at = c.at.Add(d)
	return begun
}
