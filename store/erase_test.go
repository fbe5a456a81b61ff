package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/store"
	"cubeconnect/store/wal"
	"cubeconnect/webhook"
)

const phone = "966501234567"

// redacting opens a store in which a text loses every word that is the customer's id.
func redacting(o *store.Options) {
	o.Redact = func(text []byte, e *webhook.Erasure, others func(waba, number string) bool) ([]byte, bool) {
		if others != nil && others("", "") {
			return text, false
		}
		left := bytes.ReplaceAll(text, []byte(e.Customer), []byte("erased"))
		return left, !bytes.Equal(left, text)
	}
}

func (o owner) erase(customer string) webhook.Erased {
	o.t.Helper()
	done, err := o.Erase(ctx(), webhook.Erasure{TenantID: o.tenant, Customer: customer})
	o.ok(err)
	return done
}

// from is an item of a customer's message whose payload says whose it is.
func (o owner) from(wamid, customer string) webhook.Item {
	item := o.message(wamid, customer)
	item.Event.Payload = fmt.Appendf(nil, `{"from":"%s","wa_message_id":"%s"}`, customer, wamid)
	return item
}

// onDisk counts how often a text stands in the records of the database file, and in its log.
func (d *db) onDisk(text string) (n int) {
	d.t.Helper()
	d.ok(d.Store.Close())
	defer d.open()
	b, err := bolt.Open(d.options.Path, 0o600, &bolt.Options{ReadOnly: true})
	d.ok(err)
	d.ok(b.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(_ []byte, records *bolt.Bucket) error {
			return records.ForEach(func(k, v []byte) error {
				n += bytes.Count(k, []byte(text)) + bytes.Count(v, []byte(text))
				return nil
			})
		})
	}))
	d.ok(b.Close())
	return n
}

// inLog counts how often a text stands in the files of the log, remains included.
func (d *db) inLog(text string) (n int) {
	d.t.Helper()
	for _, name := range wal.Names(d.options.Path) {
		b, err := os.ReadFile(name)
		d.ok(err)
		n += bytes.Count(b, []byte(text))
	}
	return n
}

