package admin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// replayMissing asks for the deliveries of events that an endpoint never got.
const replayMissing = "missing"

// replayTime is enough for some million deliveries.
const replayTime = 10 * time.Minute

var replayStatuses = []string{webhook.Failed.String(), webhook.Succeeded.String(), replayMissing}

// replay makes every delivery that matches once more, or counts them.
func (a *API) replay(c *call) (web.Answer, error) {
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	r := readReplay(b)
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	if r.EndpointID != 0 {
		if _, err := a.store.Endpoint(c.Context(), c.tenant, r.EndpointID); errors.Is(err, webhook.ErrNotFound) {
			return web.Answer{}, webhook.FieldErrors{"endpoint": {"is not an endpoint of this tenant"}}
		} else if err != nil {
			return web.Answer{}, err
		}
	}
	c.Extend(replayTime)
	count, err := a.store.Replay(c.Context(), c.tenant, r)
	if count > 0 && !r.DryRun {
		a.wakeAll(context.WithoutCancel(c.Context()), c.tenant, r.EndpointID) // what was done stands, also if it was cut short
	}
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(struct {
		Count int `json:"count"`
	}{count})
}

// ReplayPart makes one step of a replay: see [Store].
func (a *API) ReplayPart(ctx context.Context, tenant uint32, r webhook.Replay, cursor string) (count int, next string, err error) {
	count, next, err = a.store.ReplayPart(ctx, tenant, r, cursor)
	if count > 0 && !r.DryRun {
		a.wakeAll(context.WithoutCancel(ctx), tenant, r.EndpointID)
	}
	return count, next, err
}

func readReplay(b *web.Body) (r webhook.Replay) {
	status := ""
	if s := web.Member[string](b, "status"); s != nil {
		status = *s
	}
	if !slices.Contains(replayStatuses, status) {
		b.Check(webhook.FieldErrors{"status": {"must be one of " + strings.Join(replayStatuses, ", ")}})
	}
	r.Missing = status == replayMissing
	r.Status, _ = webhook.ParseStatus(status)
	if name, _ := web.NullableMember[string](b, "event"); name != nil {
		if r.EventType = *name; !webhook.IsEventType(*name) {
			b.Fault("event", "is not an event type")
		}
	}
	if id, _ := web.NullableMember[uint32](b, "endpoint"); id != nil {
		if r.EndpointID = *id; *id == 0 {
			b.Fault("endpoint", "is not an endpoint of this tenant")
		}
	}
	r.Since, r.Until = readTime(b, "since"), readTime(b, "until")
	faults := webhook.FieldErrors{}
	web.CheckRange(faults, r.Range)
	b.Check(faults)
	if dry := web.Member[bool](b, "dry_run"); dry != nil {
		r.DryRun = *dry
	}
	return r
}

// readTime reads a time as a query has it; Unix seconds can be a number too.
func readTime(b *web.Body, name string) (t time.Time) {
	raw, _ := web.NullableMember[json.RawMessage](b, name)
	if raw == nil {
		return t
	}
	text := string(*raw)
	_ = json.Unmarshal(*raw, &text) // a number stays as it is written
	t, ok := web.ParseTime(text)
	if !ok {
		b.Fault(name, web.TimeForms)
	}
	return t
}

// wakeAll wakes one endpoint, or (0) all of a tenant.
func (a *API) wakeAll(ctx context.Context, tenant, endpoint uint32) {
	if endpoint != 0 {
		a.wake(endpoint)
		return
	}
	err := a.eachEndpoint(ctx, tenant, func(e *webhook.Endpoint) { a.wake(e.ID) })
	if err != nil {
		// They are due on disk: the queue finds them when it looks there next.
		a.log.Warn("endpoints not woken", "tenant", tenant, "error", err)
	}
}

// eachEndpoint calls do with every endpoint of a tenant.
func (a *API) eachEndpoint(ctx context.Context, tenant uint32, do func(*webhook.Endpoint)) error {
	return each(func(p webhook.Page) (webhook.List[webhook.Endpoint], error) { return a.store.Endpoints(ctx, tenant, p) }, do)
}

// each calls do with every item of a list that comes in pages.
func each[T any](list func(webhook.Page) (webhook.List[T], error), do func(*T)) error {
	p := webhook.Page{Limit: webhook.MaxPage}
	for {
		l, err := list(p)
		if err != nil {
			return err
		}
		for i := range l.Items {
			do(&l.Items[i])
		}
		if l.Next == "" {
			return nil
		}
		p.Cursor = l.Next
	}
}
