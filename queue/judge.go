package queue

import (
	"context"
	"fmt"
	"time"

	"cubeconnect/webhook"
)

// outage is the time for which an endpoint has only failed. It is measured as it passes: a clock that is set
// ahead must not disable an endpoint that has just begun to fail.
type outage struct {
	since  time.Time     // the first failure, as the store has it
	before time.Duration // what had passed by the wall clock when this process heard of it
	heard  time.Time
}

// outageOf returns for how long an endpoint has only failed, since being what the store says after an
// attempt: zero if that succeeded.
func (q *Queue) outageOf(endpoint uint32, since time.Time) time.Duration {
	if since.IsZero() {
		delete(q.outages, endpoint)
		return 0
	}
	o, ok := q.outages[endpoint]
	if !ok || !o.since.Equal(since) {
		o = outage{since, max(0, q.clock.wall().Sub(since)), time.Now()}
		q.outages[endpoint] = o
	}
	return o.before + time.Since(o.heard)
}

// judge disables an endpoint that wants no more, or has only failed for too long.
func (q *Queue) judge(ctx context.Context, c *webhook.Claim, o *webhook.Outcome, f webhook.Finished) {
	failed, limit := q.outageOf(c.Endpoint.ID, f.FailingSince), q.config.Load().DisableAfter
	var reason string
	switch {
	case o.Verdict == webhook.Gone:
		reason = "the endpoint answered 410 Gone"
	case limit > 0 && failed >= limit:
		reason = fmt.Sprintf("every attempt has failed since %s", f.FailingSince.UTC().Format(time.RFC3339))
	default:
		return
	}
	changed, err := q.store.DisableEndpoint(ctx, c.Endpoint.ID, reason)
	switch {
	case err != nil:
		q.log.Error("disabling an endpoint failed; its next attempt tries again", "endpoint", c.Endpoint.ID, "error", err)
	case changed:
		q.tellDisabled(ctx, c.Endpoint, reason, f.FailingSince)
	}
}

func (q *Queue) tellDisabled(ctx context.Context, ep *webhook.Endpoint, reason string, since time.Time) {
	var waiting uint64
	if stats, err := q.store.EndpointStats(ctx); err != nil {
		q.log.Error("reading the endpoints' figures failed", "error", err)
	} else {
		waiting = stats[ep.ID].Pending + stats[ep.ID].Retrying
	}
	q.log.Warn("endpoint disabled; when it is repaired, enable it again: what waits is then delivered, and a replay of what is missing makes up for the time between",
		"tenant", ep.TenantID, "endpoint", ep.ID, "reason", reason, "failing_since", since, "waiting", waiting)
}
