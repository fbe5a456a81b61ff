package store_test

import (
	"testing"
	"time"

	"cubeconnect/metrics"
	"cubeconnect/webhook"
)

// A disabled endpoint gets no new deliveries and keeps those it has; enabled again it begins with a clean
// slate.
func TestDisableEndpoint(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	first := o.publish(webhook.CampaignCreated, "")
	o.finish(first.WithOwner(ep), failed(), begun.Add(time.Second))
	for _, want := range []bool{true, false} {
		changed, err := o.DisableEndpoint(ctx(), ep, "it only fails")
		o.ok(err)
		equal(t, changed, want)
	}
	o.reopen()
	told := o.trail(webhook.TrailFilter{Actor: webhook.ByItself})
	equal(t, len(told), 1)
	equal(t, []any{told[0].Action, told[0].ObjectID, told[0].Details}, []any{webhook.EndpointUpdated, ep, []string{"enabled"}})
	e, err := o.Endpoint(ctx(), o.tenant, ep)
	o.ok(err)
	equal(t, []any{e.Enabled, e.DisabledReason}, []any{false, "it only fails"})
	equal(t, o.stats(ep).FailingSince, begun)
	second := o.publish(webhook.CampaignCreated, "")
	equal(t, o.stats(ep).Pending, 0)
	equal(t, o.delivery(first.WithOwner(ep)).Status, webhook.Retrying)

	_, err = o.UpdateEndpoint(ctx(), o.tenant, ep, func(e *webhook.Endpoint) error { e.Enabled, e.DisabledReason = true, ""; return nil })
	o.ok(err)
	equal(t, o.stats(ep).FailingSince.IsZero(), true)
	equal(t, o.replay(webhook.Replay{Missing: true}), 1)
	equal(t, o.delivery(second.WithOwner(ep)).Status, webhook.Pending)
	changed, err := o.DisableEndpoint(ctx(), 99, "")
	o.ok(err)
	equal(t, changed, false)
}

// What a scrape shows.
func TestSnapshot(t *testing.T) {
	o := openStore(t).newTenant()
	good, bad := o.endpoint(), o.endpoint(func(e *webhook.Endpoint) { e.Events = []string{webhook.CampaignCreated} })
	equal(t, o.Snapshot().OldestAgeSeconds, 0)
	first := o.publish(webhook.CampaignCreated, "")
	o.clock.advance(time.Minute)
	o.publish(webhook.CampaignCreated, "")
	dead := o.publish(webhook.CampaignCreated, "")
	o.succeed(first.WithOwner(good))
	o.kill(dead.WithOwner(bad))
	o.finish(first.WithOwner(bad), failed(), begun.Add(time.Hour))
	o.clock.advance(time.Minute)
	snap := o.Snapshot()
	equal(t, []any{snap.Pending, snap.Retrying, snap.DeadLetters, snap.OldestAgeSeconds}, []any{3, 1, 1, 120})
	for tenant, want := range map[uint32]time.Time{0: begun, o.tenant: begun, o.tenant + 1: {}} {
		oldest, err := o.Oldest(ctx(), tenant)
		o.ok(err)
		equal(t, oldest, want)
	}
	up := map[uint32]bool{}
	for _, e := range snap.Endpoints {
		equal(t, e.Tenant, o.tenant)
		up[e.Endpoint] = e.Up
	}
	equal(t, up, map[uint32]bool{good: true, bad: false})
	if snap.SizeBytes < 16<<10 || snap.FreeBytes < 0 || snap.FreeBytes > snap.SizeBytes {
		t.Errorf("%d bytes, %d of them free", snap.SizeBytes, snap.FreeBytes)
	}
	o.ok(o.DeleteEndpoint(ctx(), o.tenant, bad))
	after := o.Snapshot()
	equal(t, []any{after.Pending, after.Retrying, after.DeadLetters, after.OldestAgeSeconds}, []any{2, 0, 0, 60})
	equal(t, after.Endpoints, []metrics.EndpointState{{Tenant: o.tenant, Endpoint: good, Up: true}})
}
