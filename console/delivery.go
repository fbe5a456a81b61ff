package console

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

type deliveriesPage struct {
	frame
	narrowing
	Tenant    string // the tenant's path
	Tabs      []tab
	Endpoints []offer
	Rows      []deliveryRow
	Replay    string // path; empty: what is shown can't be replayed as a whole
	Any       bool   // the tenant has endpoints
}

// tab is a link to the list with another status.
type tab struct {
	Key     string
	Count   string // empty: not known
	Path    string
	Current bool
}

// deliveryRow is a delivery as lists show it.
type deliveryRow struct {
	webhook.Delivery
	At       string
	State    condition
	Words    string // key of what the event's type means; empty: none
	Endpoint string
	Next     waiting
	Last     *webhook.Attempt // nil: none yet
	Answer   answered         // of Last
	Took     string           // likewise
	Zone     *time.Location
}

// waiting says when the next attempt is.
type waiting struct {
	Key string    // of words; empty: At
	At  time.Time // zero with Key
	In  string    // until At
}

// answered says in few words what came of an attempt.
type answered struct{ Key, Status string }

func stateOf(s webhook.Status) condition {
	switch s {
	case webhook.Retrying:
		return condition{"delivery.retrying", "warn"}
	case webhook.Succeeded:
		return condition{"delivery.succeeded", "good"}
	case webhook.Failed:
		return condition{"delivery.failed", "bad"}
	}
	return condition{"delivery.pending", "wait"}
}

func answerOf(a *webhook.Attempt) answered {
	switch a.Error {
	case "", webhook.ErrorStatus:
		return answered{"attempt.status", strconv.Itoa(a.StatusCode)}
	case webhook.ErrorDNS:
		return answered{Key: "attempt.dns"}
	case webhook.ErrorRefused:
		return answered{Key: "attempt.refused"}
	case webhook.ErrorTimeout:
		return answered{Key: "attempt.timeout"}
	case webhook.ErrorTLS:
		return answered{Key: "attempt.tls"}
	case webhook.ErrorReset:
		return answered{Key: "attempt.reset"}
	case webhook.ErrorBlocked:
		return answered{Key: "attempt.blocked"}
	}
	return answered{Key: "attempt.other"}
}

func deliveryURL(d *webhook.Delivery) string {
	return fmt.Sprintf("%s/deliveries/%s", tenantURL(d.TenantID), d.ID)
}

// row makes a row; e is the endpoint, nil if it is gone.
func (q *request) row(d *webhook.Delivery, e *webhook.Endpoint, zone *time.Location) deliveryRow {
	r := deliveryRow{Delivery: *d, At: deliveryURL(d), State: stateOf(d.Status), Words: eventKey(d.EventType), Zone: zone, Next: q.waiting(d, e)}
	if e != nil {
		r.Endpoint = endpointLabel(e)
	} else {
		r.Endpoint = q.lang.must("delivery.endpoint.gone", "id", d.EndpointID())
	}
	if n := len(d.Attempts); n > 0 {
		r.Last = &d.Attempts[n-1]
		r.Answer, r.Took = answerOf(r.Last), q.lang.span(r.Last.Duration)
	}
	return r
}

func (q *request) waiting(d *webhook.Delivery, e *webhook.Endpoint) waiting {
	switch left := d.NextAttemptAt.Sub(q.c.now()); {
	case d.Status.Ended() || e == nil:
		return waiting{Key: "delivery.next.none"}
	case !e.Enabled:
		return waiting{Key: "delivery.next.disabled"}
	case d.NextAttemptAt.IsZero():
		return waiting{Key: "delivery.next.parked"}
	case left <= 0:
		return waiting{Key: "delivery.next.now"}
	default:
		return waiting{At: d.NextAttemptAt, In: q.lang.span(left)}
	}
}

func (q *request) deliveries() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	at := tenantURL(t.ID)
	zone, path := t.Location(), at+"/deliveries"
	f := readFilter(q.filters(), zone)
	p := &deliveriesPage{frame: q.frameOf(&t, q.lang.must("nav.deliveries"), path), narrowing: q.narrowing(&t, f, path), Tenant: at}
	var endpoints map[uint32]*webhook.Endpoint
	if p.Endpoints, endpoints, err = q.endpointOffers(t.ID, f.endpoint); err != nil {
		return err
	}
	p.Any = len(endpoints) > 0
	if p.Tabs, err = q.tabs(f, path, endpoints); err != nil {
		return err
	}
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "deliveries", p)
	}
	page := q.cursor()
	list, looked, s, err := q.findDeliveries(t.ID, f, page)
	if err != nil {
		return err
	}
	for i := range list.Items {
		d, err := q.whole(list.Items[i])
		if err != nil {
			return err
		}
		p.Rows = append(p.Rows, q.row(&d, endpoints[d.EndpointID()], zone))
	}
	p.listed(page, list.Next, looked)
	if f.status.Ended() && !s.found && len(p.Rows) > 0 {
		p.Replay = f.path(at+"/replay", filterFields...)
	}
	return q.render(http.StatusOK, "deliveries", p)
}

