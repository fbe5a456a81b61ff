package queue

import (
	"context"
	"errors"
	"time"

	"cubeconnect/webhook"
)

// job is an attempt to be made.
type job struct {
	ctx   context.Context // ends when the attempt must be handed back
	lane  *lane
	due   webhook.Due
	ep    *webhook.Endpoint
	rank  rank          // the lane's when the attempt began
	ahead time.Duration // likewise
}

// attempt is one that was made.
type attempt struct {
	job
	claim   webhook.Claim
	outcome webhook.Outcome
}

// begin starts the attempt of a delivery. Workers are kept: a goroutine for each attempt would grow its
// stack anew each time.
func (q *Queue) begin(ctx context.Context, l *lane, ep *webhook.Endpoint, d webhook.Due) {
	j := job{ctx, l, d, ep, l.rank(), l.ahead}
	q.busy[j.rank]++
	l.busy++
	l.open++
	q.unsettled++
	if d.Conversation != 0 {
		l.talking[d.Conversation] = d.ID
	}
	select {
	case q.jobs <- j:
	default:
		q.workers.Go(func() { q.work(j) })
	}
}

// work makes one attempt, and then those that come.
func (q *Queue) work(j job) {
	for ok := true; ok; j, ok = <-q.jobs {
		q.attempt(j)
	}
}

// attempt makes an attempt. Its slot is free when the endpoint has answered; that the outcome reaches the
// disk is settle's business.
func (q *Queue) attempt(j job) {
	claim, err := q.claim(j.ep, j.due)
	if err != nil {
		if errors.Is(err, webhook.ErrNotFound) {
			err = nil // it has ended, or its endpoint is gone
		} else {
			q.log.Error("reading a delivery failed", "delivery", j.due.ID, "error", err)
		}
		q.done <- result{kind: unmade, job: j, err: err}
		return
	}
	begun := time.Now()
	outcome := q.sender.Send(j.ctx, &claim)
	if outcome.Verdict == 0 {
		// Handed back: it is due again at the next start.
		q.done <- result{kind: unmade, job: j, err: context.Canceled}
		return
	}
	q.done <- result{kind: answered, job: j, verdict: outcome.Verdict, took: time.Since(begun)}
	q.sent <- attempt{j, claim, outcome}
}

func (q *Queue) claim(ep *webhook.Endpoint, d webhook.Due) (webhook.Claim, error) {
	if stale := q.stale.Load(); d.Event == nil || stale != nil && !stale.Before(d.ID) {
		return q.store.Claim(d.ID)
	}
	return webhook.Claim{
		ID: d.ID, EventID: d.Event.ID, Type: d.Event.Type, Number: 1, Round: 1, Endpoint: ep, Body: d.Event.Body(d.Raw),
	}, nil
}
