package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/webhook"
)

// meanings is what the bodies of POSTs mean today. A body that isn't in it belongs to nobody.
type meanings map[string][]webhook.Item

func (m meanings) parse(rec *webhook.Audit) webhook.Inbound {
	in := webhook.Inbound{ReceivedAt: rec.ReceivedAt, Body: rec.Body}
	switch items, known := m[string(rec.Body)]; {
	case string(rec.Body) == "no JSON":
		in.Unparsed = true
	case string(rec.Body) == "poison":
		panic("a fault of the parser")
	case !known:
		in.Unrouted = true
	default:
		in.Items = items
		for _, item := range items {
			if len(in.Tenants) == 0 {
				in.Tenants = []uint32{item.TenantID}
			}
		}
	}
	return in
}

// post stores a POST with this body and what it means at that time: no items and no tenant is unrouted.
func (o owner) post(body string, items ...webhook.Item) webhook.Audit {
	o.t.Helper()
	in := o.inbound(items...)
	in.Body = []byte(body)
	if len(items) == 0 {
		in.Tenants, in.Unrouted, in.Unparsed = nil, body != "no JSON" && body != "ignored", body == "no JSON"
	}
	_, err := o.Accept(ctx(), in)
	o.ok(err)
	return o.lastAudit()
}

func (o owner) audit(id webhook.ID) webhook.Audit {
	o.t.Helper()
	rec, err := o.Audit(ctx(), id)
	o.ok(err)
	return rec
}

// reprocess goes through the whole audit log: it counts first, does it then, and finds nothing a second
// time.
func (o owner) reprocess(m meanings) webhook.Reprocessed {
	o.t.Helper()
	run := func(r webhook.Reprocess) webhook.Reprocessed {
		o.t.Helper()
		done, err := o.Reprocess(ctx(), r, m.parse)
		o.ok(err)
		return done
	}
	before := len(o.events())
	would := run(webhook.Reprocess{DryRun: true})
	equal(o.t, len(o.events()), before)
	done := run(webhook.Reprocess{})
	equal(o.t, done, would)
	equal(o.t, len(o.events()), before+done.Events)
	again := run(webhook.Reprocess{})
	equal(o.t, again, webhook.Reprocessed{Examined: done.Examined, Undecided: done.Undecided})
	return done
}

// A POST that came before its account leads to what it would have led to, and belongs to its tenant.
func TestReprocessUnrouted(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	rec := o.post("early")
	equal(t, rec.Outcome, webhook.Unrouted)
	m := meanings{"early": {o.message("m1", "c"), o.status("m2", webhook.MessageRead)}}
	o.clock.advance(time.Hour)

	equal(t, o.reprocess(m), webhook.Reprocessed{Examined: 1, Changed: 1, Events: 2})
	rec = o.audit(rec.ID)
	equal(t, rec.Outcome, webhook.Accepted)
	equal(t, rec.TenantIDs, []uint32{o.tenant})
	equal(t, rec.Foreign, false)
	equal(t, string(rec.Body), "early")
	equal(t, rec.Headers["User-Agent"], "facebookexternalua")
	events := reversed(o.events())
	for i, e := range events {
		equal(t, e.AuditID, rec.ID)
		equal(t, e.ID, rec.EventIDs[i])
		equal(t, e.ID.Time(), o.clock.now())
	}
	ready, _ := o.due(ep)
	equal(t, ready, rec.EventIDs)
	equal(t, o.accept(m["early"]...), webhook.Duplicate)
	o.reopen()
	equal(t, o.reprocess(m).Changed, 0)
}