// tabs are the statuses, with the figures that are kept of some of them while nothing else narrows the list.
func (q *request) tabs(f *filter, path string, endpoints map[uint32]*webhook.Endpoint) ([]tab, error) {
	stats, err := q.c.store.EndpointStats(q.Context())
	if err != nil {
		return nil, err
	}
	var sum webhook.EndpointStats
	for id := range endpoints {
		if f.endpoint == 0 || f.endpoint == id {
			st := stats[id]
			sum.Pending += st.Pending
			sum.Retrying += st.Retrying
			sum.Failed += st.Failed
		}
	}
	tabs := []tab{{Key: "delivery.all", Path: f.withStatus(path, ""), Current: f.status == 0}}
	for _, s := range []struct {
		status webhook.Status
		count  uint64
	}{{webhook.Pending, sum.Pending}, {webhook.Retrying, sum.Retrying}, {webhook.Succeeded, 0}, {webhook.Failed, sum.Failed}} {
		n := tab{Key: stateOf(s.status).Key, Path: f.withStatus(path, s.status.String()), Current: f.status == s.status}
		if s.count > 0 && !f.Narrowed("event", "find", "since", "until") {
			n.Count = grouped(s.count)
		}
		tabs = append(tabs, n)
	}
	return tabs, nil
}

// findDeliveries returns part of what matches a filter.
func (q *request) findDeliveries(tenant uint32, f *filter, p webhook.Page) (list webhook.List[webhook.Delivery], looked int, s search, err error) {
	if s, err = q.search(tenant, f.find); err != nil {
		return list, 0, s, err
	}
	if !s.found {
		by := webhook.DeliveryFilter{Status: f.status, EventType: f.event, EndpointID: f.endpoint, Conversation: s.conversation, Range: f.Range}
		list, looked, err = gather(p, func(p webhook.Page) (webhook.List[webhook.Delivery], error) {
			return q.c.store.Deliveries(q.Context(), tenant, by, p)
		})
		return list, looked, s, err
	}
	for i := range s.events {
		e := &s.events[i]
		if !f.wants(e) {
			continue
		}
		_, deliveries, err := q.c.store.Event(q.Context(), tenant, e.ID)
		if err != nil && !errors.Is(err, webhook.ErrNotFound) {
			return list, 0, s, err
		}
		for _, d := range deliveries {
			if (f.status == 0 || d.Status == f.status) && (f.endpoint == 0 || d.EndpointID() == f.endpoint) && (s.delivery.IsZero() || d.ID == s.delivery) {
				list.Items = append(list.Items, d)
			}
		}
	}
	return list, 0, s, nil
}

// wants reports whether an event is of the type and the time that the filter asks for.
func (f *filter) wants(e *webhook.Event) bool {
	at := e.CreatedAt()
	return (f.event == "" || e.Type == f.event) && !at.Before(f.Since) && (f.Until.IsZero() || at.Before(f.Until))
}

// soon is how long before an attempt its page begins to look out for it.
const soon = 15 * time.Second

type deliveryPage struct {
	frame
	deliveryRow
	Tenant   string       // the tenant's path
	URL      string       // empty: the endpoint is gone
	Event    string       // path
	Attempts []attemptRow // the newest first
	Before   int          // attempts that are no longer kept
	Body     bodyView
	Size     string
	Curl     string
	Hidden   bool // the command lacks values
	Signed   bool
	SignedAt time.Time // of the command
	Soon     bool      // an attempt is due, or about to be
	Again    string    // key of the button that sends it again; empty: nothing to press
	Same     string    // path of the list of the conversation; empty: none
	Check    string    // path of the page that verifies signatures
}

type attemptRow struct {
	webhook.Attempt
	Good    bool
	Answer  answered
	Why     string // in English; empty: it was delivered
	Took    string
	Body    string
	Cut     bool   // Body is the beginning only
	After   string // how long after the attempt before; empty: it is the first that is kept
	Headers []sentHeader
}

