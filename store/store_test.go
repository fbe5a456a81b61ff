package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"cubeconnect/keyring"
	"cubeconnect/store"
	"cubeconnect/webhook"
)

// begun is when the clock of every test starts.
var begun = time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)

// ring seals what the tests keep.
var ring = keyring.New(begun)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// db is a store in a temporary folder. When the test ends it is closed, and the file checked.
type db struct {
	*store.Store
	t       testing.TB
	clock   *clock
	options store.Options
	counts  store.Counts // of the last check
	posts   int          // that acceptMany made
}

func openStore(t testing.TB, change ...func(*store.Options)) *db {
	t.Helper()
	d := &db{t: t, clock: &clock{at: begun}}
	d.options = store.Options{Path: filepath.Join(t.TempDir(), "cubeconnect.db"), Ring: ring, Now: d.clock.now}
	store.GatherLittle(&d.options, 4<<10)
	for _, f := range change {
		f(&d.options)
	}
	d.open()
	t.Cleanup(d.close)
	return d
}

func (d *db) open() {
	d.t.Helper()
	var err error
	d.Store, err = store.Open(d.options)
	d.ok(err)
}

// close closes the store and checks the file.
func (d *db) close() {
	d.t.Helper()
	d.ok(d.Store.Close())
	d.counts = verifyWith(d.t, d.options.Path, d.options.Ring)
}

func (d *db) reopen() {
	d.t.Helper()
	d.close()
	d.open()
}

func verify(t testing.TB, path string) store.Counts {
	t.Helper()
	return verifyWith(t, path, ring)
}

func verifyWith(t testing.TB, path string, ring *keyring.Ring) store.Counts {
	t.Helper()
	counts, faults, err := store.Verify(path, ring)
	if err != nil || len(faults) > 0 {
		t.Errorf("verify: %q, %v", faults, err)
	}
	return counts
}

func (d *db) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func ctx() context.Context { return context.Background() }

func equal(t testing.TB, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

// newTenant makes a tenant with one account and no endpoint.
func (d *db) newTenant() owner {
	d.t.Helper()
	tn, err := d.CreateTenant(ctx(), webhook.Tenant{Name: "T", Timezone: "Asia/Riyadh"})
	d.ok(err)
	o := owner{db: d, tenant: tn.ID, waba: fmt.Sprintf("1%05d", tn.ID), number: fmt.Sprintf("2%05d", tn.ID)}
	a, err := d.CreateAccount(ctx(), webhook.Account{TenantID: tn.ID, Name: "A", WABAID: o.waba, PhoneNumberID: o.number, DisplayPhoneNumber: "+1 555 " + o.number})
	d.ok(err)
	o.account = a.ID
	return o
}

// owner is a tenant with its account.
type owner struct {
	*db
	tenant, account uint32
	waba, number    string
}

func (o owner) endpoint(change ...func(*webhook.Endpoint)) uint32 {
	o.t.Helper()
	e := webhook.Endpoint{TenantID: o.tenant, URL: "https://example.com/", Events: []string{"*"}, Enabled: true}
	for _, f := range change {
		f(&e)
	}
	e, err := o.CreateEndpoint(ctx(), e)
	o.ok(err)
	return e.ID
}

func (o owner) event(eventType, customer, payload string) *webhook.Event {
	return &webhook.Event{TenantID: o.tenant, Type: eventType, Payload: []byte(payload), Conversation: webhook.ConversationOf(o.tenant, customer)}
}

// message is an item that a customer's message leads to.
func (o owner) message(wamid, customer string) webhook.Item {
	return webhook.Item{
		TenantID: o.tenant, AccountID: o.account,
		Message: &webhook.MessageItem{PhoneNumberID: o.number, MessageID: wamid, Customer: customer, At: o.clock.now()},
		Event:   o.event(webhook.MessageReceived, customer, `{"wamid":"`+wamid+`"}`),
	}
}

// status is an item that a status of a message leads to.
func (o owner) status(wamid string, s webhook.MessageStatus, change ...func(*webhook.StatusItem)) webhook.Item {
	item := webhook.Item{
		TenantID: o.tenant, AccountID: o.account,
		Status: &webhook.StatusItem{PhoneNumberID: o.number, MessageID: wamid, Status: s, Customer: "c", At: o.clock.now()},
		Event:  o.event(webhook.MessageStatusUpdated, "c", `{"status":"`+s.String()+`"}`),
	}
	for _, f := range change {
		f(item.Status)
	}
	return item
}

func (o owner) inbound(items ...webhook.Item) *webhook.Inbound {
	return &webhook.Inbound{
		ReceivedAt: o.clock.now(), RemoteAddr: "192.0.2.1", Headers: map[string]string{"User-Agent": "facebookexternalua"}, Body: []byte(`{"entry":[]}`),
		Items: items, Tenants: []uint32{o.tenant},
	}
}

// accept stores a POST and returns what became of it.
func (o owner) accept(items ...webhook.Item) webhook.AuditOutcome {
	o.t.Helper()
	outcome, err := o.Accept(ctx(), o.inbound(items...))
	o.ok(err)
	return outcome
}

// acceptMany stores n new messages of some customers in one POST, and returns their events' ids.
func (o owner) acceptMany(n int, customers ...string) []webhook.ID {
	o.t.Helper()
	var items []webhook.Item
	for i := range n {
		customer := ""
		if len(customers) > 0 {
			customer = customers[i%len(customers)]
		}
		items = append(items, o.message(fmt.Sprintf("wamid.%d.%d", o.posts, i), customer))
	}
	o.posts++
	equal(o.t, o.accept(items...), webhook.Accepted)
	return o.lastAudit().EventIDs
}

func (o owner) lastAudit() webhook.Audit {
	o.t.Helper()
	list, err := o.Audits(ctx(), webhook.AuditFilter{}, webhook.Page{Limit: 1})
	o.ok(err)
	if len(list.Items) != 1 {
		o.t.Fatal("there is no audit record")
	}
	return list.Items[0]
}

func (o owner) publish(eventType, customer string) webhook.ID {
	o.t.Helper()
	id, err := o.Publish(ctx(), webhook.Publication{Event: *o.event(eventType, customer, `{"event":"`+eventType+`"}`)})
	o.ok(err)
	return id
}

func delivered() webhook.Outcome {
	return webhook.Outcome{Verdict: webhook.Delivered, Attempt: webhook.Attempt{StartedAt: begun, Duration: time.Second, StatusCode: 200}}
}

func failed() webhook.Outcome {
	return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{StartedAt: begun, Duration: time.Second, StatusCode: 500, Error: webhook.ErrorStatus, ResponseBody: []byte("no")}}
}

