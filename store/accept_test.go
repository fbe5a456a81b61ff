package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

func TestAcceptOutcomes(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	post := func(change func(*webhook.Inbound)) *webhook.Inbound {
		in := o.inbound()
		change(in)
		return in
	}
	for _, tt := range []struct {
		name   string
		in     *webhook.Inbound
		want   webhook.AuditOutcome
		events int
	}{
		{"a new message", o.inbound(o.message("m1", "c")), webhook.Accepted, 1},
		{"the same again", o.inbound(o.message("m1", "c")), webhook.Duplicate, 0},
		{"a repeat and a new one", o.inbound(o.message("m1", "c"), o.message("m2", "c")), webhook.Accepted, 1},
		{"twice in one POST", o.inbound(o.message("m3", "c"), o.message("m3", "c")), webhook.Accepted, 1},
		{"a new one and one of nobody", post(func(in *webhook.Inbound) { in.Items, in.Unrouted = []webhook.Item{o.message("m4", "c")}, true }), webhook.Accepted, 1},
		{"a repeat and one of nobody", post(func(in *webhook.Inbound) { in.Items, in.Unrouted = []webhook.Item{o.message("m4", "c")}, true }), webhook.Duplicate, 0},
		{"nothing to act on", o.inbound(), webhook.Ignored, 0},
		{"of nobody", post(func(in *webhook.Inbound) { in.Unrouted = true }), webhook.Unrouted, 0},
		{"no JSON", post(func(in *webhook.Inbound) { in.Unparsed, in.Body = true, []byte("\x00no") }), webhook.Unparsed, 0},
		{"of a tenant that is gone", post(func(in *webhook.Inbound) {
			item := o.message("m5", "c")
			item.TenantID = 99
			in.Items = []webhook.Item{item}
		}), webhook.Ignored, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outcome, err := o.Accept(ctx(), tt.in)
			o.ok(err)
			equal(t, outcome, tt.want)
			a, err := o.Audit(ctx(), o.lastAudit().ID)
			o.ok(err)
			equal(t, a.Outcome, tt.want)
			equal(t, len(a.EventIDs), tt.events)
			equal(t, string(a.Body), string(tt.in.Body))
			equal(t, a.Size, len(tt.in.Body))
			equal(t, a.Headers, tt.in.Headers)
			equal(t, a.RemoteAddr, tt.in.RemoteAddr)
			equal(t, a.TenantIDs, tt.in.Tenants)
			equal(t, a.ReceivedAt, begun)
			for _, id := range a.EventIDs {
				e, deliveries, err := o.Event(ctx(), o.tenant, id)
				o.ok(err)
				equal(t, e.AuditID, a.ID)
				equal(t, len(deliveries), 1)
				equal(t, deliveries[0].ID, id.WithOwner(ep))
				equal(t, deliveries[0].Status, webhook.Pending)
			}
		})
	}
	equal(t, o.stats(ep).Pending, 4)
}

// One POST may carry several tenants' changes.
func TestAcceptOfSeveralTenants(t *testing.T) {
	d := openStore(t)
	a, b := d.newTenant(), d.newTenant()
	a.endpoint()
	ep := b.endpoint()
	in := a.inbound(a.message("m", "c"), b.message("m", "c"))
	in.Tenants = []uint32{a.tenant, b.tenant}
	_, err := d.Accept(ctx(), in)
	d.ok(err)
	equal(t, len(a.events()), 1)
	equal(t, len(b.events()), 1)
	equal(t, b.events()[0].TenantID, b.tenant)
	equal(t, b.deliveries(webhook.DeliveryFilter{})[0].EndpointID(), ep)
	_, _, err = d.Event(ctx(), a.tenant, b.events()[0].ID)
	equal(t, err, webhook.ErrNotFound)
}

