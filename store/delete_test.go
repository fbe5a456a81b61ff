package store_test

import (
	"errors"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// scatter leaves deliveries in every state there is: fresh, retrying, parked, waiting behind an attempt,
// replayed, ended. It returns those that have not ended.
func (o owner) scatter(ep uint32) (waiting []webhook.ID) {
	o.t.Helper()
	ids := o.acceptMany(600, "a", "b", "c", "", "")
	of := func(customer int, from, to int) (list []webhook.ID) {
		for i := customer; i < len(ids); i += 5 {
			list = append(list, ids[i].WithOwner(ep))
		}
		return list[from:to]
	}
	o.finish(of(0, 0, 1)[0], failed(), begun.Add(time.Hour))
	o.ok(o.Park(ctx(), o.tenant, webhook.ID{}, of(0, 1, 120)))
	o.ok(o.Park(ctx(), o.tenant, of(1, 0, 1)[0], of(1, 1, 120)))
	for _, id := range of(2, 0, 20) {
		o.kill(id)
	}
	for _, id := range of(3, 0, 20) {
		o.succeed(id)
	}
	o.ok(o.Retry(ctx(), o.tenant, of(2, 3, 4)[0]))
	o.ok(o.Retry(ctx(), o.tenant, of(3, 3, 4)[0]))
	for _, id := range ids {
		if !o.delivery(id.WithOwner(ep)).Status.Ended() {
			waiting = append(waiting, id.WithOwner(ep))
		}
	}
	return waiting
}

// A deleted endpoint gets nothing any more, whatever was under way; what has ended stays to be seen.
func TestDeleteEndpoint(t *testing.T) {
	t.Parallel()
	d := openStore(t)
	o := d.newTenant()
	ep, other := o.endpoint(), o.endpoint()
	waiting := o.scatter(ep)
	equal(t, len(waiting), 562)
	d.ok(d.DeleteEndpoint(ctx(), o.tenant, ep))

	never := func(when string) {
		t.Helper()
		ready, behind := o.due(ep)
		if when != "at once" && len(ready)+len(behind) > 0 {
			t.Errorf("%s: %d are due", when, len(ready)+len(behind))
		}
		for _, id := range []webhook.ID{waiting[0], waiting[len(waiting)-1]} {
			if _, err := d.Claim(id); !errors.Is(err, webhook.ErrNotFound) {
				t.Errorf("%s: a claim: %v", when, err)
			}
			equal(t, o.finish(id, failed(), begun), webhook.Finished{}) // an attempt that was under way
		}
		d.ok(d.Park(ctx(), o.tenant, waiting[0], waiting[1:]))
		equal(t, d.LookupEndpoint(ep) == nil, true)
		equal(t, o.stats(ep), webhook.EndpointStats{})
		changed, err := d.DisableEndpoint(ctx(), ep, "late")
		d.ok(err)
		equal(t, changed, false)
		equal(t, o.replay(webhook.Replay{Status: webhook.Failed}), 0)
		equal(t, o.replay(webhook.Replay{Status: webhook.Succeeded}), 0)
	}
	never("at once")
	// Cut short in the middle: a step at a time, with a restart between.
	d.reopen()
	never("at once")
	d.ok(d.RetainAll(ctx()))
	never("after retention")
	d.reopen()
	equal(t, d.counts.Waiting, 600) // those of the other endpoint
	never("after a restart")
	equal(t, len(o.deliveries(webhook.DeliveryFilter{EndpointID: ep})), 38)
	equal(t, len(o.deliveries(webhook.DeliveryFilter{EndpointID: ep, Status: webhook.Failed})), 19)
	equal(t, o.stats(other).Pending, 600)
	equal(t, len(o.events()), 600)
	third := o.endpoint()
	equal(t, third > other, true)
	d.clock.advance(31 * 24 * time.Hour)
	d.ok(d.RetainAll(ctx()))
	equal(t, len(o.deliveries(webhook.DeliveryFilter{EndpointID: ep})), 0)
}

// All that a deleted tenant had is out of reach at once, and then off the disk.
func TestDeleteTenant(t *testing.T) {
	t.Parallel()
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	ep := o.endpoint()
	for range 14 {
		o.endpoint(func(e *webhook.Endpoint) { e.Events = []string{webhook.CampaignCreated} })
	}
	o.publish(webhook.CampaignCreated, "x")
	waiting := o.scatter(ep)
	o.accept(o.template("hello", "en", "APPROVED", begun))
	kept := other.endpoint()
	other.acceptMany(3, "a")
	other.accept(other.template("hello", "en", "APPROVED", begun))

	d.ok(d.DeleteTenant(ctx(), o.tenant))
	for range 2 {
		for name, err := range map[string]error{
			"endpoint": func() error { _, err := d.Endpoint(ctx(), o.tenant, ep); return err }(),
			"account":  func() error { _, err := d.Account(ctx(), o.tenant, o.account); return err }(),
			"delivery": func() error { _, _, err := d.Delivery(ctx(), o.tenant, waiting[0]); return err }(),
			"claim":    func() error { _, err := d.Claim(waiting[0]); return err }(),
			"deliveries": func() error {
				_, err := d.Deliveries(ctx(), o.tenant, webhook.DeliveryFilter{}, webhook.Page{})
				return err
			}(),
			"retry": d.Retry(ctx(), o.tenant, waiting[0]),
		} {
			if !errors.Is(err, webhook.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		equal(t, o.accept(o.message("late", "c")), webhook.Ignored)
		equal(t, len(d.templates(webhook.TemplateFilter{}, 0)), 1)
		equal(t, d.EndpointIDs(), []uint32{kept})
		equal(t, o.finish(waiting[0], delivered(), time.Time{}), webhook.Finished{})
		d.reopen()
	}
	d.ok(d.RetainAll(ctx()))
	d.reopen()
	equal(t, d.counts, "{1 1 6 4 4 4 0 603 1}")
	equal(t, other.stats(kept).Pending, 4)
}
