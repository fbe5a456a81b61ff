package store_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

const day = 24 * time.Hour

// What waits survives, with its event; nothing else does.
func TestRetention(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	waiting := o.scatter(ep)
	o.acceptMany(300)
	o.settleAll(ep, o.lastAudit().EventIDs, delivered(), time.Time{})
	o.publish(webhook.CampaignCreated, "")
	last := o.events()[0].ID.WithOwner(ep)
	o.clock.advance(30*day - time.Millisecond)
	o.ok(o.RetainAll(ctx()))
	equal(t, len(o.events()), 901)
	equal(t, o.lastAudit().Outcome, webhook.Accepted)
	o.kill(last) // it has ended now, and stays for its time
	o.clock.advance(2 * time.Millisecond)
	before := o.stats(ep)
	o.ok(o.RetainAll(ctx()))

	left := map[webhook.ID]bool{last: true}
	for _, id := range waiting {
		left[id] = true
	}
	list := o.deliveries(webhook.DeliveryFilter{})
	equal(t, len(list), len(left))
	for _, d := range list {
		if !left[d.ID] {
			t.Fatalf("%s, which is %s, is still there", d.ID, d.Status)
		}
	}
	equal(t, len(o.events()), len(left))
	audits, err := o.Audits(ctx(), webhook.AuditFilter{}, webhook.Page{})
	o.ok(err)
	equal(t, len(audits.Items), 0)
	after := o.stats(ep)
	equal(t, []uint64{after.Pending, after.Retrying, after.Failed, after.Succeeded}, []uint64{before.Pending, before.Retrying, 1, before.Succeeded})

	// They can still be delivered, and then they go too: a whole period after their end.
	for range 1000 {
		ready, _ := o.due(ep)
		if len(ready) == 0 {
			break
		}
		o.settleAll(ep, ready[:1], delivered(), time.Time{})
	}
	equal(t, o.stats(ep).Pending+o.stats(ep).Retrying, 0)
	o.clock.advance(30*day - time.Millisecond)
	o.ok(o.RetainAll(ctx()))
	equal(t, len(o.events()), len(left)-1)
	o.clock.advance(2 * time.Millisecond)
	o.ok(o.RetainAll(ctx()))
	o.reopen()
	equal(t, o.counts, "{1 1 0 0 0 0 0 0 1}")
}

// Old deliveries that can't go must not hide the others from retention, however many they are.
func TestRetentionBehindAStandstill(t *testing.T) {
	t.Parallel()
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	ep, off := o.endpoint(), o.endpoint()
	old := o.acceptMany(2000)
	o.settleAll(ep, old, delivered(), time.Time{})
	_, err := d.DisableEndpoint(ctx(), off, "test")
	d.ok(err)
	rest := o.acceptMany(500)
	o.settleAll(ep, rest, delivered(), time.Time{})
	other.acceptMany(500)
	d.clock.advance(31 * day)
	d.ok(d.RetainAll(ctx()))
	equal(t, len(o.deliveries(webhook.DeliveryFilter{})), 2000)
	equal(t, len(o.events()), 2000)
	equal(t, len(other.events()), 0)
	d.reopen()
	equal(t, d.counts.Audits, 0)
	equal(t, d.counts.Waiting, 2000)
}

// A period that is changed counts from the next step on.
func TestSetRetention(t *testing.T) {
	o := openStore(t, func(so *store.Options) {
		so.Keep = store.Retention{Audit: 5 * day, Deliveries: 10 * day, Dedupe: 2 * day}
	}).newTenant()
	ep := o.endpoint()
	first := o.acceptMany(1)
	o.succeed(first[0].WithOwner(ep))
	count := func() []int {
		o.ok(o.RetainAll(ctx()))
		audits, err := o.Audits(ctx(), webhook.AuditFilter{}, webhook.Page{})
		o.ok(err)
		return []int{len(audits.Items), len(o.events())}
	}
	o.clock.advance(4 * day)
	equal(t, count(), []int{1, 1})
	o.clock.advance(2 * day)
	equal(t, count(), []int{0, 1})
	o.SetRetention(store.Retention{Deliveries: 5 * day})
	equal(t, count(), []int{0, 0})
}