// What is new in a POST by today's lights is added to what it led to when it came.
func TestReprocessAfterAFix(t *testing.T) {
	t.Parallel()
	for was, tt := range map[webhook.AuditOutcome]struct{ before, after func(o owner) []webhook.Item }{
		webhook.Accepted: {
			func(o owner) []webhook.Item { return []webhook.Item{o.message("m1", "c")} },
			func(o owner) []webhook.Item { return []webhook.Item{o.message("m1", "c"), o.message("m2", "c")} },
		},
		webhook.Duplicate: {
			func(o owner) []webhook.Item { return []webhook.Item{o.message("m0", "c")} },
			func(o owner) []webhook.Item { return []webhook.Item{o.message("m0", "c"), o.message("m2", "c")} },
		},
		webhook.Ignored: {
			func(owner) []webhook.Item { return nil },
			func(o owner) []webhook.Item { return []webhook.Item{o.message("m2", "c")} },
		},
	} {
		t.Run(string(was), func(t *testing.T) {
			o := openStore(t).newTenant()
			o.post("first", o.message("m0", "c"))
			rec := o.post("ignored", tt.before(o)...)
			equal(t, rec.Outcome, was)
			m := meanings{"first": {o.message("m0", "c")}, "ignored": tt.after(o)}
			equal(t, o.reprocess(m), webhook.Reprocessed{Examined: 2, Changed: 1, Events: 1})
			now := o.audit(rec.ID)
			equal(t, now.Outcome, webhook.Accepted)
			equal(t, now.EventIDs, append(rec.EventIDs, o.events()[0].ID))
			equal(t, string(o.events()[0].Payload), `{"wamid":"m2"}`)
		})
	}
}

// oneOfEach returns an item of every kind, with words that tell it from another call's.
func (o owner) oneOfEach(words string) []webhook.Item {
	return []webhook.Item{
		o.message("m"+words, "c"),
		o.status("s"+words, webhook.MessageDelivered),
		o.status("g"+words, webhook.MessageRead, func(c *webhook.StatusItem) { c.Participant = "p" }),
		o.template(words, "en", "APPROVED", begun),
		{TenantID: o.tenant, AccountID: o.account, Account: &webhook.AccountItem{WABAID: o.waba, PhoneNumberID: o.number, Quality: &words, At: o.clock.now()}},
	}
}

// Whatever led to something stays alone, whatever its age, and whether it came once, again, or first before
// its account.
func TestReprocessNeverTwice(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	o.post("before its account")
	m := meanings{"before its account": o.oneOfEach("3")}
	o.post("routed", o.oneOfEach("1")...)
	m["routed"] = o.oneOfEach("1")
	o.post("sent again, routed then", o.oneOfEach("3")...)
	m["sent again, routed then"] = m["before its account"]
	o.clock.advance(7 * day)
	o.post("sent again", m["routed"]...)
	m["sent again"] = m["routed"]
	events := len(o.events())
	for range 24 {
		o.clock.advance(day)
		o.ok(o.RetainAll(ctx()))
		done := o.reprocess(m)
		equal(t, done.Events, 0)
		for _, rec := range pages(t, 0, func(p webhook.Page) (webhook.List[webhook.Audit], error) {
			return o.Audits(ctx(), webhook.AuditFilter{}, p)
		}) {
			if body := string(o.audit(rec.ID).Body); body != "before its account" && len(rec.EventIDs) != map[string]int{"routed": 4, "sent again, routed then": 4}[body] {
				t.Errorf("%s: %d events", body, len(rec.EventIDs))
			}
		}
	}
	if got := len(o.events()); got > events {
		t.Errorf("%d events, there were %d", got, events)
	}
	a, err := o.Account(ctx(), o.tenant, o.account)
	o.ok(err)
	equal(t, a.State.Quality, "3") // what came last
}

// Of a group's members there are more than a message's record holds.
func TestReprocessMembers(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	var items []webhook.Item
	for i := range 100 {
		items = append(items, o.status("g", webhook.MessageRead, func(c *webhook.StatusItem) { c.Participant = fmt.Sprint(i) }))
	}
	o.post("early")
	o.post("group", items...)
	equal(t, o.reprocess(meanings{"early": items, "group": items}).Events, 0)
}

// A record of what came before that can't be read still says that it came.
func TestReprocessDamaged(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	o.post("a", o.message("m", "c"))
	harm := func(change func(*bolt.Tx) error) {
		o.ok(o.FlushAll(ctx()))
		o.ok(o.Store.Close())
		db, err := bolt.Open(o.options.Path, 0o600, nil)
		o.ok(err)
		o.ok(errors.Join(db.Update(change), db.Close()))
		o.open()
	}
	var good []byte
	harm(func(b *bolt.Tx) error {
		k, v := b.Bucket([]byte("messages")).Cursor().First()
		good = bytes.Clone(v)
		return b.Bucket([]byte("messages")).Put(k, []byte("\x07"))
	})
	equal(t, o.reprocess(meanings{"a": {o.message("m", "c")}}), webhook.Reprocessed{Examined: 1})
	harm(first("messages", putIt(string(good))))
	harm(first("audit", putIt("\x07")))
	o.post("b")
	equal(t, o.reprocess(meanings{"b": {o.message("m2", "c")}}), webhook.Reprocessed{Examined: 1, Changed: 1, Events: 1})
	harm(first("audit", deleteIt))
}

