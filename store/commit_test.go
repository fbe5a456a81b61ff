package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// A step that fails does so alone: those that would have shared its commit are on disk.
func TestAStepFailsAlone(t *testing.T) {
	refusal := errors.New("no")
	for name, tt := range map[string]struct {
		fail func(o owner) error
		says string
	}{
		"a change that is refused": {func(o owner) error {
			_, err := o.UpdateTenant(ctx(), o.tenant, func(v *webhook.Tenant) error { v.Name = "changed"; return refusal })
			return err
		}, "no"},
		"a change that panics": {func(o owner) error {
			_, err := o.UpdateTenant(ctx(), o.tenant, func(v *webhook.Tenant) error { v.Name = "changed"; panic("at the disco") })
			return err
		}, "write step panicked: at the disco"},
		"one of many records panics": {func(o owner) error { // after others were written
			_, err := o.Replay(ctx(), o.tenant, webhook.Replay{Missing: true, EventType: webhook.MessageReceived})
			return err
		}, "write step panicked: raw"},
		"a conflict": {func(o owner) error {
			_, err := o.CreateAccount(ctx(), webhook.Account{TenantID: o.tenant, WABAID: o.waba, PhoneNumberID: o.number})
			return err
		}, "the phone number id 200001 belongs to another account: conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raws := 0
				o := openStore(t, func(so *store.Options) {
					so.RawOf = func(*webhook.Audit, *webhook.Event) []byte {
						if raws++; raws > 3 {
							panic("raw")
						}
						return []byte("{}")
					}
				}).newTenant()
				o.acceptMany(10)
				ep := o.endpoint(func(e *webhook.Endpoint) { e.IncludeRaw = true })
				// While one change dawdles, all others gather behind it.
				begun, proceed := make(chan struct{}), make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					_, err := o.UpdateTenant(ctx(), o.tenant, func(*webhook.Tenant) error { close(begun); <-proceed; return nil })
					o.ok(err)
				})
				<-begun
				ids := make([]webhook.ID, 40)
				var failure error
				for i := range ids {
					if i == 20 {
						wg.Go(func() { failure = tt.fail(o) })
						synctest.Wait()
					}
					wg.Go(func() { ids[i] = o.publish(webhook.CampaignCreated, fmt.Sprint(i)) })
				}
				synctest.Wait()
				close(proceed)
				wg.Wait()
				if failure == nil || failure.Error() != tt.says {
					t.Errorf("it says %v", failure)
				}
				check := func() {
					t.Helper()
					equal(t, o.stats(ep).Pending, 40)
					equal(t, len(o.events()), 50)
					for _, id := range ids {
						equal(t, o.delivery(id.WithOwner(ep)).Status, webhook.Pending)
					}
					tn, err := o.Tenant(ctx(), o.tenant)
					o.ok(err)
					equal(t, tn.Name, "T")
				}
				check()
				o.reopen()
				check()
			})
		})
	}
}

// Endpoints, tenants and the like take part in everything that is written after them.
func TestChangesCountAtOnce(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				ep := o.endpoint()
				id := o.publish(webhook.CampaignCreated, "")
				equal(t, o.delivery(id.WithOwner(ep)).Status, webhook.Pending)
				o.ok(o.DeleteEndpoint(ctx(), o.tenant, ep))
				id = o.publish(webhook.CampaignCreated, "")
				if _, _, err := o.Delivery(ctx(), o.tenant, id.WithOwner(ep)); !errors.Is(err, webhook.ErrNotFound) {
					t.Errorf("an endpoint that is gone: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// Close waits for those who write; they are on disk, and whoever comes later is told.
func TestClose(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	var mu sync.Mutex
	var stored []webhook.ID
	var wg sync.WaitGroup
	started := make(chan struct{}, 100)
	for range 20 {
		wg.Go(func() {
			for {
				id, err := o.Publish(ctx(), webhook.Publication{Event: *o.event(webhook.CampaignCreated, "", "{}")})
				if errors.Is(err, webhook.ErrClosed) {
					return
				}
				o.ok(err)
				mu.Lock()
				stored = append(stored, id)
				mu.Unlock()
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range cap(started) {
		<-started
	}
	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() { o.ok(o.Close()) })
	}
	closers.Wait()
	wg.Wait()
	for name, call := range map[string]func() error{
		"accept": func() error { _, err := o.Accept(ctx(), o.inbound()); return err },
		"finish": func() error {
			_, err := o.Finish(ctx(), stored[0].WithOwner(ep), o.tenant, delivered(), begun)
			return err
		},
		"settle": func() error { _, err := o.Settle(ctx(), []webhook.Settlement{{}}, false); return err },
		"update": func() error {
			_, err := o.UpdateTenant(ctx(), o.tenant, func(*webhook.Tenant) error { return nil })
			return err
		},
		"events":     func() error { _, err := o.Events(ctx(), o.tenant, webhook.EventFilter{}, webhook.Page{}); return err },
		"delivery":   func() error { _, _, err := o.Delivery(ctx(), o.tenant, stored[0].WithOwner(ep)); return err },
		"claim":      func() error { _, err := o.Claim(stored[0].WithOwner(ep)); return err },
		"due":        func() error { _, err := o.Due(ep, begun, 1, nil); return err },
		"replay":     func() error { _, err := o.Replay(ctx(), o.tenant, webhook.Replay{Missing: true}); return err },
		"retain all": func() error { return o.RetainAll(ctx()) },
		"healthy":    o.Healthy,
	} {
		if err := call(); !errors.Is(err, webhook.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.Retain(ctx()) // returns
	if size, free := o.Size(); size != 0 || free != 0 || o.Snapshot().SizeBytes != 0 {
		t.Error("a closed store has a size")
	}
	o.open()
	equal(t, len(o.events()), len(stored))
	equal(t, o.Healthy(), nil)
}

// Whoever gives up before its turn has changed nothing; later on the outcome is waited for.
func TestContext(t *testing.T) {
	o := openStore(t).newTenant()
	gone, cancel := context.WithCancel(ctx())
	cancel()
	for name, call := range map[string]func() error{
		"events": func() error { _, err := o.Events(gone, o.tenant, webhook.EventFilter{}, webhook.Page{}); return err },
		"replay": func() error { _, err := o.Replay(gone, o.tenant, webhook.Replay{Missing: true}); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stored := 0
	for i := range 50 {
		_, err := o.Accept(gone, o.inbound(o.message(fmt.Sprint(i), "")))
		if err == nil {
			stored++
		} else if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	equal(t, len(o.events()), stored)
}
