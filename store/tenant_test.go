package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func TestTenants(t *testing.T) {
	d := openStore(t)
	a, err := d.CreateTenant(ctx(), webhook.Tenant{Name: "A", Timezone: "UTC"})
	d.ok(err)
	equal(t, a, webhook.Tenant{ID: 1, Name: "A", Timezone: "UTC", CreatedAt: begun})
	d.clock.advance(time.Hour)
	b, err := d.UpdateTenant(ctx(), a.ID, func(v *webhook.Tenant) error { v.Name = "B"; return nil })
	d.ok(err)
	d.reopen()
	got, err := d.Tenant(ctx(), a.ID)
	d.ok(err)
	equal(t, got, b)
	equal(t, got, webhook.Tenant{ID: 1, Name: "B", Timezone: "UTC", CreatedAt: begun})

	refusal := errors.New("no")
	_, err = d.UpdateTenant(ctx(), a.ID, func(v *webhook.Tenant) error { v.Name = "C"; return refusal })
	equal(t, errors.Is(err, refusal), true)
	got, err = d.Tenant(ctx(), a.ID)
	d.ok(err)
	equal(t, got.Name, "B")

	d.ok(d.DeleteTenant(ctx(), a.ID))
	for name, err := range map[string]error{
		"get": func() error { _, err := d.Tenant(ctx(), a.ID); return err }(),
		"update": func() error {
			_, err := d.UpdateTenant(ctx(), a.ID, func(*webhook.Tenant) error { return nil })
			return err
		}(),
		"delete": d.DeleteTenant(ctx(), a.ID),
	} {
		if !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.reopen()
	c, err := d.CreateTenant(ctx(), webhook.Tenant{Name: "C", Timezone: "UTC"})
	d.ok(err)
	equal(t, c.ID, 2) // an id is never given twice
}

// What doesn't exist, or belongs to another tenant, can't be found.
func TestNotFound(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	ep := other.endpoint()
	event := other.publish(webhook.CampaignCreated, "")
	delivery := event.WithOwner(ep)
	var p webhook.Page
	for name, call := range map[string]func(tenant uint32) error{
		"accounts":          func(tn uint32) error { _, err := d.Accounts(ctx(), tn, p); return err },
		"account":           func(tn uint32) error { _, err := d.Account(ctx(), tn, other.account); return err },
		"change an account": func(tn uint32) error { _, err := d.UpdateAccount(ctx(), tn, other.account, noChange); return err },
		"delete an account": func(tn uint32) error { return d.DeleteAccount(ctx(), tn, other.account) },
		"endpoints":         func(tn uint32) error { _, err := d.Endpoints(ctx(), tn, p); return err },
		"endpoint":          func(tn uint32) error { _, err := d.Endpoint(ctx(), tn, ep); return err },
		"change an endpoint": func(tn uint32) error {
			_, err := d.UpdateEndpoint(ctx(), tn, ep, func(*webhook.Endpoint) error { return nil })
			return err
		},
		"delete an endpoint": func(tn uint32) error { return d.DeleteEndpoint(ctx(), tn, ep) },
		"events":             func(tn uint32) error { _, err := d.Events(ctx(), tn, webhook.EventFilter{}, p); return err },
		"event":              func(tn uint32) error { _, _, err := d.Event(ctx(), tn, event); return err },
		"deliveries":         func(tn uint32) error { _, err := d.Deliveries(ctx(), tn, webhook.DeliveryFilter{}, p); return err },
		"delivery":           func(tn uint32) error { _, _, err := d.Delivery(ctx(), tn, delivery); return err },
		"retry":              func(tn uint32) error { return d.Retry(ctx(), tn, delivery) },
		"replay":             func(tn uint32) error { _, err := d.Replay(ctx(), tn, webhook.Replay{Missing: true}); return err },
		"publish": func(tn uint32) error {
			_, err := d.Publish(ctx(), webhook.Publication{Event: webhook.Event{TenantID: tn}})
			return err
		},
		"make an account": func(tn uint32) error {
			_, err := d.CreateAccount(ctx(), webhook.Account{TenantID: tn, PhoneNumberID: "x"})
			return err
		},
		"make an endpoint": func(tn uint32) error { _, err := d.CreateEndpoint(ctx(), webhook.Endpoint{TenantID: tn}); return err },
	} {
		if err := call(99); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s of a tenant that doesn't exist: %v", name, err)
		}
		switch name {
		case "accounts", "endpoints", "events", "deliveries", "replay", "publish", "make an account", "make an endpoint":
			continue // the tenant's own
		}
		if err := call(o.tenant); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("%s of another tenant: %v", name, err)
		}
	}
	_, _, err := d.Event(ctx(), other.tenant, delivery)
	equal(t, errors.Is(err, webhook.ErrNotFound), true) // a delivery's id is no event's
	_, err = d.Audit(ctx(), event)
	equal(t, errors.Is(err, webhook.ErrNotFound), true)
}

func noChange(*webhook.Account) error { return nil }

