package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// listed is a record as a list shows it, with what filters ask about.
type listed struct {
	id       webhook.ID
	kind     string // event type, or outcome
	tenant   uint32
	endpoint uint32
	status   webhook.Status
	of       webhook.Conversation
}

func in(r webhook.Range, id webhook.ID) bool {
	return !id.Time().Before(r.Since) && (r.Until.IsZero() || id.Time().Before(r.Until))
}

func sameIDs[T any](t *testing.T, what string, got []T, id func(T) webhook.ID, want []listed) {
	t.Helper()
	slices.SortFunc(want, func(a, b listed) int {
		if a.id.Before(b.id) {
			return 1
		}
		return -1
	})
	if len(got) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if id(got[i]) != want[i].id {
			t.Errorf("%s: the %d. is %s, want %s", what, i+1, id(got[i]), want[i].id)
			return
		}
	}
}

// Every list of records that stand by age, with any filter and page, shows what a plain loop over all of
// them finds, newest first.
func TestListsShowWhatMatches(t *testing.T) {
	t.Parallel()
	d := openStore(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	owners := []owner{d.newTenant(), d.newTenant()}
	types := []string{webhook.CampaignCreated, webhook.CampaignStarted, webhook.MessageReceived}
	var audits, evs, dels []listed
	for _, o := range owners {
		o.endpoint()
		o.endpoint(func(e *webhook.Endpoint) { e.Events = types[1:] })
	}
	for post := range 60 {
		o := owners[rnd.IntN(2)]
		var items []webhook.Item
		for i := range rnd.IntN(8) {
			item := o.message(fmt.Sprint(post, i), []string{"", "a", "b"}[rnd.IntN(3)])
			item.Event.Type = types[rnd.IntN(3)]
			items = append(items, item)
		}
		outcome := o.accept(items...)
		a := o.lastAudit()
		audits = append(audits, listed{id: a.ID, kind: string(outcome), tenant: o.tenant})
		var settle []webhook.Settlement
		for _, id := range a.EventIDs {
			e, deliveries, err := o.Event(ctx(), o.tenant, id)
			d.ok(err)
			evs = append(evs, listed{id: id, kind: e.Type, tenant: o.tenant, of: e.Conversation})
			for _, dv := range deliveries {
				status := webhook.Status(1 + rnd.IntN(4))
				dels = append(dels, listed{dv.ID, e.Type, o.tenant, dv.EndpointID(), status, e.Conversation})
				st := webhook.Settlement{ID: dv.ID, TenantID: o.tenant, Outcome: failed()}
				switch status {
				case webhook.Pending:
					continue
				case webhook.Retrying:
					st.Next = begun
				case webhook.Succeeded:
					st.Outcome = delivered()
				}
				settle = append(settle, st)
			}
		}
		_, err := d.Settle(ctx(), settle, true)
		d.ok(err)
		d.clock.advance(time.Duration(rnd.IntN(3)) * time.Millisecond)
	}
	instant := func() (at time.Time) {
		if rnd.IntN(3) > 0 {
			at = begun.Add(time.Duration(rnd.IntN(140)-10) * time.Millisecond / 2)
		}
		return at
	}
	limits := []int{1, 3, 10, 50, 0, 200, 1000, -1}
	for range 150 {
		o, limit, span := owners[rnd.IntN(2)], limits[rnd.IntN(len(limits))], webhook.Range{Since: instant(), Until: instant()}
		kind := append(types, "", webhook.WebhookTest)[rnd.IntN(5)]
		of := []webhook.Conversation{0, 0, webhook.ConversationOf(o.tenant, "a")}[rnd.IntN(3)]

		var want []listed
		for _, e := range evs {
			if e.tenant == o.tenant && in(span, e.id) && (kind == "" || e.kind == kind) && (of == 0 || e.of == of) {
				want = append(want, e)
			}
		}
		ef := webhook.EventFilter{Type: kind, Conversation: of, Range: span}
		sameIDs(t, fmt.Sprintf("events %+v by %d", ef, limit),
			pages(t, limit, func(p webhook.Page) (webhook.List[webhook.Event], error) { return d.Events(ctx(), o.tenant, ef, p) }),
			func(e webhook.Event) webhook.ID { return e.ID }, want)

		df := webhook.DeliveryFilter{Status: webhook.Status(rnd.IntN(5)), EventType: kind, EndpointID: uint32(rnd.IntN(6)), Conversation: of, Range: span}
		want = nil
		for _, dv := range dels {
			if dv.tenant == o.tenant && in(span, dv.id) && (kind == "" || dv.kind == kind) && (df.Status == 0 || dv.status == df.Status) && (df.EndpointID == 0 || dv.endpoint == df.EndpointID) && (of == 0 || dv.of == of) {
				want = append(want, dv)
			}
		}
		sameIDs(t, fmt.Sprintf("deliveries %+v by %d", df, limit),
			pages(t, limit, func(p webhook.Page) (webhook.List[webhook.Delivery], error) {
				return d.Deliveries(ctx(), o.tenant, df, p)
			}),
			func(dv webhook.Delivery) webhook.ID { return dv.ID }, want)

		af := webhook.AuditFilter{TenantID: uint32(rnd.IntN(4)), Outcome: []webhook.AuditOutcome{"", webhook.Accepted, webhook.Ignored}[rnd.IntN(3)], Range: span}
		want = nil
		for _, a := range audits {
			if in(span, a.id) && (af.TenantID == 0 || a.tenant == af.TenantID) && (af.Outcome == "" || a.kind == string(af.Outcome)) {
				want = append(want, a)
			}
		}
		sameIDs(t, fmt.Sprintf("audits %+v by %d", af, limit),
			pages(t, limit, func(p webhook.Page) (webhook.List[webhook.Audit], error) { return d.Audits(ctx(), af, p) }),
			func(a webhook.Audit) webhook.ID { return a.ID }, want)
	}
}

// What comes in while somebody turns the pages is not shown twice, and hides nothing.
func TestPagesWhileRecordsComeIn(t *testing.T) {
	o := openStore(t).newTenant()
	want := o.acceptMany(100)
	var got []webhook.ID
	for _, e := range pages(t, 9, func(p webhook.Page) (webhook.List[webhook.Event], error) {
		o.clock.advance(time.Millisecond)
		o.acceptMany(3)
		return o.Events(ctx(), o.tenant, webhook.EventFilter{Range: webhook.Range{Until: begun.Add(time.Millisecond)}}, p)
	}) {
		got = append(got, e.ID)
	}
	equal(t, got, reversed(want))
}

// The lists of what is numbered: newest first, each once.
func TestNumberedLists(t *testing.T) {
	t.Parallel()
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	other.endpoint()
	var tenants, accounts, endpoints, keys []uint32
	tenants = append(tenants, o.tenant, other.tenant)
	accounts = append(accounts, o.account)
	for i := range 23 {
		tn, err := d.CreateTenant(ctx(), webhook.Tenant{Timezone: "UTC"})
		d.ok(err)
		a, err := d.CreateAccount(ctx(), webhook.Account{TenantID: o.tenant, WABAID: "9", PhoneNumberID: fmt.Sprint("9", i)})
		d.ok(err)
		k, err := d.CreateAPIKey(ctx(), webhook.APIKey{Hash: [32]byte{byte(i)}})
		d.ok(err)
		tenants, accounts, endpoints, keys = append(tenants, tn.ID), append(accounts, a.ID), append(endpoints, o.endpoint()), append(keys, k.ID)
	}
	for _, reopened := range []bool{false, true} {
		if reopened {
			d.reopen()
		}
		for _, limit := range []int{1, 7, 23, 24, 0} {
			ids := map[string][]uint32{}
			for _, v := range pages(t, limit, func(p webhook.Page) (webhook.List[webhook.Tenant], error) { return d.Tenants(ctx(), p) }) {
				ids["tenants"] = append(ids["tenants"], v.ID)
			}
			for _, v := range pages(t, limit, func(p webhook.Page) (webhook.List[webhook.Account], error) { return d.Accounts(ctx(), o.tenant, p) }) {
				ids["accounts"] = append(ids["accounts"], v.ID)
			}
			for _, v := range pages(t, limit, func(p webhook.Page) (webhook.List[webhook.Endpoint], error) { return d.Endpoints(ctx(), o.tenant, p) }) {
				ids["endpoints"] = append(ids["endpoints"], v.ID)
			}
			for _, v := range pages(t, limit, func(p webhook.Page) (webhook.List[webhook.APIKey], error) { return d.APIKeys(ctx(), p) }) {
				ids["keys"] = append(ids["keys"], v.ID)
			}
			equal(t, ids, map[string][]uint32{"tenants": reversed(tenants), "accounts": reversed(accounts), "endpoints": reversed(endpoints), "keys": reversed(keys)})
		}
	}
}

func TestForeignCursors(t *testing.T) {
	o := openStore(t).newTenant()
	for _, cursor := range []string{"x", "-1", "99999999999", " ", "01KKBR5KP01P1MQ15MEW000001x", "1773142200000-zz"} {
		p := webhook.Page{Cursor: cursor}
		for name, list := range map[string]func() error{
			"tenants":    func() error { _, err := o.Tenants(ctx(), p); return err },
			"accounts":   func() error { _, err := o.Accounts(ctx(), o.tenant, p); return err },
			"endpoints":  func() error { _, err := o.Endpoints(ctx(), o.tenant, p); return err },
			"keys":       func() error { _, err := o.APIKeys(ctx(), p); return err },
			"audits":     func() error { _, err := o.Audits(ctx(), webhook.AuditFilter{}, p); return err },
			"events":     func() error { _, err := o.Events(ctx(), o.tenant, webhook.EventFilter{}, p); return err },
			"deliveries": func() error { _, err := o.Deliveries(ctx(), o.tenant, webhook.DeliveryFilter{}, p); return err },
			"templates":  func() error { _, err := o.Templates(ctx(), webhook.TemplateFilter{}, p); return err },
		} {
			if err := list(); !errors.Is(err, webhook.ErrInvalid) {
				t.Errorf("%s after %q: %v", name, cursor, err)
			}
		}
	}
}

func TestAPIKeys(t *testing.T) {
	d := openStore(t)
	o := d.newTenant()
	given := webhook.APIKey{Name: "n", TenantID: o.tenant, Prefix: "cc_x", Hash: [32]byte{1, 2, 3}}
	made, err := d.CreateAPIKey(ctx(), given)
	d.ok(err)
	given.ID, given.CreatedAt = 1, begun
	equal(t, made, given)
	admins, err := d.CreateAPIKey(ctx(), webhook.APIKey{Name: "admin", Hash: [32]byte{9}})
	d.ok(err)
	d.reopen()
	k, ok := d.APIKeyByHash(given.Hash)
	equal(t, ok, true)
	equal(t, k, given)
	_, ok = d.APIKeyByHash([32]byte{1})
	equal(t, ok, false)
	_, err = d.CreateAPIKey(ctx(), webhook.APIKey{TenantID: 99})
	equal(t, err, webhook.ErrNotFound)
	d.ok(d.DeleteTenant(ctx(), o.tenant)) // its keys go with it
	_, ok = d.APIKeyByHash(given.Hash)
	equal(t, ok, false)
	equal(t, d.DeleteAPIKey(ctx(), made.ID), webhook.ErrNotFound)
	d.ok(d.DeleteAPIKey(ctx(), admins.ID))
	_, ok = d.APIKeyByHash(admins.Hash)
	equal(t, ok, false)
	d.reopen()
	_, ok = d.APIKeyByHash(admins.Hash)
	equal(t, ok, false)
}
