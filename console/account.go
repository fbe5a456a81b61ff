package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cubeconnect/webhook"
)

type accountsPage struct {
	frame
	Tenant   webhook.Tenant
	At       string
	Accounts []accountRow
	Pager    pager
}

type accountRow struct {
	webhook.Account
	At    string
	State []stateLine
}

func (q *request) accounts() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	page := q.cursor()
	list, err := q.c.store.Accounts(q.Context(), t.ID, page)
	if err != nil {
		return err
	}
	at := tenantURL(t.ID)
	p := &accountsPage{
		frame: q.frameOf(&t, q.lang.must("nav.accounts"), at+"/accounts"), Tenant: t, At: at, Pager: pager{at + "/accounts", page.Cursor == "", list.Next},
	}
	for _, a := range list.Items {
		p.Accounts = append(p.Accounts, accountRow{a, accountURL(&a), stateLines(&a.State)})
	}
	return q.render(http.StatusOK, "accounts", p)
}

func accountURL(a *webhook.Account) string {
	return fmt.Sprintf("%s/accounts/%d", tenantURL(a.TenantID), a.ID)
}

// stateLine is something that Meta reported of an account.
type stateLine struct {
	Key  string // of what it is
	Word string // Meta's
	Kind string // of the badge
}

// stateLines are what Meta has reported, and nothing else.
func stateLines(s *webhook.AccountState) (lines []stateLine) {
	add := func(key, word string) {
		if word != "" {
			lines = append(lines, stateLine{key, word, kindOfWord(word)})
		}
	}
	if s.Restricted {
		word := s.Ban
		if word == "" {
			word = "RESTRICTED"
		}
		lines = append(lines, stateLine{"account.restricted", word, "bad"})
	}
	add("account.quality", s.Quality)
	add("account.limit", s.MessagingLimit)
	add("account.review", s.Review)
	add("account.name_review", s.NameReview)
	return lines
}

// kindOfWord tells good from bad among Meta's words; of one that we don't know it says neither.
func kindOfWord(word string) string {
	switch word {
	case "GREEN", "HIGH", "APPROVED", "UNFLAGGED":
		return "good"
	case "YELLOW", "MEDIUM", "PENDING", "DEFERRED":
		return "warn"
	case "RED", "LOW", "REJECTED", "FLAGGED":
		return "bad"
	}
	return "info"
}

type accountPage struct {
	frame
	Form     form
	Cancel   string
	Account  *webhook.Account // nil: a new one
	At       string
	HasToken bool
	State    []stateLine
	Updated  time.Time // of State
	Zone     *time.Location
	Callback string
	Named    bool // Callback has the installation's own name
	Steps    []checkStep
}

// checkStep is a line of the list that turns green while a number is being connected.
type checkStep struct {
	Key  string
	How  string // key of what to do
	Done bool
	At   time.Time // zero: not known
	Link string    // where to do it; empty: not in the console
}

const webhookPath = "/api/webhooks/whatsapp"

func (q *request) accountPage(t *webhook.Tenant, a *webhook.Account, f form) (*accountPage, error) {
	at := tenantURL(t.ID)
	in := q.c.installation()
	p := &accountPage{
		frame: q.frameOf(t, q.lang.must("account.new"), at+"/accounts"), Form: f, Cancel: at + "/accounts", Account: a, Zone: t.Location(),
		Callback: "https://YOUR-HOST" + webhookPath, Named: in.Host != "",
	}
	if p.Named {
		p.Callback = "https://" + in.Host + webhookPath
	}
	if a == nil {
		return p, nil
	}
	p.Title, p.At, p.HasToken, p.State = a.Name, accountURL(a), !a.AccessToken.IsZero(), stateLines(&a.State)
	if a.State.UpdatedAt != nil {
		p.Updated = *a.State.UpdatedAt
	}
	var err error
	p.Steps, err = q.checkSteps(a, in)
	return p, err
}

// checkSteps says how far the connection of a number has come.
func (q *request) checkSteps(a *webhook.Account, in Installation) ([]checkStep, error) {
	ctx := q.Context()
	verified, err1 := q.c.verified(ctx)
	seen, err2 := q.c.lastSeen(ctx, a)
	endpoints, delivered, err3 := q.c.deliveries(ctx, a.TenantID)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	at := tenantURL(a.TenantID)
	return []checkStep{
		{Key: "check.secrets", How: "check.secrets.how", Done: in.AppSecret && in.VerifyToken},
		{Key: "check.handshake", How: "check.handshake.how", Done: verified || !seen.IsZero()},
		{Key: "check.post", How: "check.post.how", Done: !seen.IsZero(), At: seen},
		{Key: "check.endpoint", How: "check.endpoint.how", Done: endpoints, Link: at + "/webhook"},
		{Key: "check.delivery", How: "check.delivery.how", Done: !delivered.IsZero(), At: delivered},
	}, nil
}

// verified reports whether Meta has verified the callback URL, or has since sent what it sends only then.
func (c *Console) verified(ctx context.Context) (bool, error) {
	if err := c.store.RecordNow(ctx); err != nil && !errors.Is(err, webhook.ErrFull) { // then the rest is still worth seeing
		return false, err
	}
	now := c.now()
	spans, err := c.store.Activity(ctx, webhook.Everybody, webhook.ByHour, now.Add(-webhook.KeepHours), now)
	for i := range spans {
		if spans[i].Handshakes > 0 || spans[i].Inbound() > 0 {
			return true, err
		}
	}
	return false, err
}