// A WABA belongs to one tenant only, a number to one account.
func TestAccountConflicts(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	for _, tt := range []struct {
		name         string
		tenant       uint32
		waba, number string
		ok           bool
	}{
		{"another number of the WABA", o.tenant, o.waba, "31", true},
		{"a new WABA", o.tenant, "41", "32", true},
		{"a number that is taken", o.tenant, o.waba, o.number, false},
		{"a number that another tenant has", other.tenant, other.waba, o.number, false},
		{"a WABA that another tenant has", other.tenant, o.waba, "33", false},
		{"and with a new number", other.tenant, "41", "34", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := d.CreateAccount(ctx(), webhook.Account{TenantID: tt.tenant, WABAID: tt.waba, PhoneNumberID: tt.number})
			if tt.ok {
				d.ok(err)
				return
			}
			equal(t, errors.Is(err, webhook.ErrConflict), true)
			mine, err := d.CreateAccount(ctx(), webhook.Account{TenantID: tt.tenant, WABAID: "5", PhoneNumberID: "5"})
			d.ok(err)
			_, err = d.UpdateAccount(ctx(), tt.tenant, mine.ID, func(a *webhook.Account) error {
				a.WABAID, a.PhoneNumberID = tt.waba, tt.number
				return nil
			})
			equal(t, errors.Is(err, webhook.ErrConflict), true)
			got, err := d.Account(ctx(), tt.tenant, mine.ID)
			d.ok(err)
			equal(t, got.WABAID+got.PhoneNumberID, "55")
			d.ok(d.DeleteAccount(ctx(), tt.tenant, mine.ID))
			equal(t, a.CreatedAt.IsZero(), true)
		})
	}
	// What is let go of can be had by others.
	d.ok(d.DeleteAccount(ctx(), o.tenant, o.account))
	_, err := d.CreateAccount(ctx(), webhook.Account{TenantID: other.tenant, WABAID: other.waba, PhoneNumberID: o.number})
	d.ok(err)
}

func TestRoute(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	second, err := d.CreateAccount(ctx(), webhook.Account{TenantID: o.tenant, WABAID: o.waba, PhoneNumberID: "31"})
	d.ok(err)
	check := func(when string, cases map[[2]string]uint32) {
		t.Helper()
		for ids, want := range cases {
			tenant, account, zone, ok := d.Route(ids[0], ids[1])
			if ok != (want != 0) || account != want {
				t.Errorf("%s: %q leads to account %d of %d (%t), want %d", when, ids, account, tenant, ok, want)
			} else if ok && (zone.String() != "Asia/Riyadh" || tenant == 0) {
				t.Errorf("%s: %q leads to tenant %d in %s", when, ids, tenant, zone)
			}
		}
	}
	cases := map[[2]string]uint32{
		{o.waba, o.number}: o.account, {o.waba, "31"}: second.ID, {o.waba, ""}: o.account, {"", "31"}: second.ID, {other.waba, other.number}: other.account,
		{other.waba, o.number}: 0, {o.waba, other.number}: 0, {o.waba, "99"}: 0, {"99", o.number}: 0, {"", ""}: 0, {"99", ""}: 0, {"", "99"}: 0,
	}
	check("made", cases)
	d.reopen()
	check("after a restart", cases)
	_, err = d.UpdateAccount(ctx(), o.tenant, o.account, func(a *webhook.Account) error { a.PhoneNumberID = "32"; return nil })
	d.ok(err)
	check("with another number", map[[2]string]uint32{{o.waba, o.number}: 0, {o.waba, "32"}: o.account, {o.waba, ""}: o.account})
	d.ok(d.DeleteAccount(ctx(), o.tenant, o.account))
	check("deleted", map[[2]string]uint32{{o.waba, "32"}: 0, {o.waba, ""}: second.ID, {o.waba, "31"}: second.ID})
	d.ok(d.DeleteTenant(ctx(), o.tenant))
	check("without its tenant", map[[2]string]uint32{{o.waba, ""}: 0, {o.waba, "31"}: 0, {"", other.number}: other.account})
}

