package store_test

import (
	"errors"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

func (d *db) activity(s webhook.Subject, res webhook.Resolution) []webhook.Activity {
	d.t.Helper()
	if err := d.RecordNow(ctx()); !errors.Is(err, webhook.ErrFull) {
		d.ok(err)
	}
	list, err := d.Activity(ctx(), s, res, begun.Add(-time.Hour), begun.Add(200*day))
	d.ok(err)
	return list
}

func TestActivity(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	item := o.message("m1", "c")
	equal(t, o.accept(item), webhook.Accepted)
	equal(t, o.accept(item), webhook.Duplicate)
	o.CountUnsigned()
	o.CountHandshake()
	first := o.events()[0].ID.WithOwner(ep)
	out := failed()
	out.Attempt.Duration = 400 * time.Millisecond
	o.finish(first, out, o.clock.now().Add(time.Second))
	o.clock.advance(time.Minute)
	o.succeed(first)
	o.accept() // nothing in it

	minutes := o.activity(webhook.OfEndpoint(ep), webhook.ByMinute)
	equal(t, len(minutes), 2)
	equal(t, minutes[0].At, begun)
	equal(t, minutes[0].Failed, 1)
	equal(t, minutes[0].Durations.Quantile(0.95) > 250*time.Millisecond, true)
	equal(t, minutes[1].Succeeded, 1)
	equal(t, minutes[1].Last, begun.Add(time.Minute))
	hours := o.activity(webhook.OfEndpoint(ep), webhook.ByHour)
	equal(t, len(hours), 1)
	equal(t, hours[0].At, begun.Truncate(time.Hour))
	equal(t, hours[0].Succeeded+hours[0].Failed, 2)

	for _, of := range []webhook.Subject{webhook.DeliveriesOf(o.tenant), webhook.DeliveriesOf(0)} {
		equal(t, o.activity(of, webhook.ByMinute), minutes)
	}
	equal(t, len(o.activity(webhook.DeliveriesOf(o.tenant+1), webhook.ByMinute)), 0)

	all := o.activity(webhook.Everybody, webhook.ByHour)[0]
	equal(t, []uint64{all.Accepted, all.Duplicate, all.Ignored, all.Unsigned, all.Handshakes, all.Inbound()}, []uint64{1, 1, 1, 1, 1, 3})
	theirs := o.activity(webhook.OfTenant(o.tenant), webhook.ByHour)[0]
	equal(t, []uint64{theirs.Accepted, theirs.Duplicate, theirs.Unsigned}, []uint64{1, 1, 0})

	// It is there after a restart, goes on, and expires.
	o.ok(o.RecordNow(ctx()))
	o.reopen()
	o.clock.advance(time.Second)
	o.CountUnsigned()
	equal(t, o.activity(webhook.Everybody, webhook.ByHour)[0].Unsigned, 2)
	o.clock.advance(webhook.KeepMinutes + time.Hour)
	o.ok(o.RetainAll(ctx()))
	equal(t, len(o.activity(webhook.OfEndpoint(ep), webhook.ByMinute)), 0)
	equal(t, len(o.activity(webhook.OfEndpoint(ep), webhook.ByHour)), 1)
	o.clock.advance(webhook.KeepHours)
	o.ok(o.RetainAll(ctx()))
	equal(t, len(o.activity(webhook.OfEndpoint(ep), webhook.ByHour)), 0)
}

// What a batch that is rolled back counted doesn't count.
func TestActivityOfARefusal(t *testing.T) {
	t.Parallel()
	o := openStore(t, func(so *store.Options) { so.MaxSize = 17 << 20 }).newTenant()
	stored := o.fill()
	inbound := uint64(0)
	for _, a := range o.activity(webhook.OfTenant(o.tenant), webhook.ByHour) {
		inbound += a.Inbound()
	}
	equal(t, inbound, len(stored))
}

// What a monitor shows has changed when something happened, and not because somebody looked.
func TestChanges(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	before := o.Changes()
	for name, change := range map[string]func(){
		"a webhook":   func() { o.accept(o.message("m1", "c")) },
		"a refusal":   o.CountUnsigned,
		"a handshake": o.CountHandshake,
		"an event":    func() { o.publish(webhook.CampaignCreated, "") },
		"an outcome":  func() { o.finish(o.publish(webhook.CampaignStarted, "").WithOwner(ep), failed(), time.Time{}) },
		"an endpoint": func() { o.endpoint() },
		"a tenant":    func() { o.newTenant() },
	} {
		change()
		if now := o.Changes(); now == before {
			t.Errorf("%s changes nothing", name)
		} else {
			before = now
		}
	}
	o.ok(o.RecordNow(ctx()))
	o.ok(o.UpdateLogin(ctx(), func(l *webhook.Login) error { l.Begin([32]byte{1}, o.clock.now()); return nil }))
	equal(t, o.Changes(), before)
}
