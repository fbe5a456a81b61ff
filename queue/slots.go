package queue

import (
	"context"
	"time"

	"cubeconnect/webhook"
)

// Nobody can take a slot back from an endpoint that hangs: it is gone for the whole timeout. So slots go by
// what an endpoint has proved: how many attempts it had under way when it last answered quickly, whatever
// the answer. The attempts beyond that are made on trust, and together have half of the slots.

// quickAnswer is how long an answer may take to prove anything.
const quickAnswer = 2 * time.Second

// rank is the place of a lane when slots are given out. Those of the first rank come first.
type rank uint8

const (
	ready   rank = iota // nothing under way, and its last answer was quick
	proved              // fewer under way than it has proved
	unknown             // nothing under way, and no proof
	beyond              // as many under way as it has proved, or more
	failing             // is only probed
	ranks
)

func (l *lane) rank() rank {
	switch {
	case l.isFailing():
		return failing
	case l.busy == 0 && l.proof > 0:
		return ready
	case l.busy == 0:
		return unknown
	case l.busy < l.proof:
		return proved
	default:
		return beyond
	}
}

// hasRoom reports whether a lane of this rank may have a slot, if one is free.
func (q *Queue) hasRoom(r rank, l *lane) bool {
	slots := q.config.Load().Concurrency
	onTrust := q.busy[unknown] + q.busy[beyond] + q.busy[failing]
	alone := l.busy == q.attempts()
	switch r {
	case proved:
		return alone || q.attempts() < slots-slots/4 // the rest is for those with nothing under way
	case unknown:
		return onTrust < max(1, slots/2)
	case beyond:
		return alone || onTrust < slots/4
	case failing:
		return onTrust < slots/2 || q.busy[failing] < max(1, slots/16)
	default:
		return true
	}
}

// attempts returns how many are under way.
func (q *Queue) attempts() (n int) {
	for _, busy := range q.busy {
		n += busy
	}
	return n
}

// start begins attempts while there are slots and lanes that can use them.
func (q *Queue) start(ctx context.Context) {
	for l := q.nextLane(); l != nil; l = q.nextLane() {
		if q.startOne(ctx, l) {
			q.enqueue(l)
		}
	}
}

// nextLane takes the lane whose turn it is from its ring; nil: there is none, or no slot for it.
func (q *Queue) nextLane() *lane {
	if q.attempts() >= q.config.Load().Concurrency {
		return nil
	}
	for r := range ranks {
		if l := q.rings[r].first; l != nil && q.hasRoom(r, l) {
			q.rings[r].remove(l)
			return l
		}
	}
	return nil
}

// enqueue gives a lane its turn, behind the others of its rank.
func (q *Queue) enqueue(l *lane) {
	to := &q.rings[l.rank()]
	if l.ring == to {
		return
	}
	if l.ring != nil {
		l.ring.remove(l)
	}
	to.push(l)
}

// answered takes note of what an answer says of the endpoint. The attempt is still among those under way.
func (q *Queue) answered(r *result) {
	l := r.job.lane
	switch {
	case r.took > quickAnswer:
		l.proof = 0
	case len(l.window) > 0 || l.stale:
		l.proof = max(l.proof, l.busy+1) // it has use for more, and grows as it answers
	default:
		l.proof = l.busy
	}
	if r.verdict == webhook.Delivered {
		l.failures = 0
		return
	}
	l.failures++
	l.probe = q.clock.now().Add(q.probeWait(l, r.job.ep))
}