// With steady traffic the file finds its size and keeps it: what is freed is used again.
func TestFileStopsGrowing(t *testing.T) {
	t.Parallel()
	o := openStore(t, func(so *store.Options) {
		so.Keep = store.Retention{Audit: 7 * day, Deliveries: 7 * day, Dedupe: 7 * day}
	}).newTenant()
	ep := o.endpoint()
	var sizes, used []int64
	for range 10 {
		for range 7 {
			ids := o.acceptMany(40, "a", "b", "c")
			o.settleAll(ep, ids[:35], delivered(), time.Time{})
			o.settleAll(ep, ids[35:], failed(), time.Time{})
			o.clock.advance(day)
			o.ok(o.RetainAll(ctx()))
		}
		size, free := o.Size()
		sizes, used = append(sizes, size), append(used, size-free)
	}
	// Not to the byte: a record of several pages needs them side by side.
	if used[9] > used[2]*11/10 || sizes[9] > sizes[2]*11/10 {
		t.Errorf("bytes by week: %d, in use: %d", sizes, used)
	}
}

// Retain goes in small steps, and can be cut short at any of them.
func TestRetain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openStore(t).newTenant()
		ep := o.endpoint()
		o.scatter(ep)
		o.ok(o.DeleteEndpoint(ctx(), o.tenant, ep))
		run := func(for_ time.Duration) {
			until, cancel := context.WithTimeout(ctx(), for_)
			defer cancel()
			o.Retain(until)
			o.reopen()
		}
		run(75 * time.Millisecond) // one step
		if o.counts.Waiting == 0 || o.counts.Waiting >= 562 {
			t.Errorf("after one step %d wait", o.counts.Waiting)
		}
		run(time.Second)
		equal(t, o.counts.Waiting, 0)
		equal(t, o.counts.Deliveries, 38)
		o.clock.advance(31 * day)
		run(time.Minute)
		equal(t, o.counts.Deliveries, 0)
	})
}

// What can only be found by looking at everything is looked at little by little while nothing has expired, and goes
// fast when much has.
func TestRetainMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openStore(t).newTenant()
		for range 10 {
			o.acceptMany(500, "a", "b")
		}
		run := func(for_ time.Duration) int {
			until, cancel := context.WithTimeout(ctx(), for_)
			defer cancel()
			o.Retain(until)
			o.reopen()
			return o.counts.Messages
		}
		equal(t, run(time.Minute), 5000)
		o.clock.advance(29 * day)
		o.acceptMany(500, "b")
		equal(t, run(time.Minute), 5500)
		o.clock.advance(2 * day)
		if left := run(300 * time.Millisecond); left <= 500 || left == 5500 {
			t.Errorf("soon after, %d messages are left", left)
		}
		equal(t, run(5*time.Second), 500)
		o.clock.advance(30 * day)
		equal(t, run(5*time.Second), 0)
	})
}

// A clock that suddenly is a year ahead may be wrong, and then nothing has expired.
func TestRetainDoubtsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := openStore(t).newTenant()
		ep := o.endpoint()
		for _, id := range o.acceptMany(20, "a") {
			o.succeed(id.WithOwner(ep))
		}
		until, cancel := context.WithCancel(ctx())
		done := make(chan struct{})
		go func() { defer close(done); o.Retain(until) }()
		time.Sleep(time.Minute)
		o.clock.advance(365 * day)
		time.Sleep(time.Hour)
		equal(t, len(o.events()), 20)
		o.clock.advance(-365 * day) // set right
		time.Sleep(2 * day)
		equal(t, len(o.events()), 20)
		o.clock.advance(365 * day) // it was right after all
		time.Sleep(day + time.Hour)
		equal(t, len(o.events()), 0)
		cancel()
		<-done
	})
}
