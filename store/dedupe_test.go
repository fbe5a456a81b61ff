package store_test

import (
	"sync"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// What is known by which ids, and for how long: also over a restart, no longer than retention.dedupe.
func TestDeduplication(t *testing.T) {
	o := openStore(t).newTenant()
	at := o.clock.now()
	template := func(change func(*webhook.TemplateItem)) webhook.Item {
		item := webhook.TemplateItem{WABAID: o.waba, TemplateID: "7", Name: "hello", Language: "en", Status: "APPROVED", EntryTime: at.Unix(), At: at}
		change(&item)
		return webhook.Item{TenantID: o.tenant, AccountID: o.account, Template: &item, Event: o.event(webhook.TemplateStatusChanged, "", `{}`)}
	}
	report := func(quality string, seconds int) webhook.Item {
		return webhook.Item{TenantID: o.tenant, AccountID: o.account, Account: &webhook.AccountItem{
			WABAID: o.waba, PhoneNumberID: o.number, Quality: &quality, At: at.Add(time.Duration(seconds) * time.Second),
		}}
	}
	elsewhere := func(item webhook.Item) webhook.Item {
		item.Message.PhoneNumberID = "3"
		return item
	}
	of := func(participant string) func(*webhook.StatusItem) {
		return func(s *webhook.StatusItem) { s.Participant = participant }
	}
	different := map[string]webhook.Item{
		"message":                     o.message("m1", "c"),
		"another message":             o.message("m2", "c"),
		"the same id, another number": elsewhere(o.message("m1", "c")),
		"status":                      o.status("m3", webhook.MessageSent),
		"another status":              o.status("m3", webhook.MessageDelivered),
		"a member's":                  o.status("m3", webhook.MessageDelivered, of("p1")),
		"another member's":            o.status("m3", webhook.MessageDelivered, of("p2")),
		"a member's next":             o.status("m3", webhook.MessageRead, of("p1")),
		"template":                    template(func(*webhook.TemplateItem) {}),
		"in another language":         template(func(i *webhook.TemplateItem) { i.Language = "ar" }),
		"with another status":         template(func(i *webhook.TemplateItem) { i.Status = "PAUSED" }),
		"at another time":             template(func(i *webhook.TemplateItem) { i.EntryTime++ }),
		"another template":            template(func(i *webhook.TemplateItem) { i.TemplateID = "8" }),
		"a template without id":       template(func(i *webhook.TemplateItem) { i.TemplateID = "" }),
		"another without id":          template(func(i *webhook.TemplateItem) { i.TemplateID, i.Name = "", "bye" }),
	}
	expect := func(when string, want webhook.AuditOutcome) {
		t.Helper()
		for name, item := range different {
			if got := o.accept(item); got != want {
				t.Errorf("%s: %s is %s", when, name, got)
			}
		}
	}
	expect("first", webhook.Accepted)
	expect("again", webhook.Duplicate)
	o.reopen()
	expect("after a restart", webhook.Duplicate)
	o.clock.advance(9*24*time.Hour - time.Millisecond)
	expect("just before it is forgotten", webhook.Duplicate)
	o.ok(o.RetainAll(ctx()))
	expect("after retention", webhook.Duplicate)
	o.clock.advance(time.Millisecond)
	expect("when it is forgotten", webhook.Accepted)
	expect("and again", webhook.Duplicate)
	equal(t, len(o.events()), 2*len(different))

	// What Meta says of an account has no id. A repeat must not bring an older state back.
	equal(t, o.accept(report("RED", 1)), webhook.Accepted)
	equal(t, o.accept(report("GREEN", 2)), webhook.Accepted)
	equal(t, o.accept(report("RED", 1)), webhook.Duplicate)
	equal(t, o.accept(report("GREEN", 3)), webhook.Duplicate)
	a, err := o.Account(ctx(), o.tenant, o.account)
	o.ok(err)
	equal(t, a.State.Quality, "GREEN")
	equal(t, o.accept(report("RED", 4)), webhook.Accepted)
}

// Meta sends again what it thinks was lost, also while the first is being stored.
func TestIdenticalPostsAtOnce(t *testing.T) {
	o := openStore(t).newTenant()
	ep := o.endpoint()
	outcomes := make([]webhook.AuditOutcome, 50)
	var wg sync.WaitGroup
	for i := range outcomes {
		wg.Go(func() { outcomes[i] = o.accept(o.message("m", "c"), o.status("s", webhook.MessageRead)) })
	}
	wg.Wait()
	count := map[webhook.AuditOutcome]int{}
	for _, out := range outcomes {
		count[out]++
	}
	equal(t, count, map[webhook.AuditOutcome]int{webhook.Accepted: 1, webhook.Duplicate: 49})
	equal(t, len(o.events()), 2)
	equal(t, o.stats(ep).Pending, 2)
}
