package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

func (o owner) replay(r webhook.Replay) int {
	o.t.Helper()
	n, err := o.Replay(ctx(), o.tenant, r)
	o.ok(err)
	return n
}

func TestRetry(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	retry := func(id webhook.ID) { t.Helper(); o.ok(o.Retry(ctx(), o.tenant, id)) }
	isDue := func(id webhook.ID) bool {
		ready, _ := o.due(ep)
		return slices.Contains(ready, id.OfTenant(o.tenant))
	}
	for name, end := range map[string]func(webhook.ID){"a success": o.succeed, "a dead letter": o.kill} {
		t.Run(name, func(t *testing.T) {
			id := o.publish(webhook.CampaignCreated, "c").WithOwner(ep)
			end(id)
			before := o.stats(ep)
			o.clock.advance(time.Minute)
			retry(id)
			d := o.delivery(id)
			equal(t, []any{d.Status, d.AttemptCount, d.Round, d.NextAttemptAt, d.FinishedAt.IsZero()}, []any{webhook.Pending, 1, 0, o.clock.now(), true})
			equal(t, isDue(id), true)
			retry(id)
			claim, err := o.Claim(id)
			o.ok(err)
			equal(t, []int{claim.Number, claim.Round}, []int{2, 1})
			end(id)
			after := o.stats(ep)
			equal(t, []uint64{after.Pending, after.Retrying, after.Failed}, []uint64{0, 0, before.Failed})
		})
	}
	t.Run("one that waits for its next attempt", func(t *testing.T) {
		id := o.publish(webhook.CampaignCreated, "d").WithOwner(ep)
		o.finish(id, failed(), o.clock.now().Add(time.Hour))
		equal(t, isDue(id), false)
		retry(id)
		d := o.delivery(id)
		equal(t, []any{d.Status, d.Round, d.NextAttemptAt}, []any{webhook.Retrying, 1, o.clock.now()})
		equal(t, isDue(id), true)
		o.succeed(id)
	})
	t.Run("a fresh one", func(t *testing.T) {
		id := o.publish(webhook.CampaignCreated, "d").WithOwner(ep)
		retry(id)
		equal(t, isDue(id), true)
		o.succeed(id)
	})
	t.Run("one of an endpoint that is gone", func(t *testing.T) {
		gone := o.endpoint()
		id := o.publish(webhook.CampaignCreated, "").WithOwner(gone)
		o.kill(id)
		o.ok(o.DeleteEndpoint(ctx(), o.tenant, gone))
		equal(t, errors.Is(o.Retry(ctx(), o.tenant, id), webhook.ErrConflict), true)
	})
	t.Run("none", func(t *testing.T) {
		equal(t, o.Retry(ctx(), o.tenant, webhook.IDAt(begun).WithOwner(ep)), webhook.ErrNotFound)
	})
}

// Of a conversation the older one goes first, also among those that are sent again.
func TestReplayKeepsTheOrder(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	ids := o.acceptMany(3, "a")
	for _, id := range ids {
		o.kill(id.WithOwner(ep))
	}
	equal(t, o.replay(webhook.Replay{Status: webhook.Failed}), 3)
	for i, id := range ids {
		ready, behind := o.due(ep)
		equal(t, ready, ids[i:i+1])
		equal(t, len(behind), 0)
		o.succeed(id.WithOwner(ep))
	}
	// One that is sent again alone does not overtake one that waits.
	o.ok(o.Retry(ctx(), o.tenant, ids[2].WithOwner(ep)))
	o.ok(o.Retry(ctx(), o.tenant, ids[0].WithOwner(ep)))
	ready, behind := o.due(ep)
	equal(t, ready, ids[:1])
	equal(t, behind, ids[2:])
}

