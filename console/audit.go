package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cubeconnect/webhook"
)

// outcomeWords are what became of a POST: in a word, what that means and what to do.
type outcomeWords struct {
	Outcome         webhook.AuditOutcome
	Key, Text, Kind string
}

var outcomes = []outcomeWords{
	{webhook.Accepted, "audit.accepted", "audit.accepted.text", "good"},
	{webhook.Duplicate, "audit.duplicate", "audit.duplicate.text", "info"},
	{webhook.Ignored, "audit.ignored", "audit.ignored.text", "off"},
	{webhook.Unrouted, "audit.unrouted", "audit.unrouted.text", "warn"},
	{webhook.Unparsed, "audit.unparsed", "audit.unparsed.text", "bad"},
}

func outcomeOf(o webhook.AuditOutcome) outcomeWords {
	for _, w := range outcomes {
		if w.Outcome == o {
			return w
		}
	}
	return outcomeWords{Outcome: o, Key: "audit.unknown", Text: "audit.unknown.text", Kind: "info"}
}

var auditFilters = []string{"outcome", "tenant", "since", "until"}

type auditsPage struct {
	frame
	Form     form
	Narrowed bool
	Outcomes []outcomeWords
	Chosen   *outcomeWords // nil: any
	Tenants  []offer
	Records  []auditRow
	Reached  time.Time // how far back the list was looked through; zero: to its end
	Pager    pager
}

type auditRow struct {
	webhook.Audit
	At      string
	Outcome outcomeWords
	Part    bool // some of it belongs to nobody
	Tenants []tenantLink
	More    int // tenants that are not named
	Size    string
}

// maxNamed bounds the tenants that a line of a list names.
const maxNamed = 3

func (q *request) audits() error {
	f := q.filters()
	p := &auditsPage{frame: q.frame("audit.title", "/audit"), Form: f, Narrowed: f.Narrowed(auditFilters...), Outcomes: outcomes}
	filter := webhook.AuditFilter{TenantID: f.id("tenant"), Range: f.span(time.UTC)}
	var words []string
	for _, w := range outcomes {
		words = append(words, string(w.Outcome))
	}
	filter.Outcome = webhook.AuditOutcome(f.oneOf("outcome", words...))
	var err error
	p.Tenants, err = q.tenantOffers(filter.TenantID)
	if errors.Is(err, webhook.ErrNotFound) {
		f.faults.Add("tenant", "is none of these")
	} else if err != nil {
		return err
	}
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "audits", p)
	}
	if filter.Outcome != "" {
		p.Chosen = new(outcomeOf(filter.Outcome))
	}
	page := q.cursor()
	list, err := q.c.store.Audits(q.Context(), filter, page)
	if err != nil {
		return err
	}
	p.Pager = pager{f.path("/audit", auditFilters...), page.Cursor == "", list.Next}
	p.Reached = reached(list.Next)
	for i := range list.Items {
		r := &list.Items[i]
		row := auditRow{Audit: *r, At: auditURL(r.ID), Outcome: outcomeOf(r.Outcome), Part: partly(r), Size: size(r.Size), More: max(len(r.TenantIDs)-maxNamed, 0)}
		for _, id := range r.TenantIDs[:len(r.TenantIDs)-row.More] {
			row.Tenants = append(row.Tenants, q.tenantLink(id))
		}
		p.Records = append(p.Records, row)
	}
	return q.render(http.StatusOK, "audits", p)
}

// partly reports whether some of a record belongs to nobody, though its outcome says something else.
func partly(r *webhook.Audit) bool { return r.Foreign && r.Outcome != webhook.Unrouted }

// reached returns the time of the record where a page of a list ended.
func reached(cursor string) time.Time {
	id, err := webhook.ParseID(cursor)
	if err != nil { // there is none
		return time.Time{}
	}
	return id.Time()
}

func auditURL(id webhook.ID) string { return "/audit/" + id.String() }

type auditPage struct {
	frame
	Record    webhook.Audit
	At        string
	Outcome   outcomeWords
	Part      bool // some of it belongs to nobody
	Size      string
	Tenants   []tenantLink
	Headers   []header
	Strangers []stranger
	Settled   bool    // what belonged to nobody when it came has an account now
	Owners    []offer // tenants to choose from
	Events    []ledTo
	First     int // place of the first of Events among all, from 1
	Last      int
	Earlier   string
	Later     string
	Body      bodyView
}

// stranger is what no account has, and what to do about it.
type stranger struct {
	webhook.Stranger
	Tenant  *tenantLink      // whose WABA it is
	Account *webhook.Account // has the phone number id, with another WABA
	At      string           // of the account, or where to add one; empty: the tenant is to be chosen
}

// ledTo is an event that came of a POST.
type ledTo struct {
	ID     webhook.ID
	At     string
	Key    string // of what it is; empty: Type says it
	Type   string // empty: it isn't kept any more
	Tenant tenantLink
	State  condition // of its deliveries
}

// eventsShown is how many of a record's events a page has: each costs a look into the store.
const eventsShown = 25

// auditOf returns the record of the path.
func (q *request) auditOf() (webhook.Audit, error) {
	id, err := webhook.ParseID(q.Param("id"))
	if err != nil {
		return webhook.Audit{}, webhook.ErrNotFound
	}
	return q.c.store.Audit(q.Context(), id)
}

