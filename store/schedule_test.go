package store_test

import (
	"fmt"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// A delivery that fails, and is tried again until it is a dead letter.
func TestFinish(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	event := o.publish(webhook.CampaignCreated, "")
	id := event.WithOwner(ep)
	claim, err := o.Claim(id)
	o.ok(err)
	equal(t, []any{claim.ID, claim.EventID, claim.Type, claim.Number, claim.Round, claim.Endpoint.ID, string(claim.Body)}, []any{id, event, webhook.CampaignCreated, 1, 1, ep, `{"event":"campaign.created"}`})

	next := begun.Add(10 * time.Second)
	equal(t, o.finish(id, failed(), next), webhook.Finished{Status: webhook.Retrying, Due: next, FailingSince: begun})
	equal(t, o.stats(ep), webhook.EndpointStats{Retrying: 1, FailingSince: begun, LastError: webhook.ErrorStatus, LastStatus: 500})
	ready, _ := o.due(ep)
	equal(t, len(ready), 0)
	list, err := o.Due(ep, begun, 10, func(webhook.ID) bool { return false })
	o.ok(err)
	equal(t, list.Next, next)
	o.reopen()
	o.clock.advance(10 * time.Second)
	ready, _ = o.due(ep)
	equal(t, ready, []webhook.ID{event})
	claim, err = o.Claim(id)
	o.ok(err)
	equal(t, []int{claim.Number, claim.Round}, []int{2, 2})

	equal(t, o.finish(id, failed(), time.Time{}), webhook.Finished{Status: webhook.Failed, FailingSince: begun})
	d := o.delivery(id)
	equal(t, d, webhook.Delivery{
		ID: id, TenantID: o.tenant, EventType: webhook.CampaignCreated, Status: webhook.Failed, Conversation: 0, AttemptCount: 2, Round: 2, FinishedAt: o.clock.now(),
		Attempts: []webhook.Attempt{
			{Number: 1, StartedAt: begun, Duration: time.Second, StatusCode: 500, Error: webhook.ErrorStatus, ResponseBody: []byte("no")},
			{Number: 2, StartedAt: begun, Duration: time.Second, StatusCode: 500, Error: webhook.ErrorStatus, ResponseBody: []byte("no")},
		},
	})
	equal(t, o.stats(ep), webhook.EndpointStats{Failed: 1, FailingSince: begun, LastError: webhook.ErrorStatus, LastStatus: 500})
	_, err = o.Claim(id)
	equal(t, err, webhook.ErrNotFound)
	equal(t, o.finish(id, delivered(), time.Time{}), webhook.Finished{}) // too late: it has ended

	second := o.publish(webhook.CampaignCreated, "").WithOwner(ep)
	o.clock.advance(time.Second)
	equal(t, o.finish(second, delivered(), time.Time{}), webhook.Finished{Status: webhook.Succeeded})
	want := webhook.EndpointStats{Succeeded: 1, Failed: 1, LastSuccess: o.clock.now()}
	equal(t, o.stats(ep), want)
	o.reopen()
	equal(t, o.stats(ep), want)
}

func TestAttemptLogIsBounded(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	id := o.publish(webhook.CampaignCreated, "").WithOwner(ep)
	const attempts = webhook.MaxAttemptsKept + 5
	for range attempts {
		o.finish(id, failed(), begun)
	}
	d := o.delivery(id)
	equal(t, d.AttemptCount, attempts)
	equal(t, len(d.Attempts), webhook.MaxAttemptsKept)
	equal(t, d.Attempts[0].Number, 6)
	equal(t, d.Attempts[webhook.MaxAttemptsKept-1].Number, attempts)
}

// One conversation: the first fails, those behind it are parked, and come one after the other.
func TestConversation(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	ids := o.acceptMany(4, "a")
	other := o.acceptMany(1, "b")[0]
	at := func(i int) webhook.ID { return ids[i].WithOwner(ep) }
	check := func(when string, wantReady, wantBehind []webhook.ID) {
		t.Helper()
		ready, behind := o.due(ep)
		if fmt.Sprint(ready, behind) != fmt.Sprint(wantReady, wantBehind) {
			t.Errorf("%s:\nready %s, behind %s\nwant  %s, %s", when, ready, behind, wantReady, wantBehind)
		}
	}
	check("fresh", append(ids[:4:4], other), nil)
	f := o.finish(at(0), failed(), begun.Add(time.Minute))
	equal(t, f.Held, true)
	check("the first has failed", []webhook.ID{other}, ids[1:])
	o.ok(o.Park(ctx(), o.tenant, webhook.ID{}, []webhook.ID{at(1), at(2), at(3)}))
	check("parked", []webhook.ID{other}, nil)
	equal(t, o.delivery(at(1)).NextAttemptAt.IsZero(), true)
	o.ok(o.Retry(ctx(), o.tenant, at(2))) // it still waits for those before it
	check("asked for", []webhook.ID{other}, nil)
	o.reopen()
	o.clock.advance(time.Minute)
	check("the first is due", []webhook.ID{ids[0], other}, nil)
	f = o.finish(at(0), delivered(), time.Time{})
	equal(t, f.Due, o.clock.now())
	check("the first has ended", []webhook.ID{ids[1], other}, nil)
	o.kill(at(1))
	check("the second is a dead letter", []webhook.ID{ids[2], other}, nil)
	fifth := o.acceptMany(1, "a")[0]
	check("another has come", []webhook.ID{ids[2], other}, []webhook.ID{fifth})
	o.succeed(at(2))
	o.ok(o.Park(ctx(), o.tenant, webhook.ID{}, []webhook.ID{fifth.WithOwner(ep)}))
	check("with the last parked", []webhook.ID{ids[3], other}, nil)
	o.succeed(at(3))
	check("the fifth", []webhook.ID{fifth, other}, nil)
	o.succeed(fifth.WithOwner(ep))
	o.succeed(other.WithOwner(ep))
	check("all ended", nil, nil)
	equal(t, o.stats(ep), webhook.EndpointStats{Succeeded: 5, Failed: 1, LastSuccess: o.clock.now()})
}

// Deliveries can be parked behind one whose attempt is under way.
func TestParkBehindAnAttempt(t *testing.T) {
	for name, end := range map[string]func(o owner, head webhook.ID){
		"it succeeds":        func(o owner, head webhook.ID) { o.succeed(head) },
		"it fails":           func(o owner, head webhook.ID) { o.finish(head, failed(), o.clock.now()); o.succeed(head) },
		"it fails, for good": func(o owner, head webhook.ID) { o.kill(head) },
		"after a restart":    func(o owner, head webhook.ID) { o.reopen(); o.succeed(head) },
	} {
		t.Run(name, func(t *testing.T) {
			o := openStore(t).newTenant()
			ep := o.endpoint()
			ids := o.acceptMany(3, "a")
			o.ok(o.Park(ctx(), o.tenant, ids[0].WithOwner(ep), []webhook.ID{ids[1].WithOwner(ep), ids[2].WithOwner(ep)}))
			ready, behind := o.due(ep)
			equal(t, ready, ids[:1])
			equal(t, len(behind), 0)
			end(o, ids[0].WithOwner(ep))
			ready, behind = o.due(ep)
			equal(t, ready, ids[1:2])
			equal(t, len(behind), 0)
		})
	}
}

// What came between a look at the schedule and the wish to park.
func TestParkTooLate(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	ids := o.acceptMany(3, "a")
	head := ids[0].WithOwner(ep)
	rest := []webhook.ID{ids[1].WithOwner(ep), ids[2].WithOwner(ep)}
	o.succeed(head)
	o.ok(o.Park(ctx(), o.tenant, head, rest))
	ready, _ := o.due(ep)
	equal(t, ready, ids[1:])
	o.succeed(rest[0])
	unknown := webhook.IDAt(begun).WithOwner(ep)
	o.ok(o.Park(ctx(), o.tenant, unknown, append(rest, unknown)))
	ready, _ = o.due(ep)
	equal(t, ready, ids[2:])
}

// Fresh ones and those with a time share the places, what is skipped takes none.
func TestDueSharesPlaces(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	ids := o.acceptMany(30)
	o.settleAll(ep, ids[:15], failed(), begun.Add(time.Second))
	o.clock.advance(time.Second)
	timed, fresh := ids[:15], ids[15:]
	for _, tt := range []struct {
		n    int
		skip []webhook.ID
		want []webhook.ID
		more bool
	}{
		{1, nil, timed[:1], true},
		{10, nil, append(timed[:5:5], fresh[:5]...), true},
		{10, timed[:13], append(timed[13:15:15], fresh[:8]...), true},
		{10, fresh[:14], append(timed[:5:5], fresh[14]), true},
		{30, nil, append(timed[:15:15], fresh...), false},
		{40, ids[:29], fresh[14:], false},
		{10, ids, nil, false},
	} {
		skip := map[webhook.ID]bool{}
		for _, id := range tt.skip {
			skip[id.WithOwner(ep)] = true
		}
		list, err := o.Due(ep, o.clock.now(), tt.n, func(id webhook.ID) bool { return skip[id] })
		o.ok(err)
		if got := events(o.tenant, list.Ready); fmt.Sprint(got) != fmt.Sprint(tt.want) || list.More != tt.more {
			t.Errorf("%d, %d of them skipped: got %d, more: %t; want %d, %t", tt.n, len(tt.skip), len(got), list.More, len(tt.want), tt.more)
		}
	}
}