// Every filter, dry and in earnest, against a list of what there is.
func TestReplayFilters(t *testing.T) {
	t.Parallel()
	for i, filter := range []webhook.Replay{
		{Status: webhook.Failed}, {Status: webhook.Succeeded}, {Missing: true},
		{Status: webhook.Failed, EventType: webhook.CampaignCreated}, {Missing: true, EventType: webhook.CampaignStarted}, {Status: webhook.Failed, EventType: webhook.WebhookTest},
		{Status: webhook.Failed, EndpointID: 1}, {Status: webhook.Failed, EndpointID: 2}, {Missing: true, EndpointID: 3}, {Missing: true, EndpointID: 4}, {Missing: true, EndpointID: 1},
		{Status: webhook.Failed, Range: webhook.Range{Since: begun.Add(4 * time.Second)}},
		{Status: webhook.Failed, Range: webhook.Range{Until: begun.Add(4 * time.Second)}},
		{Status: webhook.Succeeded, Range: webhook.Range{Since: begun.Add(2*time.Second + 1), Until: begun.Add(6*time.Second + 1)}},
		{Missing: true, Range: webhook.Range{Since: begun.Add(3 * time.Second), Until: begun.Add(5 * time.Second)}, EndpointID: 3},
		{Status: webhook.Failed, Conversation: webhook.ConversationOf(1, "1")}, {Missing: true, Conversation: webhook.ConversationOf(1, "2"), EventType: webhook.CampaignCreated},
		{Status: webhook.Failed, Range: webhook.Range{Since: begun.Add(time.Hour)}}, {Status: webhook.Failed, Range: webhook.Range{Until: begun}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			o := openStore(t).newTenant()
			eps := []uint32{o.endpoint(), o.endpoint()}
			types := []string{webhook.CampaignCreated, webhook.CampaignStarted}
			var made []webhook.ID
			for i := range 10 {
				id := o.publish(types[i%2], fmt.Sprint(i%3))
				made = append(made, id)
				switch i % 5 {
				case 0, 1:
					o.kill(id.WithOwner(eps[0]))
					o.succeed(id.WithOwner(eps[1]))
				case 2:
					o.kill(id.WithOwner(eps[1]))
					o.finish(id.WithOwner(eps[0]), failed(), begun)
				}
				o.clock.advance(time.Second)
			}
			third := o.endpoint(func(e *webhook.Endpoint) { e.Events = types[:1] })
			fourth := o.endpoint(func(e *webhook.Endpoint) { e.Enabled = false })
			want := map[webhook.ID]bool{}
			for i, event := range made {
				at := begun.Add(time.Duration(i) * time.Second)
				if filter.EventType != "" && filter.EventType != types[i%2] || at.Before(filter.Since) || !filter.Until.IsZero() && !at.Before(filter.Until) ||
					filter.Conversation != 0 && filter.Conversation != webhook.ConversationOf(o.tenant, fmt.Sprint(i%3)) {
					continue
				}
				for _, ep := range []uint32{eps[0], eps[1], third, fourth} {
					id := event.WithOwner(ep)
					if filter.EndpointID != 0 && filter.EndpointID != ep {
						continue
					}
					d, _, err := o.Delivery(ctx(), o.tenant, id)
					switch {
					case filter.Missing:
						want[id] = errors.Is(err, webhook.ErrNotFound) && (ep == third && i%2 == 0 || ep == fourth && filter.EndpointID == fourth)
					case err == nil:
						want[id] = d.Status == filter.Status
					}
				}
			}
			count := 0
			for _, wanted := range want {
				if wanted {
					count++
				}
			}
			before := len(o.deliveries(webhook.DeliveryFilter{Status: webhook.Pending}))
			dry := filter
			dry.DryRun = true
			equal(t, o.replay(dry), count)
			equal(t, len(o.deliveries(webhook.DeliveryFilter{Status: webhook.Pending})), before)
			equal(t, o.replay(filter), count)
			equal(t, len(o.deliveries(webhook.DeliveryFilter{Status: webhook.Pending})), before+count)
			equal(t, o.replay(filter), 0)
			for id, wanted := range want {
				if wanted && o.delivery(id).Status != webhook.Pending {
					t.Errorf("%s is %s", id, o.delivery(id).Status)
				}
			}
		})
	}
}

func TestReplayRefuses(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	ep := other.endpoint()
	for name, r := range map[string]webhook.Replay{
		"an endpoint of another":       {Status: webhook.Failed, EndpointID: ep},
		"an endpoint that isn't there": {Status: webhook.Failed, EndpointID: 99},
		"what hasn't ended":            {Status: webhook.Pending},
		"nothing":                      {},
	} {
		if _, err := d.Replay(ctx(), o.tenant, r); !errors.Is(err, webhook.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// More than one transaction's, while other deliveries come in and end.
func TestReplayOfMany(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	dead := o.acceptMany(950, "a", "b", "", "d")
	o.settleAll(ep, dead, failed(), time.Time{})
	equal(t, o.stats(ep).Failed, 950)
	second := o.endpoint()

	stop := make(chan struct{})
	var traffic sync.WaitGroup
	for i := range 4 {
		traffic.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				id := o.publish(webhook.CampaignStarted, fmt.Sprint(i))
				o.succeed(id.WithOwner(second))
				o.kill(id.WithOwner(ep))
			}
		})
	}
	replayed := o.replay(webhook.Replay{Status: webhook.Failed, EventType: webhook.MessageReceived})
	missing := o.replay(webhook.Replay{Missing: true, EndpointID: second, EventType: webhook.MessageReceived})
	close(stop)
	traffic.Wait()
	equal(t, replayed, 950)
	equal(t, missing, 950)
	equal(t, o.stats(ep).Pending, 950)
	equal(t, o.stats(second).Pending, 950)
	equal(t, o.replay(webhook.Replay{Missing: true}), 0)
}

