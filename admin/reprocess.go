package admin

import (
	"context"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// reprocessTime is enough for some million audit records.
const reprocessTime = time.Hour

// reprocess derives once more what POSTs mean, and does or counts what is new in that.
func (a *API) reprocess(c *call) (web.Answer, error) {
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	r := readReprocess(b)
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	c.Extend(reprocessTime)
	done, err := a.Reprocess(c.Context(), r)
	if err != nil {
		return web.Answer{}, err
	}
	a.log.Info("audit log reprocessed", "key", c.who.Name, "examined", done.Examined, "changed", done.Changed, "events", done.Events, "undecided", done.Undecided, "dry_run", r.DryRun)
	return web.Accepted(struct {
		Examined  int `json:"examined"`
		Changed   int `json:"changed"`
		Events    int `json:"events"`
		Undecided int `json:"undecided"`
	}(done))
}

// Reprocess derives once more what POSTs mean, and does or counts what is new in that.
func (a *API) Reprocess(ctx context.Context, r webhook.Reprocess) (webhook.Reprocessed, error) {
	return a.store.Reprocess(ctx, r, a.parse)
}

func readReprocess(b *web.Body) (r webhook.Reprocess) {
	r.Since, r.Until = readTime(b, "since"), readTime(b, "until")
	faults := webhook.FieldErrors{}
	web.CheckRange(faults, r.Range)
	id := web.Member[webhook.ID](b, "id")
	switch {
	case id != nil:
		if r.ID = *id; !r.Since.IsZero() || !r.Until.IsZero() {
			faults.Add("id", "stands alone: one record has no since and until")
		}
	case r.Since.IsZero():
		faults.Add("since", "is required, or the id of one record")
	}
	b.Check(faults)
	if dry := web.Member[bool](b, "dry_run"); dry != nil {
		r.DryRun = *dry
	}
	return r
}