// Everything of the customer goes, nothing of anybody else, and what Meta sends again makes nothing.
func TestErase(t *testing.T) {
	t.Parallel()
	d := openStore(t, redacting)
	o, other := d.newTenant(), d.newTenant()
	ep, ep2, theirs := o.endpoint(), o.endpoint(), other.endpoint()
	body := `{"from":"` + phone + `"}`

	o.post(body, o.from("wamid.1", phone), o.from("wamid.2", "2"))
	first := o.lastAudit()
	o.post(body, o.status("wamid.out", webhook.MessageFailed, func(s *webhook.StatusItem) { s.Customer, s.Errors = phone, []byte(`[{"title":"`+phone+`"}]`) }))
	o.finish(first.EventIDs[0].WithOwner(ep), failed(), begun.Add(time.Minute))
	o.succeed(first.EventIDs[0].WithOwner(ep2))
	o.post(body, o.from("wamid.3", phone)) // waits behind the first
	ready, behind := o.due(ep)
	o.ok(o.Park(ctx(), o.tenant, webhook.ID{}, append(withOwner(ready, ep), withOwner(behind, ep)...)))
	o.post(body, o.from("wamid.1", phone)) // a repeat
	other.post(body, other.from("wamid.9", phone))
	theirsFirst := o.lastAudit().EventIDs[0]
	quality, err := o.Publish(ctx(), webhook.Publication{Event: webhook.Event{TenantID: o.tenant, Type: webhook.AccountQualityEvent, Payload: []byte(`{"user_phone":"+` + phone + `"}`)}})
	o.ok(err)
	mention, err := o.Publish(ctx(), webhook.Publication{Event: webhook.Event{TenantID: o.tenant, Type: webhook.CampaignCreated, Payload: []byte(`{"recipients":["` + phone + `"]}`)}})
	o.ok(err)
	o.clock.advance(time.Minute)

	if o.inLog(phone) == 0 {
		t.Error("the log has nothing to wipe")
	}
	done := o.erase(phone)
	equal(t, o.inLog(phone), 0)
	// The events: of wamid.1, wamid.3 and what was published. The status' conversation is the fixture's "c".
	equal(t, done, webhook.Erased{Messages: 3, LastInbound: 1, Events: 3, Deliveries: 6, Attempts: 2, Audits: 4, Mentions: 1})
	for _, id := range []webhook.ID{first.EventIDs[0], quality} {
		if _, _, err := o.Event(ctx(), o.tenant, id); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("event %s: %v", id, err)
		}
	}
	if e, _, err := o.Event(ctx(), o.tenant, mention); err != nil || string(e.Payload) != `{"recipients":["erased"]}` {
		t.Errorf("%s %v", e.Payload, err)
	}
	for _, wamid := range []string{"wamid.1", "wamid.3", "wamid.out"} {
		if _, err := o.Messages(ctx(), o.tenant, wamid); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s: %v", wamid, err)
		}
	}
	rec := o.audit(first.ID)
	equal(t, []any{string(rec.Body), rec.ErasedAt, rec.Outcome, rec.EventIDs, rec.Size, rec.RemoteAddr}, []any{`{"from":"erased"}`, o.clock.now(), webhook.Accepted, first.EventIDs, len(body), "192.0.2.1"})
	for id, want := range map[uint32]int{o.tenant: 4, other.tenant: 1} { // the tenants stand behind the time of the erasure
		found, err := o.Audits(ctx(), webhook.AuditFilter{TenantID: id}, webhook.Page{})
		o.ok(err)
		equal(t, len(found.Items), want)
	}
	if at, err := o.LastInbound(ctx(), o.account, phone); err != nil || !at.IsZero() {
		t.Errorf("%v %v", at, err)
	}

	// Of others everything is there, and goes on.
	equal(t, len(o.events()), 3)
	if _, err := o.Messages(ctx(), o.tenant, "wamid.2"); err != nil {
		t.Error(err)
	}
	o.succeed(first.EventIDs[1].WithOwner(ep))
	other.succeed(theirsFirst.WithOwner(theirs))
	if at, err := other.LastInbound(ctx(), other.account, phone); err != nil || at.IsZero() {
		t.Errorf("%v %v", at, err)
	}

	// An attempt that was under way changes nothing; a repeat makes nothing; asking again finds nothing.
	equal(t, o.finish(first.EventIDs[0].WithOwner(ep), failed(), begun.Add(time.Hour)), webhook.Finished{})
	equal(t, o.accept(o.from("wamid.1", phone), o.from("wamid.3", phone)), webhook.Duplicate)
	equal(t, o.erase(phone), webhook.Erased{})
	equal(t, o.onDisk(phone), 3) // the other tenant's: body, payload, message's state
	equal(t, other.erase(phone), webhook.Erased{Messages: 1, LastInbound: 1, Events: 1, Deliveries: 1, Attempts: 1, Audits: 1})
	equal(t, o.onDisk(phone), 0)

	// Something new is a new beginning.
	equal(t, o.accept(o.status("wamid.out", webhook.MessageRead, func(s *webhook.StatusItem) { s.Customer = phone })), webhook.Accepted)
	list, err := o.Messages(ctx(), o.tenant, "wamid.out")
	o.ok(err)
	equal(t, []any{len(list), list[0].Customer, list[0].Status}, []any{1, phone, webhook.MessageRead})

	_, err = d.Erase(ctx(), webhook.Erasure{TenantID: 99, Customer: phone})
	equal(t, errors.Is(err, webhook.ErrNotFound), true)
}

func withOwner(ids []webhook.ID, endpoint uint32) (out []webhook.ID) {
	for _, id := range ids {
		out = append(out, id.WithOwner(endpoint))
	}
	return out
}

// In a group the others' messages wait behind the customer's, and go on when that is gone.
func TestEraseInAGroup(t *testing.T) {
	t.Parallel()
	o := openStore(t, redacting).newTenant()
	ep := o.endpoint()
	group := webhook.ConversationOf(o.tenant, "GROUP")
	items := []webhook.Item{o.from("wamid.1", phone), o.from("wamid.2", "2"), o.from("wamid.3", phone), o.from("wamid.4", "2")}
	for i := range items {
		items[i].Event.Conversation = group
	}
	o.accept(items...)
	ids := o.lastAudit().EventIDs
	o.finish(ids[0].WithOwner(ep), failed(), begun.Add(time.Hour))
	o.ok(o.Park(ctx(), o.tenant, webhook.ID{}, withOwner(ids[1:], ep)))
	if ready, _ := o.due(ep); len(ready) != 0 {
		t.Fatal("nothing waits")
	}
	o.accept(o.status("wamid.out", webhook.MessageRead, func(s *webhook.StatusItem) { s.Customer, s.Participant = "GROUP", phone }),
		o.status("wamid.out", webhook.MessageRead, func(s *webhook.StatusItem) { s.Customer, s.Participant = "GROUP", "2" }))
	done := o.erase(phone)
	equal(t, []int{done.Events, done.Deliveries, done.Messages}, []int{2, 2, 3})
	list, err := o.Messages(ctx(), o.tenant, "wamid.out")
	o.ok(err)
	equal(t, []any{list[0].Status, len(list[0].History), list[0].History[0].Participant}, []any{webhook.MessageRead, 1, "2"})
	equal(t, o.accept(o.status("wamid.out", webhook.MessageRead, func(s *webhook.StatusItem) { s.Customer, s.Participant = "GROUP", phone })), webhook.Duplicate)
	ready, _ := o.due(ep)
	equal(t, ready[:1], ids[1:2])
	o.succeed(ids[1].WithOwner(ep))
	ready, _ = o.due(ep)
	equal(t, ready[:1], ids[3:])
}