// deliveryOf returns the tenant and the delivery of the path, its event, and its endpoint, or nil if that is gone.
func (q *request) deliveryOf() (t webhook.Tenant, d webhook.Delivery, ev webhook.Event, e *webhook.Endpoint, err error) {
	if t, err = q.tenantOf(); err != nil {
		return t, d, ev, nil, err
	}
	id, err := webhook.ParseID(q.Param("delivery"))
	if err != nil {
		return t, d, ev, nil, webhook.ErrNotFound
	}
	if d, ev, err = q.c.store.Delivery(q.Context(), t.ID, id); err != nil {
		return t, d, ev, nil, err
	}
	e, err = q.endpointIf(t.ID, d.EndpointID())
	return t, d, ev, e, err
}

// endpointIf returns an endpoint, or nil if it is gone.
func (q *request) endpointIf(tenant, id uint32) (*webhook.Endpoint, error) {
	e, err := q.c.store.Endpoint(q.Context(), tenant, id)
	if errors.Is(err, webhook.ErrNotFound) {
		return nil, nil
	}
	return &e, err
}

// whole returns a delivery of a list with its attempts. One that has expired this moment stays as it is.
func (q *request) whole(d webhook.Delivery) (webhook.Delivery, error) {
	w, _, err := q.c.store.Delivery(q.Context(), d.TenantID, d.ID)
	if errors.Is(err, webhook.ErrNotFound) {
		return d, nil
	}
	return w, err
}

func (q *request) delivery() error {
	t, d, ev, e, err := q.deliveryOf()
	if err != nil {
		return err
	}
	now, zone := q.c.now(), t.Location()
	body := ev.Body(d.Raw)
	p := &deliveryPage{
		frame: q.frameOf(&t, d.EventType, tenantURL(t.ID)+"/deliveries"), deliveryRow: q.row(&d, e, zone), Tenant: tenantURL(t.ID),
		Event: eventURL(&ev), Before: d.AttemptCount - len(d.Attempts), Body: viewBody(body), Size: size(len(body)), SignedAt: now,
	}
	if d.Conversation != 0 {
		p.Same = fmt.Sprintf("%s/deliveries?find=%s%016x", p.Tenant, conversationPrefix, uint64(d.Conversation))
	}
	for i := range d.Attempts {
		a := &d.Attempts[i]
		row := attemptRow{
			Attempt: *a, Good: a.Error == "", Answer: answerOf(a), Took: q.lang.span(a.Duration), Headers: q.sent(&d, e, body, a.StartedAt),
			Body: visible(strings.ToValidUTF8(string(a.ResponseBody), "\uFFFD")), Cut: len(a.ResponseBody) >= webhook.MaxResponseBytes,
		}
		if !row.Good {
			row.Why = q.c.admin.Explain(a)
		}
		if i > 0 {
			before := &d.Attempts[i-1]
			row.After = q.lang.span(a.StartedAt.Sub(before.StartedAt.Add(before.Duration)))
		}
		p.Attempts = append(p.Attempts, row)
	}
	slices.Reverse(p.Attempts)
	if e != nil {
		header := q.sent(&d, e, body, now)
		p.URL, p.Curl, p.Signed, p.Hidden = e.URL, curl(e.URL, header, body), !e.Secret.IsZero(), len(e.Headers) > 0
		p.Check = fmt.Sprintf("%s/verify?endpoint=%d", p.Tenant, e.ID)
		p.Soon = p.Next.Key == "delivery.next.now" || !p.Next.At.IsZero() && p.Next.At.Sub(now) < soon
		switch {
		case d.Status.Ended():
			p.Again = "delivery.replay"
		case d.Status == webhook.Retrying && p.Next.In != "":
			p.Again = "delivery.replay.now"
		}
	}
	return q.render(http.StatusOK, "delivery", p)
}

// replayDelivery makes one delivery due now.
func (q *request) replayDelivery() error {
	_, d, _, _, err := q.deliveryOf()
	if err != nil {
		return err
	}
	if err := q.c.admin.Retry(q.Context(), d.TenantID, d.ID); err != nil {
		return err
	}
	return q.done(deliveryURL(&d), note{Text: "delivery.replayed"})
}

// deliveryBody answers the bytes that are sent.
func (q *request) deliveryBody() error {
	_, d, ev, _, err := q.deliveryOf()
	if err != nil {
		return err
	}
	return q.saveBody(ev.Body(d.Raw))
}
