package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func (o owner) template(name, language, status string, at time.Time, change ...func(*webhook.TemplateItem)) webhook.Item {
	item := &webhook.TemplateItem{WABAID: o.waba, TemplateID: "id-" + name, Name: name, Language: language, Category: "MARKETING", Status: status, EntryTime: at.Unix(), At: at}
	for _, f := range change {
		f(item)
	}
	return webhook.Item{TenantID: o.tenant, AccountID: o.account, Template: item, Event: o.event(webhook.TemplateStatusChanged, "template:"+name, `{}`)}
}

func (d *db) templates(f webhook.TemplateFilter, limit int) []webhook.Template {
	d.t.Helper()
	return pages(d.t, limit, func(p webhook.Page) (webhook.List[webhook.Template], error) { return d.Templates(ctx(), f, p) })
}

// A change that arrives after a later one is told, but isn't the state.
func TestTemplateState(t *testing.T) {
	o := openStore(t).newTenant()
	state := func() webhook.Template {
		t.Helper()
		list := o.templates(webhook.TemplateFilter{}, 0)
		if len(list) != 1 {
			t.Fatalf("%d templates", len(list))
		}
		return list[0]
	}
	later := begun.Add(time.Hour)
	equal(t, o.accept(o.template("hello", "en", "APPROVED", begun)), webhook.Accepted)
	equal(t, o.accept(o.template("hello", "en", "REJECTED", later, func(c *webhook.TemplateItem) { c.Category, c.Reason = "", "INVALID_FORMAT" })), webhook.Accepted)
	want := webhook.Template{
		TenantID: o.tenant, AccountID: o.account, WABAID: o.waba, MetaID: "id-hello", Name: "hello", Language: "en", Category: "MARKETING", Status: "REJECTED",
		Reason: "INVALID_FORMAT", UpdatedAt: later,
	}
	equal(t, state(), want)
	equal(t, o.accept(o.template("hello", "en", "PENDING", begun.Add(time.Minute))), webhook.Accepted)
	equal(t, state(), want)
	equal(t, len(o.events()), 3)
	o.reopen()
	equal(t, state(), want)
	equal(t, o.accept(o.template("hello", "en", "APPROVED", later.Add(time.Hour))), webhook.Accepted)
	equal(t, state().Status, "APPROVED")
	equal(t, state().Reason, "")
}

func TestTemplateList(t *testing.T) {
	d := openStore(t)
	rnd := rand.New(rand.NewPCG(1, 1))
	owners := []owner{d.newTenant(), d.newTenant()}
	second, err := d.CreateAccount(ctx(), webhook.Account{TenantID: owners[0].tenant, Name: "second", WABAID: owners[0].waba, PhoneNumberID: "777"})
	d.ok(err)
	other, err := d.CreateAccount(ctx(), webhook.Account{TenantID: owners[0].tenant, Name: "other WABA", WABAID: "778", PhoneNumberID: "779"})
	d.ok(err)
	var all []webhook.Template
	for _, o := range owners {
		var items []webhook.Item
		for i := range 40 {
			// Several at the same time: the order must still be one.
			item := o.template(fmt.Sprint("t", i), "en", []string{"APPROVED", "REJECTED", "PAUSED"}[rnd.IntN(3)], begun.Add(time.Duration(rnd.IntN(20))*time.Second))
			items = append(items, item)
			all = append(all, webhook.Template{TenantID: o.tenant, Name: item.Template.Name, Status: item.Template.Status, UpdatedAt: item.Template.At})
		}
		o.accept(items...)
	}
	name := func(v webhook.Template) string { return fmt.Sprintf("%d/%s", v.TenantID, v.Name) }
	for _, f := range []webhook.TemplateFilter{
		{}, {TenantID: owners[0].tenant}, {TenantID: owners[1].tenant, Status: "PAUSED"}, {Status: "approved"}, {AccountID: owners[0].account},
		{AccountID: second.ID}, {AccountID: other.ID}, {AccountID: owners[0].account, TenantID: owners[1].tenant}, {TenantID: 99}, {AccountID: 99},
	} {
		var want []string
		for _, v := range all {
			account := f.AccountID == 0 || (f.AccountID == owners[0].account || f.AccountID == second.ID) && v.TenantID == owners[0].tenant
			status := f.Status == "" || v.Status == map[string]string{"PAUSED": "PAUSED", "approved": "APPROVED"}[f.Status]
			if account && status && (f.TenantID == 0 || v.TenantID == f.TenantID) {
				want = append(want, name(v))
			}
		}
		slices.Sort(want)
		for _, limit := range []int{7, 40, 0, 1000} {
			list := d.templates(f, limit)
			if !slices.IsSortedFunc(list, func(a, b webhook.Template) int { return cmp.Compare(b.UpdatedAt.Unix(), a.UpdatedAt.Unix()) }) {
				t.Errorf("%+v: not newest first", f)
			}
			var got []string
			for _, v := range list {
				got = append(got, name(v))
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%+v by %d: got %d templates, want %d", f, limit, len(got), len(want))
			}
		}
	}
}