// What never led to anything still does, as long as it is certain that it never did.
func TestReprocessOld(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	m := meanings{"early": o.oneOfEach("1")}
	o.post("early")
	o.clock.advance(8 * day)
	o.ok(o.RetainAll(ctx()))
	equal(t, o.reprocess(m), webhook.Reprocessed{Examined: 1, Changed: 1, Events: 4})

	other := o.newTenant()
	m = meanings{"late": o.oneOfEach("2"), "partly": {o.message("m4", "c"), o.message("m5", "c"), other.message("m4", "c")}}
	rec := o.post("late")
	partly := o.inbound(o.message("m4", "c"))
	partly.Body, partly.Unrouted = []byte("partly"), true
	_, err := o.Accept(ctx(), partly)
	o.ok(err)
	o.clock.advance(29 * day)
	o.ok(o.RetainAll(ctx()))
	done, err := o.Reprocess(ctx(), webhook.Reprocess{}, m.parse)
	o.ok(err)
	equal(t, done, webhook.Reprocessed{Examined: 2, Changed: 2, Events: 3, Undecided: 3})
	equal(t, o.audit(rec.ID).Outcome, webhook.Accepted)
	equal(t, len(other.events()), 1) // m5 could be a repeat: its POST came late enough for that
}

// A report that comes late changes what is older, and nothing newer. Of several the last one counts.
func TestReprocessAccountState(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	report := func(quality string) []webhook.Item {
		o.clock.advance(time.Minute)
		return []webhook.Item{{TenantID: o.tenant, AccountID: o.account, Account: &webhook.AccountItem{WABAID: o.waba, PhoneNumberID: o.number, Quality: &quality, At: o.clock.now()}}}
	}
	quality := func() string {
		a, err := o.Account(ctx(), o.tenant, o.account)
		o.ok(err)
		return a.State.Quality
	}
	m := meanings{"1": report("RED"), "2": report("GREEN")}
	first, second := o.post("1"), o.post("2")
	equal(t, o.reprocess(m).Changed, 2)
	equal(t, quality(), "GREEN")
	equal(t, o.audit(first.ID).Outcome, webhook.Accepted)
	equal(t, o.audit(second.ID).Outcome, webhook.Accepted)

	m["3"] = report("YELLOW")
	third := o.post("3")
	o.post("4", report("RED")...)
	equal(t, o.reprocess(m).Events, 0)
	equal(t, quality(), "RED")
	equal(t, o.audit(third.ID).Outcome, webhook.Duplicate)
}

// A POST whose every part had its owner is nobody else's, whoever has the number now.
func TestReprocessKeepsToTheOwner(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	other := o.newTenant()
	rec := o.post("theirs", o.message("m1", "c"))
	partly := o.inbound(o.message("m2", "c"))
	partly.Body, partly.Unrouted = []byte("partly"), true
	_, err := o.Accept(ctx(), partly)
	o.ok(err)
	moved := other.message("m3", "c")
	m := meanings{"theirs": {moved}, "partly": {o.message("m2", "c"), other.message("m4", "c")}}
	equal(t, other.reprocess(m), webhook.Reprocessed{Examined: 2, Changed: 1, Events: 1})
	equal(t, o.audit(rec.ID).TenantIDs, []uint32{o.tenant})
	events := other.events()
	equal(t, len(events), 1)
	equal(t, string(events[0].Payload), `{"wamid":"m4"}`)
}

// What can't be understood stays what it is, and keeps nothing else from being understood.
func TestReprocessUnparsed(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	text, poison := o.post("no JSON"), o.post("poison")
	o.post("good")
	equal(t, o.reprocess(meanings{"good": {o.message("m", "c")}}), webhook.Reprocessed{Examined: 3, Changed: 1, Events: 1})
	equal(t, o.audit(text.ID).Outcome, webhook.Unparsed)
	equal(t, o.audit(poison.ID).Outcome, webhook.Unrouted)
	// What could not be parsed when it came can be now.
	equal(t, o.reprocess(meanings{"good": {o.message("m", "c")}, "poison": nil}).Events, 0)
}