// An event goes to the enabled endpoints that want it, and keeps Meta's object if one of them wants that.
func TestWhoGetsAnEvent(t *testing.T) {
	o := openStore(t).newTenant()
	all := o.endpoint()
	some := o.endpoint(func(e *webhook.Endpoint) { e.Events = []string{webhook.CampaignCreated, webhook.MessageReceived} })
	o.endpoint(func(e *webhook.Endpoint) { e.Events = []string{webhook.CampaignCreated} })
	o.endpoint(func(e *webhook.Endpoint) { e.Enabled = false })
	item := o.message("m1", "c")
	item.Event.Raw = []byte(`{"id":"m1"}`)
	o.accept(item)
	first := o.events()[0]
	equal(t, len(first.Raw), 0)
	_, deliveries, err := o.Event(ctx(), o.tenant, first.ID)
	o.ok(err)
	equal(t, len(deliveries), 2)
	equal(t, deliveries[0].ID, first.ID.WithOwner(all))
	equal(t, deliveries[1].ID, first.ID.WithOwner(some))

	raw := o.endpoint(func(e *webhook.Endpoint) { e.IncludeRaw = true })
	item = o.message("m2", "c")
	item.Event.Raw = []byte(`{"id":"m2"}`)
	o.accept(item)
	id := o.events()[0].ID
	c, err := o.Claim(id.WithOwner(raw))
	o.ok(err)
	equal(t, string(c.Body), `{"wamid":"m2","raw":{"id":"m2"}}`)
	c, err = o.Claim(id.WithOwner(all))
	o.ok(err)
	equal(t, string(c.Body), `{"wamid":"m2"}`)
	for ep, body := range map[uint32]string{raw: `{"wamid":"m2","raw":{"id":"m2"}}`, all: `{"wamid":"m2"}`} {
		_, err := o.UpdateEndpoint(ctx(), o.tenant, ep, func(e *webhook.Endpoint) error {
			e.IncludeRaw = !e.IncludeRaw
			return nil
		})
		o.ok(err)
		c, err = o.Claim(id.WithOwner(ep))
		o.ok(err)
		equal(t, string(c.Body), body) // every attempt sends the same
	}
	equal(t, string(item.Event.Raw), `{"id":"m2"}`) // what was handed in is as it was
	equal(t, item.Event.ID.IsZero(), true)
}

// Fresh deliveries are told of in the order of their commits.
func TestOnFresh(t *testing.T) {
	var mu sync.Mutex
	var told []webhook.Due
	d := openStore(t, func(o *store.Options) {
		o.OnFresh = func(fresh []webhook.Due) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fresh...)
		}
	})
	o := d.newTenant()
	ep := o.endpoint()
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { o.accept(o.message(fmt.Sprint(i), "c")) })
	}
	wg.Wait()
	equal(t, len(told), 40)
	for i, due := range told {
		if i > 0 && !told[i-1].ID.Before(due.ID) {
			t.Fatalf("%s is told of after %s", due.ID, told[i-1].ID)
		}
		equal(t, due.ID.Owner(), ep)
		equal(t, due.Event.ID, due.ID.OfTenant(o.tenant))
	}
	ready, _ := o.due(ep)
	equal(t, ready, events(o.tenant, told))
}

// Ids grow across restarts, also when the clock was set back meanwhile.
func TestIDsGrowWithAClockSetBack(t *testing.T) {
	o := openStore(t).newTenant()
	o.endpoint()
	var ids []webhook.ID
	for range 3 {
		ids = append(ids, o.acceptMany(1)...)
		ids = append(ids, o.publish(webhook.CampaignCreated, ""))
		o.reopen()
		o.clock.advance(-time.Hour)
	}
	for i, id := range ids[1:] {
		if !ids[i].Before(id) {
			t.Errorf("%s comes after %s", id, ids[i])
		}
	}
	var listed []webhook.ID
	for _, e := range reversed(o.events()) {
		listed = append(listed, e.ID)
	}
	equal(t, listed, ids)
}
