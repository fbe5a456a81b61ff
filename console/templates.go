package console

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// templateWords are the states of a message template at Meta, with the kind of their badge.
var templateWords = []struct{ Status, Key, Kind string }{
	{"APPROVED", "templates.approved", "good"},
	{"PENDING", "templates.pending", "wait"},
	{"REJECTED", "templates.rejected", "bad"},
	{"PAUSED", "templates.paused", "warn"},
	{"FLAGGED", "templates.flagged", "warn"},
	{"DISABLED", "templates.disabled", "bad"},
	{"REINSTATED", "templates.reinstated", "good"},
	{"IN_APPEAL", "templates.in_appeal", "wait"},
	{"LIMIT_EXCEEDED", "templates.limit_exceeded", "bad"},
	{"LOCKED", "templates.locked", "warn"},
	{"ARCHIVED", "templates.archived", "off"},
	{"UNARCHIVED", "templates.unarchived", "info"},
	{"PENDING_DELETION", "templates.pending_deletion", "warn"},
	{"DELETED", "templates.deleted", "off"},
}

var templateCategories = map[string]string{
	"MARKETING": "templates.marketing", "UTILITY": "templates.utility", "AUTHENTICATION": "templates.authentication",
}

var templateReasons = map[string]string{
	"ABUSIVE_CONTENT": "templates.abusive", "INCORRECT_CATEGORY": "templates.category_wrong", "INVALID_FORMAT": "templates.format",
	"SCAM": "templates.scam", "PROMOTIONAL": "templates.promotional", "TAG_CONTENT_MISMATCH": "templates.mismatch",
}

var templateFilters = []string{"account", "status"}

type templatesPage struct {
	frame
	Tenant    webhook.Tenant
	At        string
	Form      form
	Narrowed  bool
	Accounts  []offer
	Statuses  []offer
	Templates []templateRow
	Zone      *time.Location
	Pager     pager
}

// templateRow is a template, its words in the page's language where they are known.
type templateRow struct {
	webhook.Template
	Badge     condition // Key is empty: the status is Meta's word
	Kind      string    // key of the category
	Why       string    // key of the reason
	Account   string    // name; empty: deleted
	AccountAt string
}

func (q *request) templates() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	f := q.filters()
	at := tenantURL(t.ID)
	p := &templatesPage{
		frame: q.frameOf(&t, q.lang.must("nav.templates"), at+"/templates"), Tenant: t, At: at, Form: f, Narrowed: f.Narrowed(templateFilters...), Zone: t.Location(),
	}
	accounts, err := q.c.store.Accounts(q.Context(), t.ID, webhook.Page{Limit: webhook.MaxPage})
	if err != nil {
		return err
	}
	for i := range accounts.Items {
		a := &accounts.Items[i]
		p.Accounts = append(p.Accounts, offer{strconv.FormatUint(uint64(a.ID), 10), a.Name})
	}
	// Statuses are Meta's words: new ones come without notice, so none is refused.
	filter := webhook.TemplateFilter{TenantID: t.ID, AccountID: f.id("account"), Status: strings.ToUpper(f.Text("status"))}
	p.Statuses = q.templateStatuses(filter.Status)
	if filter.AccountID != 0 {
		if _, err := q.c.store.Account(q.Context(), t.ID, filter.AccountID); err != nil {
			f.faults.Add("account", "is none of these")
		}
	}
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "templates", p)
	}
	page := q.cursor()
	list, err := q.c.store.Templates(q.Context(), filter, page)
	if err != nil {
		return err
	}
	p.Pager = pager{f.path(at+"/templates", templateFilters...), page.Cursor == "", list.Next}
	for i := range list.Items {
		p.Templates = append(p.Templates, q.templateRow(&list.Items[i]))
	}
	return q.render(http.StatusOK, "templates", p)
}

// templateStatuses offers the statuses that are known, and the chosen one.
func (q *request) templateStatuses(chosen string) (offers []offer) {
	found := chosen == ""
	for _, w := range templateWords {
		found = found || w.Status == chosen
		offers = append(offers, offer{w.Status, q.lang.must(w.Key)})
	}
	if !found {
		offers = append(offers, offer{chosen, chosen})
	}
	return offers
}

func (q *request) templateRow(t *webhook.Template) templateRow {
	row := templateRow{Template: *t, Badge: condition{"", "info"}, Kind: templateCategories[t.Category], Why: templateReasons[t.Reason]}
	for _, w := range templateWords {
		if w.Status == t.Status {
			row.Badge = condition{w.Key, w.Kind}
		}
	}
	if t.Reason == "NONE" { // Meta's way to say nothing
		row.Reason = ""
	}
	if a, err := q.c.store.Account(q.Context(), t.TenantID, t.AccountID); err == nil { // read from memory: otherwise it was deleted
		row.Account, row.AccountAt = a.Name, accountURL(&a)
	}
	return row
}