// lastSeen returns when Meta last said something of an account, as far as the tenant's newest events tell;
// zero: not on record.
func (c *Console) lastSeen(ctx context.Context, a *webhook.Account) (at time.Time, err error) {
	if a.State.UpdatedAt != nil {
		at = *a.State.UpdatedAt
	}
	list, err := c.store.Events(ctx, a.TenantID, webhook.EventFilter{}, webhook.Page{Limit: webhook.MaxPage})
	if err != nil {
		return at, err
	}
	for i := range list.Items {
		e := &list.Items[i]
		if e.AuditID.IsZero() { // published, not Meta's
			continue
		}
		var of struct {
			Account uint32 `json:"whatsapp_account_id"`
		}
		if err := json.Unmarshal(e.Payload, &of); err != nil {
			return at, fmt.Errorf("event %s: %w", e.ID, err)
		}
		if of.Account == a.ID && e.CreatedAt().After(at) {
			return e.CreatedAt(), nil
		}
	}
	return at, nil
}

// deliveries says whether a tenant has an endpoint that is enabled, and when one of them last took an event.
func (c *Console) deliveries(ctx context.Context, tenant uint32) (endpoints bool, at time.Time, err error) {
	stats, err := c.store.EndpointStats(ctx)
	if err != nil {
		return false, at, err
	}
	list, err := c.store.Endpoints(ctx, tenant, webhook.Page{Limit: webhook.MaxPage})
	for i := range list.Items {
		e := &list.Items[i]
		endpoints = endpoints || e.Enabled
		if last := stats[e.ID].LastSuccess; last.After(at) {
			at = last
		}
	}
	return endpoints, at, err
}

func (q *request) newAccount() error {
	t, f, err := q.tenantForm()
	if err != nil {
		return err
	}
	p, err := q.accountPage(&t, nil, f)
	if err != nil {
		return err
	}
	if !q.posted() {
		for _, name := range []string{"waba_id", "phone_number_id"} { // of a number that a webhook came for
			f.values.Set(name, q.FormValue(name))
		}
		return q.render(http.StatusOK, "account", p)
	}
	a := webhook.Account{TenantID: t.ID}
	f.account(&a)
	f.Merge(a.Validate())
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "account", p)
	}
	a, err = q.c.store.CreateAccount(q.Context(), a)
	if err == nil {
		return q.done(accountURL(&a), note{Text: "account.made"})
	}
	status, err := f.refused(err)
	if err != nil {
		return err
	}
	return q.render(status, "account", p)
}

// account puts what was entered into an account. An access token that is not entered stays.
func (f form) account(a *webhook.Account) {
	a.Name, a.DisplayPhoneNumber = f.Text("name"), f.Text("display_phone_number")
	a.WABAID, a.PhoneNumberID = f.Text("waba_id"), f.Text("phone_number_id")
	if token := f.Text("access_token"); token != "" {
		a.AccessToken = webhook.NewSecret(token)
	} else if f.Has("remove_token", "yes") {
		a.AccessToken = webhook.Secret{}
	}
}

// accountOf returns the tenant and the account of the path.
func (q *request) accountOf() (t webhook.Tenant, a webhook.Account, err error) {
	if t, err = q.tenantOf(); err != nil {
		return t, a, err
	}
	id, err := q.number("account")
	if err != nil {
		return t, a, err
	}
	a, err = q.c.store.Account(q.Context(), t.ID, id)
	return t, a, err
}

func (q *request) editAccount() error {
	t, a, err := q.accountOf()
	if err != nil {
		return err
	}
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	p, err := q.accountPage(&t, &a, f)
	if err != nil {
		return err
	}
	if !q.posted() {
		for name, value := range map[string]string{
			"name": a.Name, "display_phone_number": a.DisplayPhoneNumber, "waba_id": a.WABAID, "phone_number_id": a.PhoneNumberID,
		} {
			f.values.Set(name, value)
		}
		return q.render(http.StatusOK, "account", p)
	}
	_, err = q.c.store.UpdateAccount(q.Context(), t.ID, a.ID, func(a *webhook.Account) error {
		f.account(a)
		return a.Validate().Err()
	})
	if err == nil {
		return q.done(accountURL(&a), note{Text: "saved"})
	}
	status, err := f.refused(err)
	if err != nil {
		return err
	}
	return q.render(status, "account", p)
}

func (q *request) deleteAccount() error {
	t, a, err := q.accountOf()
	if err != nil {
		return err
	}
	at := tenantURL(t.ID) + "/accounts"
	if q.posted() {
		if err := q.c.store.DeleteAccount(q.Context(), t.ID, a.ID); err != nil {
			return err
		}
		return q.done(at, note{Text: "account.deleted"})
	}
	return q.confirm(&confirmation{
		frame: q.frameOf(&t, q.lang.must("account.delete.title", "name", a.Name), at),
		Texts: []string{q.lang.must("account.delete.all"), q.lang.must("confirm.final")}, Button: q.lang.must("account.delete"), Cancel: accountURL(&a),
	})
}