// What Meta reports of one number, or of all of a WABA.
func TestAccountState(t *testing.T) {
	o := openStore(t).newTenant()
	second, err := o.CreateAccount(ctx(), webhook.Account{TenantID: o.tenant, WABAID: o.waba, PhoneNumberID: "31", DisplayPhoneNumber: "+1 (555) 31"})
	o.ok(err)
	report := func(change func(*webhook.AccountItem)) webhook.AuditOutcome {
		o.clock.advance(time.Second)
		item := &webhook.AccountItem{WABAID: o.waba, At: o.clock.now()}
		change(item)
		return o.accept(webhook.Item{TenantID: o.tenant, AccountID: o.account, Account: item})
	}
	states := func() string {
		var list []string
		for _, id := range []uint32{o.account, second.ID} {
			a, err := o.Account(ctx(), o.tenant, id)
			o.ok(err)
			s := a.State
			list = append(list, fmt.Sprintf("%s,%s,%s,%t,%s,%s", s.Quality, s.MessagingLimit, s.Review, s.Restricted, s.Ban, s.NameReview))
		}
		return fmt.Sprint(list)
	}
	equal(t, states(), "[,,,false,, ,,,false,,]")
	equal(t, report(func(c *webhook.AccountItem) {
		c.PhoneNumberID, c.Quality, c.MessagingLimit = "31", new("GREEN"), new("TIER_1K")
	}), webhook.Accepted)
	equal(t, states(), "[,,,false,, GREEN,TIER_1K,,false,,]")
	equal(t, report(func(c *webhook.AccountItem) { c.PhoneNumberID, c.Quality = "31", new("GREEN") }), webhook.Duplicate)
	equal(t, report(func(c *webhook.AccountItem) { c.DisplayPhoneNumber, c.Quality = "155531", new("RED") }), webhook.Accepted)
	equal(t, states(), "[,,,false,, RED,TIER_1K,,false,,]")
	equal(t, report(func(c *webhook.AccountItem) { c.Review = new("APPROVED") }), webhook.Accepted)
	equal(t, states(), "[,,APPROVED,false,, RED,TIER_1K,APPROVED,false,,]")
	equal(t, report(func(c *webhook.AccountItem) { c.Restricted, c.Ban = new(true), new("DISABLE") }), webhook.Accepted)
	equal(t, report(func(c *webhook.AccountItem) { c.PhoneNumberID, c.NameReview = "31", new("REJECTED") }), webhook.Accepted)
	want := "[,,APPROVED,true,DISABLE, RED,TIER_1K,APPROVED,true,DISABLE,REJECTED]"
	equal(t, states(), want)
	o.reopen()
	equal(t, states(), want)
	equal(t, report(func(c *webhook.AccountItem) { c.Restricted = new(false) }), webhook.Accepted)
	a, err := o.Account(ctx(), o.tenant, second.ID)
	o.ok(err)
	equal(t, a.State.Restricted, false)
	equal(t, a.State.UpdatedAt.Equal(o.clock.now()), true)
	equal(t, len(o.events()), 0)
}

// Meta sends again what it could not deliver: then the older report comes last, and is not the state.
func TestAccountReportsThatChangePlaces(t *testing.T) {
	o := openStore(t).newTenant()
	report := func(second int, change func(*webhook.AccountItem)) webhook.AuditOutcome {
		item := &webhook.AccountItem{WABAID: o.waba, At: begun.Add(time.Duration(second) * time.Second)}
		change(item)
		return o.accept(webhook.Item{TenantID: o.tenant, AccountID: o.account, Account: item})
	}
	quality := func(word string) func(*webhook.AccountItem) {
		return func(c *webhook.AccountItem) { c.Quality = &word }
	}
	state := func() webhook.AccountState {
		a, err := o.Account(ctx(), o.tenant, o.account)
		o.ok(err)
		return a.State
	}
	equal(t, report(10, quality("GREEN")), webhook.Accepted)
	equal(t, report(30, quality("GREEN")), webhook.Duplicate) // but it is the newest by now
	o.reopen()
	equal(t, report(20, quality("RED")), webhook.Duplicate)
	equal(t, state().Quality, "GREEN")
	equal(t, report(15, func(c *webhook.AccountItem) { c.Review = new("APPROVED") }), webhook.Accepted) // each part has its own time
	equal(t, report(50, func(c *webhook.AccountItem) { c.Restricted, c.Ban = new(true), new("DISABLE") }), webhook.Accepted)
	equal(t, report(40, func(c *webhook.AccountItem) { c.Restricted, c.Ban = new(false), new("REINSTATE") }), webhook.Duplicate)
	s := state()
	equal(t, []any{s.Quality, s.Review, s.Restricted, s.Ban}, []any{"GREEN", "APPROVED", true, "DISABLE"})
	equal(t, report(30, quality("RED")), webhook.Accepted) // of the same second the last that comes counts
	equal(t, state().Quality, "RED")
}

// Whoever changes what it was given, or got, doesn't change what is stored.
func TestEndpointsAreTheStoresOwn(t *testing.T) {
	o := openStore(t).newTenant()
	given := webhook.Endpoint{
		TenantID: o.tenant, URL: "https://example.com", Events: []string{"*"}, Enabled: true, Retries: webhook.Schedule{1}, Headers: map[string]string{"A": "1"},
		Secret: webhook.NewSecret("hunter2"), Timeout: 5,
	}
	made, err := o.CreateEndpoint(ctx(), given)
	o.ok(err)
	want := fmt.Sprint(made)
	change := func(e *webhook.Endpoint) { e.Events[0], e.Retries[0], e.Headers["A"] = "x", 7, "2" }
	change(&given)
	_, err = o.UpdateEndpoint(ctx(), o.tenant, made.ID, func(e *webhook.Endpoint) error { change(e); return errors.New("no") })
	equal(t, err, "no")
	made.Events, made.Retries, made.Headers = []string{"*"}, webhook.Schedule{1}, map[string]string{"A": "1"}
	got, err := o.Endpoint(ctx(), o.tenant, made.ID)
	o.ok(err)
	equal(t, fmt.Sprint(got), want)
	o.reopen()
	got, err = o.Endpoint(ctx(), o.tenant, made.ID)
	o.ok(err)
	equal(t, fmt.Sprint(got), want)
	equal(t, got.Secret.Reveal(), "hunter2")
}