// In parts it is the same replay.
func TestReplayInParts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		replay webhook.Replay
		parts  int
	}{
		"failed":    {webhook.Replay{Status: webhook.Failed}, 3},
		"succeeded": {webhook.Replay{Status: webhook.Succeeded}, 1},
		"missing":   {webhook.Replay{Missing: true}, 4},
		"none":      {webhook.Replay{Status: webhook.Failed, EventType: webhook.WebhookTest}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := openStore(t).newTenant()
			ep := o.endpoint()
			ids := o.acceptMany(650)
			o.settleAll(ep, ids[:450], failed(), time.Time{})
			o.settleAll(ep, ids[450:], delivered(), time.Time{})
			if tt.replay.Missing {
				o.endpoint()
				tt.replay.Range = webhook.Range{Since: o.clock.now(), Until: o.clock.now().Add(time.Second)}
				o.clock.advance(time.Second)
				o.acceptMany(1)
			}
			dry := tt.replay
			dry.DryRun = true
			want := o.replay(dry)
			for _, r := range []webhook.Replay{dry, tt.replay} {
				sum, parts, cursor := 0, 0, ""
				for parts == 0 || cursor != "" {
					n, next, err := o.ReplayPart(ctx(), o.tenant, r, cursor)
					o.ok(err)
					if next == cursor && next != "" {
						t.Fatal("it goes on where it was")
					}
					sum, parts, cursor = sum+n, parts+1, next
				}
				equal(t, []int{sum, parts}, []int{want, tt.parts})
			}
			equal(t, o.replay(dry), 0)
		})
	}
	o := openStore(t).newTenant()
	for name, r := range map[string]webhook.Replay{"what hasn't ended": {Status: webhook.Retrying}, "no such endpoint": {Missing: true, EndpointID: 9}} {
		if _, _, err := o.ReplayPart(ctx(), o.tenant, r, ""); !errors.Is(err, webhook.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := o.ReplayPart(ctx(), o.tenant, webhook.Replay{Missing: true}, "x"); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

// A filter that matches little leads to short pages rather than to a long wait, and a replay finds what lies
// far behind.
func TestLooksFar(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	first := o.publish(webhook.CampaignCreated, "")
	o.acceptMany(10_010)
	last := o.publish(webhook.CampaignCreated, "")
	f := webhook.EventFilter{Type: webhook.CampaignCreated}
	page, err := o.Events(ctx(), o.tenant, f, webhook.Page{})
	o.ok(err)
	equal(t, len(page.Items), 1)
	equal(t, page.Items[0].ID, last)
	page, err = o.Events(ctx(), o.tenant, f, webhook.Page{Cursor: page.Next})
	o.ok(err)
	equal(t, len(page.Items), 1)
	equal(t, page.Items[0].ID, first)
	equal(t, page.Next, "")

	ep := o.endpoint(func(e *webhook.Endpoint) { e.Events = []string{webhook.CampaignCreated} })
	equal(t, o.replay(webhook.Replay{Missing: true, EventType: webhook.CampaignCreated}), 2)
	o.kill(last.WithOwner(ep))
	equal(t, o.replay(webhook.Replay{Status: webhook.Failed}), 1)
}

// A replay of what the clock, set back since, calls the future.
func TestReplayWithAClockSetBack(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	o.kill(o.publish(webhook.CampaignCreated, "").WithOwner(ep))
	o.clock.advance(-time.Hour)
	equal(t, o.replay(webhook.Replay{Status: webhook.Failed}), 1)
}

// An endpoint that wants Meta's object gets it from the audit log, if it is still there.
func TestMissingWithRaw(t *testing.T) {
	o := openStore(t, func(so *store.Options) {
		so.RawOf = func(a *webhook.Audit, e *webhook.Event) []byte { return append([]byte(nil), a.Body...) }
	}).newTenant()
	o.accept(o.message("m", "c"))
	published := o.publish(webhook.CampaignCreated, "")
	event := o.events()[1].ID
	ep := o.endpoint(func(e *webhook.Endpoint) { e.IncludeRaw = true })
	equal(t, o.replay(webhook.Replay{Missing: true}), 2)
	for id, want := range map[webhook.ID]string{event: `{"wamid":"m","raw":{"entry":[]}}`, published: `{"event":"campaign.created","raw":null}`} {
		c, err := o.Claim(id.WithOwner(ep))
		o.ok(err)
		equal(t, string(c.Body), want)
	}
}
