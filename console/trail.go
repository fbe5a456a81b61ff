package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// actionWords are what somebody can do, in words.
var actionWords = map[webhook.Action]string{
	webhook.TenantCreated: "trail.tenant.create", webhook.TenantUpdated: "trail.tenant.update", webhook.TenantDeleted: "trail.tenant.delete",
	webhook.AccountCreated: "trail.account.create", webhook.AccountUpdated: "trail.account.update", webhook.AccountDeleted: "trail.account.delete",
	webhook.EndpointCreated: "trail.endpoint.create", webhook.EndpointUpdated: "trail.endpoint.update", webhook.EndpointDeleted: "trail.endpoint.delete",
	webhook.SecretChanged: "trail.endpoint.secret", webhook.EndpointTested: "trail.endpoint.test",
	webhook.DeliveryRetried: "trail.delivery.retry", webhook.Replayed: "trail.delivery.replay",
	webhook.AuditDerived: "trail.audit.reprocess", webhook.CustomerErased: "trail.customer.erase", webhook.BackupTaken: "trail.backup.take",
	webhook.KeyCreated: "trail.key.create", webhook.KeyDeleted: "trail.key.delete",
	webhook.SignedIn: "trail.session.begin", webhook.SignedOut: "trail.session.end", webhook.SignInRefused: "trail.session.refuse", webhook.PasswordSet: "trail.password.set",
	webhook.MasterKeyRotated: "trail.master_key.rotate", webhook.MasterKeysPruned: "trail.master_key.prune",
}

// actorWords are in which ways somebody is known, in words.
var actorWords = map[webhook.ActorKind]string{
	webhook.ByConsole: "trail.by.console", webhook.ByKey: "trail.by.key", webhook.ByBootstrap: "trail.by.bootstrap",
	webhook.ByLocal: "trail.by.local", webhook.BySetUp: "trail.by.setup", webhook.ByNobody: "trail.by.nobody", webhook.ByItself: "trail.by.appliance",
}

var trailFilters = []string{"action", "actor", "tenant", "since", "until"}

type trailPage struct {
	frame
	Form     form
	Narrowed bool
	Actions  []offer
	Actors   []offer
	Tenants  []offer
	Lines    []trailLine
	Reached  time.Time // how far back the list was looked through; zero: to its end
	Pager    pager
}

// trailLine is who did what to which thing.
type trailLine struct {
	webhook.TrailEntry
	Words  string // key of what was done; empty: Action says it
	Who    string // key of who it was; empty: the actor's kind says it
	Bad    bool   // it was refused
	Tenant *tenantLink
	At     string // of the thing; empty: it is gone, or has no page
}

func (q *request) trail() error {
	f := q.filters()
	p := &trailPage{frame: q.frame("trail.title", "/trail"), Form: f, Narrowed: f.Narrowed(trailFilters...)}
	var actions, kinds []string
	for _, a := range webhook.Actions {
		actions = append(actions, string(a))
		p.Actions = append(p.Actions, offer{string(a), q.lang.must(actionWords[a])})
	}
	for _, k := range webhook.ActorKinds {
		kinds = append(kinds, string(k))
		p.Actors = append(p.Actors, offer{string(k), q.lang.must(actorWords[k])})
	}
	filter := webhook.TrailFilter{
		TenantID: f.id("tenant"), Action: webhook.Action(f.oneOf("action", actions...)), Actor: webhook.ActorKind(f.oneOf("actor", kinds...)), Range: f.span(time.UTC),
	}
	var err error
	p.Tenants, err = q.tenantOffers(filter.TenantID)
	if errors.Is(err, webhook.ErrNotFound) { // the lines of one that was deleted are still there
		p.Tenants = append(p.Tenants, offer{f.Text("tenant"), q.lang.must("tenant.gone", "n", filter.TenantID)})
	} else if err != nil {
		return err
	}
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "trail", p)
	}
	page := q.cursor()
	list, err := q.c.store.Trail(q.Context(), filter, page)
	if err != nil {
		return err
	}
	p.Pager, p.Reached = pager{f.path("/trail", trailFilters...), page.Cursor == "", list.Next}, reached(list.Next)
	for i := range list.Items {
		e := &list.Items[i]
		line := trailLine{TrailEntry: *e, Words: actionWords[e.Action], Who: actorWords[e.Actor.Kind], Bad: e.Action == webhook.SignInRefused, At: q.thing(e)}
		if e.TenantID != 0 && !isTenant(e) {
			line.Tenant = new(q.tenantLink(e.TenantID))
		}
		p.Lines = append(p.Lines, line)
	}
	return q.render(http.StatusOK, "trail", p)
}

// isTenant reports whether a line is about a tenant itself.
func isTenant(e *webhook.TrailEntry) bool { return strings.HasPrefix(string(e.Action), "tenant.") }

// thing returns the page of the thing that a line is about; empty: there is none.
func (q *request) thing(e *webhook.TrailEntry) string {
	kind, _, _ := strings.Cut(string(e.Action), ".")
	n, _ := strconv.ParseUint(e.ObjectID, 10, 32) // of others it isn't asked
	id := uint32(n)
	// What is looked up is in memory: an error says that it is gone.
	switch {
	case isTenant(e):
		return q.tenantLink(id).At
	case kind == "account":
		if a, err := q.c.store.Account(q.Context(), e.TenantID, id); err == nil {
			return accountURL(&a)
		}
	case kind == "endpoint":
		if v, err := q.c.store.Endpoint(q.Context(), e.TenantID, id); err == nil {
			return endpointURL(&v)
		}
	case kind == "delivery" && e.ObjectID != "":
		return tenantURL(e.TenantID) + "/deliveries/" + e.ObjectID
	case kind == "audit" && e.ObjectID != "":
		return "/audit/" + e.ObjectID
	}
	return ""
}
