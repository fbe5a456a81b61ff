package queue

import (
	"time"

	"cubeconnect/webhook"
)

// result is what a goroutine of the queue brings back to Run.
type result struct {
	kind resultKind
	job  job // of an attempt
	err  error

	verdict  webhook.Verdict  // answered
	took     time.Duration    // answered
	finished webhook.Finished // settled
	lane     *lane            // parked
	behind   []webhook.Due    // parked
}

type resultKind uint8

const (
	answered resultKind = iota // the endpoint has answered: the slot is free
	settled                    // the outcome is on disk
	unmade                     // no attempt was made
	parked                     // deliveries were parked
)

// finished takes note of a result.
func (q *Queue) finished(r result) {
	switch r.kind {
	case answered:
		q.answered(&r)
		q.free(&r)
		q.enqueue(r.job.lane)
	case settled:
		q.close(&r)
	case unmade:
		q.free(&r)
		q.close(&r)
	case parked:
		q.parked(&r)
	}
}

// free gives back an attempt's slot.
func (q *Queue) free(r *result) {
	l := r.job.lane
	l.busy--
	q.busy[r.job.rank]--
}

// close lets go of a delivery whose attempt is over.
func (q *Queue) close(r *result) {
	l := r.job.lane
	l.open--
	q.unsettled--
	delete(l.loaded, r.job.due.ID)
	delete(l.talking, r.job.due.Conversation)
	if l.woken { // the schedule was read while this one still counted as loaded: it may be due
		l.stale = true
		l.woken = l.open > 0
	}
	if r.err != nil {
		l.stale = true // it is still in the schedule
		q.timers.sooner(l, q.clock.now().Add(readRetry))
		return
	}
	if r.finished.Held {
		l.held = true
		q.dropWindow(l, func(d webhook.Due) bool { return d.Conversation == r.job.due.Conversation })
	}
	if !r.finished.Due.IsZero() {
		q.timers.sooner(l, r.finished.Due.Add(-l.ahead))
	}
	q.enqueue(l)
}

// parked takes note that deliveries are parked, or could not be. What came after them meanwhile goes back
// to the disk, which knows whether it must wait too.
func (q *Queue) parked(r *result) {
	l := r.lane
	q.parking--
	waiting := map[webhook.Conversation]bool{}
	for _, d := range r.behind {
		waiting[d.Conversation] = true
		delete(l.loaded, d.ID)
		if l.parking[d.Conversation]--; l.parking[d.Conversation] == 0 {
			delete(l.parking, d.Conversation)
		}
	}
	q.dropWindow(l, func(d webhook.Due) bool { return waiting[d.Conversation] })
	l.held, l.stale = true, true
	if r.err != nil {
		q.log.Error("parking deliveries failed; they are read again", "endpoint", l.endpoint, "error", r.err)
		q.timers.sooner(l, q.clock.now().Add(readRetry))
		return
	}
	q.enqueue(l)
}