// finish stores the outcome of an attempt.
func (o owner) finish(delivery webhook.ID, out webhook.Outcome, next time.Time) webhook.Finished {
	o.t.Helper()
	f, err := o.Finish(ctx(), delivery, o.tenant, out, next)
	o.ok(err)
	return f
}

func (o owner) succeed(delivery webhook.ID) {
	o.t.Helper()
	o.finish(delivery, delivered(), time.Time{})
}
func (o owner) kill(delivery webhook.ID) { o.t.Helper(); o.finish(delivery, failed(), time.Time{}) }

// settleAll gives many deliveries the same outcome in one commit.
func (o owner) settleAll(endpoint uint32, events []webhook.ID, out webhook.Outcome, next time.Time) {
	o.t.Helper()
	var list []webhook.Settlement
	for _, id := range events {
		list = append(list, webhook.Settlement{ID: id.WithOwner(endpoint), TenantID: o.tenant, Outcome: out, Next: next})
	}
	_, err := o.Settle(ctx(), list, true)
	o.ok(err)
}

func (o owner) delivery(id webhook.ID) webhook.Delivery {
	o.t.Helper()
	d, _, err := o.Delivery(ctx(), o.tenant, id)
	o.ok(err)
	return d
}

func (o owner) stats(endpoint uint32) webhook.EndpointStats {
	o.t.Helper()
	all, err := o.EndpointStats(ctx())
	o.ok(err)
	return all[endpoint]
}

// due returns the events whose deliveries may start, and those that must wait.
func (o owner) due(endpoint uint32) (ready, behind []webhook.ID) {
	o.t.Helper()
	list, err := o.Due(endpoint, o.clock.now(), 1000, func(webhook.ID) bool { return false })
	o.ok(err)
	return events(o.tenant, list.Ready), events(o.tenant, list.Behind)
}

func events(tenant uint32, list []webhook.Due) (ids []webhook.ID) {
	for _, d := range list {
		ids = append(ids, d.ID.OfTenant(tenant))
	}
	return ids
}

// pages reads a list to its end.
func pages[T any](t testing.TB, limit int, list func(webhook.Page) (webhook.List[T], error)) (all []T) {
	t.Helper()
	p := webhook.Page{Limit: limit}
	for range 10_000 {
		l, err := list(p)
		if err != nil {
			t.Fatal(err)
		}
		if most := min(max(limit, 0), webhook.MaxPage); len(l.Items) > most && limit > 0 || len(l.Items) > webhook.DefaultPage && limit <= 0 {
			t.Fatalf("a page of %d has %d", limit, len(l.Items))
		}
		all = append(all, l.Items...)
		if l.Next == "" {
			return all
		}
		if l.Next == p.Cursor {
			t.Fatalf("the page after %q is itself", l.Next)
		}
		p.Cursor = l.Next
	}
	t.Fatal("the list has no end")
	return nil
}

func (o owner) deliveries(f webhook.DeliveryFilter) []webhook.Delivery {
	o.t.Helper()
	return pages(o.t, webhook.MaxPage, func(p webhook.Page) (webhook.List[webhook.Delivery], error) {
		return o.Deliveries(ctx(), o.tenant, f, p)
	})
}

func (o owner) events() []webhook.Event {
	o.t.Helper()
	return pages(o.t, webhook.MaxPage, func(p webhook.Page) (webhook.List[webhook.Event], error) {
		return o.Events(ctx(), o.tenant, webhook.EventFilter{}, p)
	})
}

func reversed[T any](list []T) []T {
	list = slices.Clone(list)
	slices.Reverse(list)
	return list
}
