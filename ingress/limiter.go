package ingress

import (
	"sync"
	"time"
)

// logEvery is how often at most one kind of trouble is logged.
const logEvery = 10 * time.Second

// limiter keeps strangers from filling the log.
type limiter struct {
	mu         sync.Mutex
	next       time.Time
	suppressed int
}

// do calls log with the number of calls left out since the last one, or leaves this one out.
func (l *limiter) do(now time.Time, log func(suppressed int)) {
	if suppressed, ok := l.allow(now); ok {
		log(suppressed)
	}
}

func (l *limiter) allow(now time.Time) (suppressed int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A clock that was set back by more than the pause must not silence the log.
	if wait := l.next.Sub(now); wait > 0 && wait <= logEvery {
		l.suppressed++
		return 0, false
	}
	suppressed = l.suppressed
	l.suppressed = 0
	l.next = now.Add(logEvery)
	return suppressed, true
}