// What POSTs say is not derived again: not of the customer, and of the others only what is new.
func TestEraseAndReprocess(t *testing.T) {
	t.Parallel()
	o := openStore(t, redacting).newTenant()
	o.endpoint()
	rec := o.post("of "+phone, o.from("wamid.1", phone))
	o.post("of "+phone+" too", o.from("wamid.1", phone))
	means := meanings{"of " + phone: {o.from("wamid.1", phone), o.from("wamid.2", phone), o.from("wamid.3", "2")}, "of erased": {o.from("wamid.3", "2")}}
	parse := func(a *webhook.Audit) webhook.Inbound {
		in := means.parse(a)
		if a.ID == rec.ID && strings.Contains(string(a.Body), phone) { // erased just after it was read
			o.erase(phone)
		}
		return in
	}
	done, err := o.Reprocess(ctx(), webhook.Reprocess{}, parse)
	o.ok(err)
	equal(t, []int{done.Changed, done.Events}, []int{1, 1})
	list := o.events()
	equal(t, []any{len(list), string(list[0].Payload)}, []any{1, `{"from":"2","wa_message_id":"wamid.3"}`})
	done, err = o.Reprocess(ctx(), webhook.Reprocess{}, parse)
	o.ok(err)
	equal(t, []int{done.Changed, done.Events}, []int{0, 0})
	equal(t, o.onDisk(phone), 0)
}

// A POST of two tenants loses what belongs to the one that asks; one of somebody else's alone is not touched.
func TestEraseLeavesOtherTenants(t *testing.T) {
	t.Parallel()
	asked := 0
	d := openStore(t, func(o *store.Options) {
		o.Redact = func(text []byte, e *webhook.Erasure, others func(waba, number string) bool) ([]byte, bool) {
			if others == nil {
				return text, false
			}
			asked++
			equal(t, []bool{others("100001", "200001"), others("100002", "200002"), others("", "3"), others("100002", "")}, []bool{false, true, false, true})
			return []byte("rest"), true
		}
	})
	o, other := d.newTenant(), d.newTenant()
	shared := o.inbound(o.from("wamid.1", "1"), other.from("wamid.2", "2"))
	shared.Body, shared.Tenants = []byte(phone), []uint32{o.tenant, other.tenant}
	foreign := other.inbound()
	foreign.Body, foreign.Unrouted = []byte(phone), true
	for _, in := range []*webhook.Inbound{shared, foreign} {
		_, err := d.Accept(ctx(), in)
		o.ok(err)
	}
	equal(t, o.erase(phone), webhook.Erased{Audits: 1})
	equal(t, asked, 1)
	equal(t, string(o.audit(o.lastAudit().ID).Body), phone)
}

// Cut short at any moment, the file is whole, and asking again does the rest. Many records are done in steps.
func TestEraseCutShort(t *testing.T) {
	t.Parallel()
	o := openStore(t, redacting).newTenant()
	ep := o.endpoint()
	for range 6 {
		var items []webhook.Item
		for i := range 150 {
			items = append(items, o.from(fmt.Sprint("wamid.", o.posts, ".", i), []string{phone, "2", "3"}[i%3]))
		}
		o.posts++
		in := o.inbound(items...)
		in.Body = []byte(phone)
		_, err := o.Accept(ctx(), in)
		o.ok(err)
	}
	ready, _ := o.due(ep)
	for i, id := range ready[:90] {
		o.finish(id.WithOwner(ep), failed(), begun.Add(time.Duration(i)*time.Minute))
	}
	commits := 0
	total := webhook.Erased{}
	for ; ; commits++ {
		short := &expiring{Context: ctx(), left: 1 + commits}
		done, err := o.Erase(short, webhook.Erasure{TenantID: o.tenant, Customer: phone})
		total.Events += done.Events
		total.Deliveries += done.Deliveries
		total.Messages += done.Messages
		total.Audits += done.Audits
		if err == nil {
			break
		}
		o.reopen() // and verify
	}
	equal(t, total, webhook.Erased{Events: 300, Deliveries: 300, Messages: 300, Audits: 6})
	if commits < 5 {
		t.Errorf("it was cut short %d times", commits)
	}
	equal(t, len(o.events()), 600)
	equal(t, o.onDisk(phone), 0)
}

// expiring is a context that ends when it has been asked a number of times.
type expiring struct {
	context.Context
	left int
}

func (e *expiring) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}