func TestReprocessRange(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	m := meanings{}
	var recs []webhook.Audit
	for i := range 5 {
		body := fmt.Sprint(i)
		m[body] = []webhook.Item{o.message(body, "c")}
		recs = append(recs, o.post(body))
		o.clock.advance(time.Minute)
	}
	at := func(i int) time.Time { return begun.Add(time.Duration(i) * time.Minute) }
	for _, tt := range []struct {
		r          webhook.Reprocess
		from, till int
	}{
		{webhook.Reprocess{}, 0, 5},
		{webhook.Reprocess{Range: webhook.Range{Since: at(1)}}, 1, 5},
		{webhook.Reprocess{Range: webhook.Range{Since: at(1).Add(time.Millisecond)}}, 2, 5},
		{webhook.Reprocess{Range: webhook.Range{Until: at(3)}}, 0, 3},
		{webhook.Reprocess{Range: webhook.Range{Since: at(1), Until: at(3)}}, 1, 3},
		{webhook.Reprocess{Range: webhook.Range{Since: at(3), Until: at(3)}}, 3, 3},
		{webhook.Reprocess{Range: webhook.Range{Since: at(9)}}, 5, 5},
		{webhook.Reprocess{Range: webhook.Range{Until: at(-9)}}, 0, 0},
		{webhook.Reprocess{ID: recs[2].ID}, 2, 3},
	} {
		tt.r.DryRun = true
		var met []string
		done, err := o.Reprocess(ctx(), tt.r, func(rec *webhook.Audit) webhook.Inbound {
			met = append(met, string(rec.Body))
			return m.parse(rec)
		})
		o.ok(err)
		want := []string{"0", "1", "2", "3", "4"}[tt.from:tt.till]
		equal(t, met, want)
		equal(t, done, webhook.Reprocessed{Examined: len(want), Changed: len(want), Events: len(want)})
	}
	if _, err := o.Reprocess(ctx(), webhook.Reprocess{ID: webhook.IDAt(begun)}, m.parse); !errors.Is(err, webhook.ErrNotFound) {
		t.Error(err)
	}
	if done, err := openStore(t).Reprocess(ctx(), webhook.Reprocess{}, m.parse); err != nil || done != (webhook.Reprocessed{}) {
		t.Errorf("an empty log: %+v, %v", done, err)
	}
}

// Many records go in steps. One that is cut short has done some of it, and another does the rest.
func TestReprocessInSteps(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	m := meanings{}
	want := 0
	for i := range 450 {
		body := fmt.Sprint(i)
		n := 1
		if i%100 == 7 {
			n = 300 // more than a step deals with otherwise
		}
		for j := range n {
			m[body] = append(m[body], o.message(fmt.Sprint(i, ".", j), ""))
		}
		want += n
		if i%10 == 3 { // one that comes twice
			m[body] = append(m[body], m[body][0])
			m[body+"again"] = m[body]
			o.post(body + "again")
		}
		o.post(body)
	}
	gone, cancel := context.WithCancel(ctx())
	examined := 0
	part, err := o.Reprocess(gone, webhook.Reprocess{}, func(rec *webhook.Audit) webhook.Inbound {
		if examined++; examined == 250 {
			cancel()
		}
		return m.parse(rec)
	})
	if !errors.Is(err, context.Canceled) || part.Events == 0 || part.Events >= want {
		t.Fatalf("%+v, %v", part, err)
	}
	equal(t, len(o.events()), part.Events)
	o.reopen()
	rest := o.reprocess(m)
	equal(t, rest.Examined, 495)
	equal(t, part.Events+rest.Events, want)
	// What comes in meanwhile is no part of it.
	done, err := o.Reprocess(ctx(), webhook.Reprocess{Range: webhook.Range{Until: begun.Add(time.Hour)}}, func(rec *webhook.Audit) webhook.Inbound {
		if examined++; examined%50 == 0 {
			o.post("more")
		}
		return m.parse(rec)
	})
	o.ok(err)
	equal(t, done.Examined, 495)
	equal(t, o.stats(ep).Pending, want)
}
