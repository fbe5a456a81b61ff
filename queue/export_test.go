package queue

import "fmt"

// Leftovers says what a queue holds that nothing waits in. Run must have returned.
func (q *Queue) Leftovers() (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for id, l := range q.lanes {
		if n := len(l.window) + len(l.loaded) + len(l.talking) + len(l.parking) + l.busy + l.open; n > 0 {
			say("lane %d holds %+v", id, *l)
		}
	}
	if n := q.attempts() + q.unsettled + q.parking + q.windowBytes + len(q.timers) + len(q.outages); n > 0 {
		say("under way %v, unsettled %d, parking %d, bytes %d, timers %d, outages %d", q.busy, q.unsettled, q.parking, q.windowBytes, len(q.timers), len(q.outages))
	}
	for r := range q.rings {
		if q.rings[r].first != nil {
			say("a lane waits for its turn in ring %d", r)
		}
	}
	return list
}
