package queue

import (
	"context"
	"errors"
	"time"

	"cubeconnect/webhook"
)

const (
	// maxSettle bounds the outcomes that are stored together.
	maxSettle = 256
	// hurryAfter is how many outcomes are worth a commit of their own.
	hurryAfter = 32
	// settleRetry is the wait between tries to store outcomes.
	settleRetry = time.Second
)

// settle brings the outcomes of attempts to disk, those that come in while it stores together, until
// there will be no more.
func (q *Queue) settle(ctx context.Context) {
	for first := range q.sent {
		list := append(make([]attempt, 0, 16), first)
		for range min(len(q.sent), maxSettle-1) {
			list = append(list, <-q.sent)
		}
		q.settleAll(ctx, list)
	}
}

func (q *Queue) settleAll(ctx context.Context, list []attempt) {
	settlements := make([]webhook.Settlement, len(list))
	for i := range list {
		a := &list[i]
		settlements[i] = webhook.Settlement{ID: a.claim.ID, TenantID: a.claim.Endpoint.TenantID, Outcome: a.outcome, Next: q.next(&a.job, &a.claim, &a.outcome)}
	}
	finished, err := q.persist(ctx, settlements)
	for i := range list {
		a := &list[i]
		r := result{kind: settled, job: a.job, err: err}
		if err == nil {
			r.finished = finished[i]
			q.report(&a.claim, &a.outcome, r.finished)
			q.judge(ctx, &a.claim, &a.outcome, r.finished)
		}
		q.done <- r
	}
}

// persist stores outcomes. While the disk takes nothing it keeps at it: to let go of the deliveries would
// repeat attempts that were made, again and again.
func (q *Queue) persist(ctx context.Context, list []webhook.Settlement) ([]webhook.Finished, error) {
	for {
		finished, err := q.store.Settle(context.WithoutCancel(ctx), list, len(list) >= hurryAfter)
		if err == nil || errors.Is(err, webhook.ErrClosed) {
			return finished, err
		}
		q.log.Error("storing outcomes of deliveries failed; trying again", "attempts", len(list), "error", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(settleRetry):
		}
	}
}

// next returns when a failed delivery is tried again; zero: never.
func (q *Queue) next(j *job, c *webhook.Claim, o *webhook.Outcome) time.Time {
	if o.Verdict == webhook.Delivered || o.Verdict == webhook.Refused {
		return time.Time{}
	}
	wait, ok := q.schedule(c.Endpoint).Next(c.Round, o.RetryAfter)
	if !ok && o.Verdict != webhook.Gone { // which disables the endpoint: what is left waits for better times
		return time.Time{}
	}
	return q.clock.now().Add(j.ahead + wait)
}

func (q *Queue) report(c *webhook.Claim, o *webhook.Outcome, f webhook.Finished) {
	outcome := "success"
	if o.Verdict != webhook.Delivered {
		outcome = string(o.Attempt.Error)
	}
	q.metrics.Attempts.WithLabelValues(outcome).Inc()
	q.metrics.AttemptDuration.Observe(o.Attempt.Duration.Seconds())
	switch f.Status {
	case webhook.Succeeded:
		q.metrics.Deliveries.WithLabelValues(c.Type, f.Status.String()).Inc()
		if c.Number == c.Round { // a replay's age says nothing of the relay's speed
			at := o.Attempt.StartedAt.Add(o.Attempt.Duration)
			q.metrics.EndToEnd.Observe(max(0, at.Sub(c.EventID.Time()).Seconds()))
		}
	case webhook.Failed:
		q.metrics.Deliveries.WithLabelValues(c.Type, f.Status.String()).Inc()
		q.log.Warn("delivery failed for good; it is kept as a dead letter", "delivery", c.ID, "tenant", c.Endpoint.TenantID, "endpoint", c.Endpoint.ID,
			"event", c.Type, "attempts", c.Number, "reason", o.Attempt.Error, "status", o.Attempt.StatusCode)
	case webhook.Retrying:
		q.log.Debug("attempt failed", "delivery", c.ID, "endpoint", c.Endpoint.ID, "attempt", c.Number, "reason", o.Attempt.Error, "status", o.Attempt.StatusCode, "next", f.Due)
	}
}
