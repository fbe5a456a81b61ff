package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cubeconnect/webhook"
)

// result is what a goroutine of the queue brings back to Run.
type result struct {
	lane   *lane
	parked []webhook.Due // these were parked; nil: an attempt ended
	err    error

	due      webhook.Due
	failing  bool // the lane was failing when the attempt began
	verdict  webhook.Verdict
	finished webhook.Finished
}

// begin starts the attempt of a delivery.
func (q *Queue) begin(ctx context.Context, l *lane, ep *webhook.Endpoint, d webhook.Due) {
	l.busy++
	q.busy++
	if d.Conversation != 0 {
		l.talking[d.Conversation] = d.ID
	}
	r := result{lane: l, due: d, failing: l.isFailing()}
	if r.failing {
		q.failingBusy++
	}
	go func() {
		q.attempt(ctx, ep, &r)
		q.done <- r
	}()
}

// attempt makes the attempt and brings its outcome to disk.
func (q *Queue) attempt(ctx context.Context, ep *webhook.Endpoint, r *result) {
	claim, err := q.claim(ep, r.due)
	if err != nil {
		if !errors.Is(err, webhook.ErrNotFound) {
			q.log.Error("reading a delivery failed", "delivery", r.due.ID, "error", err)
			r.err = err
		}
		return
	}
	outcome := q.sender.Send(ctx, &claim)
	if outcome.Verdict == 0 {
		r.err = context.Canceled // handed back: it is due again at the next start
		return
	}
	r.verdict = outcome.Verdict
	next := q.next(&claim, &outcome)
	if r.finished, r.err = q.finish(ctx, &claim, outcome, next); r.err != nil {
		return
	}
	q.report(&claim, &outcome, r.finished)
	q.judge(ctx, &claim, &outcome, r.finished)
}

func (q *Queue) claim(ep *webhook.Endpoint, d webhook.Due) (webhook.Claim, error) {
	if d.Event == nil {
		return q.store.Claim(d.ID)
	}
	return webhook.Claim{
		ID: d.ID, EventID: d.Event.ID, Type: d.Event.Type, Number: 1, Round: 1, Endpoint: ep, Body: d.Event.Body(ep.IncludeRaw),
	}, nil
}

// next returns when a failed delivery is tried again; zero: never.
func (q *Queue) next(c *webhook.Claim, o *webhook.Outcome) time.Time {
	if o.Verdict == webhook.Delivered || o.Verdict == webhook.Refused {
		return time.Time{}
	}
	schedule := c.Endpoint.Retries
	if schedule == nil {
		schedule = q.config.Load().Retries
	}
	wait, ok := schedule.Next(c.Round, o.RetryAfter)
	if !ok {
		return time.Time{}
	}
	return q.now().Add(wait)
}

// finishRetry is the wait between tries to store an outcome.
const finishRetry = time.Second

// finish stores an outcome. While the disk takes nothing it keeps at it: to let go of the delivery would
// repeat an attempt that was made, again and again.
func (q *Queue) finish(ctx context.Context, c *webhook.Claim, o webhook.Outcome, next time.Time) (webhook.Finished, error) {
	for {
		f, err := q.store.Finish(context.WithoutCancel(ctx), c.ID, c.Endpoint.TenantID, o, next)
		if err == nil || errors.Is(err, webhook.ErrClosed) {
			return f, err
		}
		q.log.Error("storing a delivery's outcome failed; trying again", "delivery", c.ID, "error", err)
		select {
		case <-ctx.Done():
			return f, err
		case <-time.After(finishRetry):
		}
	}
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
			q.metrics.EndToEnd.Observe(max(0, q.now().Sub(c.EventID.Time()).Seconds()))
		}
	case webhook.Failed:
		q.metrics.Deliveries.WithLabelValues(c.Type, f.Status.String()).Inc()
		q.log.Warn("delivery failed for good; it is kept as a dead letter", "delivery", c.ID, "tenant", c.Endpoint.TenantID, "endpoint", c.Endpoint.ID,
			"event", c.Type, "attempts", c.Number, "reason", o.Attempt.Error, "status", o.Attempt.StatusCode)
	case webhook.Retrying:
		q.log.Debug("attempt failed", "delivery", c.ID, "endpoint", c.Endpoint.ID, "attempt", c.Number, "reason", o.Attempt.Error, "status", o.Attempt.StatusCode, "next", f.Due)
	}
}

// judge disables an endpoint that wants no more, or has only failed for too long.
func (q *Queue) judge(ctx context.Context, c *webhook.Claim, o *webhook.Outcome, f webhook.Finished) {
	var reason string
	limit := q.config.Load().DisableAfter
	switch {
	case o.Verdict == webhook.Gone:
		reason = "the endpoint answered 410 Gone"
	case limit > 0 && !f.FailingSince.IsZero() && q.now().Sub(f.FailingSince) >= limit:
		reason = fmt.Sprintf("every attempt has failed since %s", f.FailingSince.UTC().Format(time.RFC3339))
	default:
		return
	}
	changed, err := q.store.DisableEndpoint(ctx, c.Endpoint.ID, reason)
	switch {
	case err != nil:
		q.log.Error("disabling an endpoint failed; its next attempt tries again", "endpoint", c.Endpoint.ID, "error", err)
	case changed:
		q.log.Warn("endpoint disabled; its deliveries wait until it is enabled again", "tenant", c.Endpoint.TenantID, "endpoint", c.Endpoint.ID, "reason", reason)
	}
}

// finished takes note of a result.
func (q *Queue) finished(r result) {
	l := r.lane
	if r.parked != nil {
		q.parking--
		q.parked(l, r.parked)
		if r.err != nil {
			q.log.Error("parking deliveries failed; they are read again", "endpoint", l.endpoint, "error", r.err)
			q.timers.sooner(l, q.now().Add(readRetry))
			return
		}
		q.stir(l)
		return
	}
	l.busy--
	q.busy--
	if r.failing {
		q.failingBusy--
	}
	delete(l.loaded, r.due.ID)
	delete(l.talking, r.due.Conversation)
	if r.err != nil {
		l.stale = true // it is still in the schedule
		q.timers.sooner(l, q.now().Add(readRetry))
		return
	}
	switch {
	case r.verdict == webhook.Delivered:
		l.failures = 0
	case r.verdict != 0:
		l.failures++
	}
	if r.finished.Held {
		l.held = true
		q.dropWindow(l, func(d webhook.Due) bool { return d.Conversation == r.due.Conversation })
	}
	if !r.finished.Due.IsZero() {
		q.timers.sooner(l, r.finished.Due)
	}
	q.enqueue(l)
}