func (q *request) audit() error {
	r, err := q.auditOf()
	if err != nil {
		return err
	}
	p := &auditPage{
		frame: q.frame("audit.record", "/audit"), Record: r, At: auditURL(r.ID), Outcome: outcomeOf(r.Outcome), Part: partly(&r), Size: size(r.Size), Body: viewBody(r.Body),
	}
	for _, id := range r.TenantIDs {
		p.Tenants = append(p.Tenants, q.tenantLink(id))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		p.Headers = append(p.Headers, header{name, visible(r.Headers[name])})
	}
	if r.Foreign {
		if err := q.strangers(p); err != nil {
			return err
		}
	}
	if err := q.auditEvents(p); err != nil {
		return err
	}
	return q.render(http.StatusOK, "audit", p)
}

// strangers says what in a record belongs to no account, and where to add it.
func (q *request) strangers(p *auditPage) error {
	found := q.c.unknown(&p.Record)
	p.Settled = len(found) == 0
	choose := false
	for _, who := range found {
		s := stranger{Stranger: who}
		tenant, account, _, ok := q.c.store.Route("", who.PhoneNumberID)
		if ok {
			a, err := q.c.store.Account(q.Context(), tenant, account)
			if err != nil && !errors.Is(err, webhook.ErrNotFound) { // deleted this moment
				return err
			}
			if err == nil {
				s.Account, s.At = &a, accountURL(&a)
			}
		} else if tenant, _, _, ok = q.c.store.Route(who.WABAID, ""); ok {
			s.Tenant = new(q.tenantLink(tenant))
			s.At = newAccountURL(tenant, &who)
		}
		choose = choose || s.At == ""
		p.Strangers = append(p.Strangers, s)
	}
	if !choose {
		return nil
	}
	var err error
	p.Owners, err = q.tenantOffers(0)
	return err
}

func newAccountURL(tenant uint32, who *webhook.Stranger) string {
	ids := newForm(url.Values{"waba_id": {who.WABAID}, "phone_number_id": {who.PhoneNumberID}})
	return ids.path(tenantURL(tenant)+"/new-account", "waba_id", "phone_number_id")
}

// addAccount leads to the form of a new account of the tenant that was chosen, with what is known of it.
func (q *request) addAccount() error {
	f := q.filters()
	tenant := f.id("tenant")
	if _, err := q.c.store.Tenant(q.Context(), tenant); err != nil {
		return err
	}
	return q.redirect(newAccountURL(tenant, &webhook.Stranger{WABAID: f.Text("waba_id"), PhoneNumberID: f.Text("phone_number_id")}))
}

// auditEvents shows some of the events that came of a record: ?from=N says from which on.
func (q *request) auditEvents(p *auditPage) error {
	ids := p.Record.EventIDs
	from, _ := strconv.Atoi(q.FormValue("from")) // what is no number is the beginning
	if from < 1 || from > len(ids) {
		from = 1
	}
	at := func(n int) string { return p.At + "?from=" + strconv.Itoa(n) + "#events" }
	p.First, p.Last = from, min(from-1+eventsShown, len(ids))
	if from > 1 {
		p.Earlier = at(max(from-eventsShown, 1))
	}
	if p.Last < len(ids) {
		p.Later = at(p.Last + 1)
	}
	for _, id := range ids[from-1 : p.Last] {
		row := ledTo{ID: id, Tenant: q.tenantLink(id.Tenant())}
		e, deliveries, err := q.c.store.Event(q.Context(), id.Tenant(), id)
		switch {
		case errors.Is(err, webhook.ErrNotFound): // it expired, or its tenant was deleted
		case err != nil:
			return err
		default:
			row.At, row.Key, row.Type, row.State = tenantURL(e.TenantID)+"/events/"+id.String(), eventKey(e.Type), e.Type, deliveryState(deliveries)
		}
		p.Events = append(p.Events, row)
	}
	return nil
}

// eventKey returns the message that says what an event type is; empty: there is none.
func eventKey(eventType string) string {
	for _, g := range eventGroups {
		for _, e := range g.Events {
			if e.Type == eventType {
				return e.Key
			}
		}
	}
	return ""
}

// deliveryState says how an event's deliveries stand: the worst of them counts.
func deliveryState(deliveries []webhook.Delivery) condition {
	state := condition{"audit.event.unwanted", "off"}
	for i := range deliveries {
		switch s := deliveries[i].Status; {
		case s == webhook.Failed:
			return condition{"audit.event.failed", "bad"}
		case s.Ended():
			if state.Kind == "off" {
				state = condition{"audit.event.delivered", "good"}
			}
		default:
			state = condition{"audit.event.waiting", "wait"}
		}
	}
	return state
}

// reprocess derives once more what a POST means.
func (q *request) reprocess() error {
	r, err := q.auditOf()
	if err != nil {
		return err
	}
	done, err := q.c.admin.Reprocess(q.Context(), webhook.Reprocess{ID: r.ID})
	if err != nil {
		return err
	}
	text := "audit.derived.nothing"
	switch {
	case done.Events > 0:
		text = "audit.derived.events"
	case done.Changed > 0:
		text = "audit.derived.changed"
	case done.Undecided > 0:
		text = "audit.derived.undecided"
	}
	return q.done(auditURL(r.ID), note{Text: text})
}

// auditBody is the POST's body, byte for byte, as a file.
func (q *request) auditBody() error {
	r, err := q.auditOf()
	if err != nil {
		return err
	}
	h := q.w.Header()
	h.Set("Content-Type", "application/octet-stream") // browsers save it, whatever it is
	h.Set("Content-Disposition", `attachment; filename="`+r.ID.String()+`.json"`)
	h.Set("Content-Length", strconv.Itoa(len(r.Body)))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = q.w.Write(r.Body) // a client that has gone is nobody's error
	return nil
}
