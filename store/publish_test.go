package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func TestPublish(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	ep := o.endpoint()
	publish := func(o owner, key, body string) (webhook.ID, error) {
		return o.Publish(ctx(), webhook.Publication{
			Event: *o.event(webhook.CampaignCreated, "campaign:1", body), IdempotencyKey: key, Fingerprint: webhook.Hash(body),
		})
	}
	first, err := publish(o, "k", "{}")
	d.ok(err)
	e, deliveries, err := d.Event(ctx(), o.tenant, first)
	d.ok(err)
	equal(t, string(e.Payload), "{}")
	equal(t, e.AuditID.IsZero(), true)
	equal(t, e.CreatedAt(), begun)
	equal(t, len(deliveries), 1)
	equal(t, deliveries[0].EndpointID(), ep)

	same := func(when string) {
		t.Helper()
		if id, err := publish(o, "k", "{}"); err != nil || id != first {
			t.Errorf("%s: %s, %v", when, id, err)
		}
		if _, err := publish(o, "k", `{"a":1}`); !errors.Is(err, webhook.ErrConflict) {
			t.Errorf("%s, with another body: %v", when, err)
		}
	}
	same("again")
	d.clock.advance(webhook.IdempotencyPeriod - time.Millisecond)
	d.ok(d.RetainAll(ctx()))
	d.reopen()
	same("just before it is forgotten")
	equal(t, len(o.events()), 1)
	for name, id := range map[string]func() (webhook.ID, error){
		"another key":    func() (webhook.ID, error) { return publish(o, "l", "{}") },
		"another tenant": func() (webhook.ID, error) { return publish(other, "k", "{}") },
		"no key":         func() (webhook.ID, error) { return publish(o, "", "{}") },
		"no key, again":  func() (webhook.ID, error) { return publish(o, "", "{}") },
	} {
		if id, err := id(); err != nil || id == first {
			t.Errorf("%s: %s, %v", name, id, err)
		}
	}
	d.clock.advance(time.Millisecond)
	second, err := publish(o, "k", `{"a":1}`)
	d.ok(err)
	equal(t, second == first, false)
}

func TestPublishAtOnce(t *testing.T) {
	o := openStore(t).newTenant()
	ids := make([]webhook.ID, 50)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			var err error
			ids[i], err = o.Publish(ctx(), webhook.Publication{Event: *o.event(webhook.CampaignCreated, "", "{}"), IdempotencyKey: "k"})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		equal(t, id, ids[0])
	}
	equal(t, len(o.events()), 1)
}
