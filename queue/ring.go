package queue

import (
	"container/heap"
	"time"
)

// ring is a queue of lanes that take turns.
type ring struct{ first, last *lane }

func (r *ring) push(l *lane) {
	l.ring, l.prev = r, r.last
	if r.last == nil {
		r.first = l
	} else {
		r.last.next = l
	}
	r.last = l
}

func (r *ring) remove(l *lane) {
	if l.prev == nil {
		r.first = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		r.last = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.ring, l.prev, l.next = nil, nil, nil
}

// timers is a heap of lanes by when their next delivery is due.
type timers []*lane

// set gives a lane a time, in place of the one it had; zero: none.
func (t *timers) set(l *lane, at time.Time) {
	switch {
	case at.IsZero() && l.timer >= 0:
		heap.Remove(t, l.timer)
	case at.IsZero():
	case l.timer >= 0:
		l.nextDue = at
		heap.Fix(t, l.timer)
	default:
		l.nextDue = at
		heap.Push(t, l)
	}
	l.nextDue = at
}

// sooner gives a lane a time if it has none or a later one.
func (t *timers) sooner(l *lane, at time.Time) {
	if l.nextDue.IsZero() || at.Before(l.nextDue) {
		t.set(l, at)
	}
}

func (t timers) next() (time.Time, bool) {
	if len(t) == 0 {
		return time.Time{}, false
	}
	return t[0].nextDue, true
}

// due takes a lane whose time has come from the heap, or returns nil.
func (t *timers) due(now time.Time) *lane {
	if len(*t) == 0 || (*t)[0].nextDue.After(now) {
		return nil
	}
	l := heap.Pop(t).(*lane)
	l.nextDue = time.Time{}
	return l
}

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].nextDue.Before(t[j].nextDue) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].timer, t[j].timer = i, j
}

func (t *timers) Push(x any) {
	l := x.(*lane)
	l.timer = len(*t)
	*t = append(*t, l)
}

func (t *timers) Pop() any {
	last := len(*t) - 1
	l := (*t)[last]
	(*t)[last] = nil
	*t = (*t)[:last]
	l.timer = -1
	return l
}
