package console

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"cubeconnect/webhook"
)

type eventsPage struct {
	frame
	narrowing
	Tenant    string  // the tenant's path
	Endpoints []offer // none: the form has no such field
	Rows      []eventRow
}

// eventRow is an event as the list shows it.
type eventRow struct {
	webhook.Event
	At     string
	Words  string // key of what its type means; empty: none
	States []stateCount
	Zone   *time.Location
}

// stateCount is how many of an event's deliveries stand the same.
type stateCount struct {
	condition
	Count int
}

func eventURL(e *webhook.Event) string {
	return fmt.Sprintf("%s/events/%s", tenantURL(e.TenantID), e.ID)
}

func (q *request) events() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	zone, path := t.Location(), tenantURL(t.ID)+"/events"
	f := readFilter(q.filters(), zone)
	p := &eventsPage{frame: q.frameOf(&t, q.lang.must("nav.events"), path), narrowing: q.narrowing(&t, f, path), Tenant: tenantURL(t.ID)}
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "events", p)
	}
	page := q.cursor()
	list, looked, err := q.findEvents(t.ID, f, page)
	if err != nil {
		return err
	}
	for i := range list.Items {
		e := &list.Items[i]
		_, deliveries, err := q.c.store.Event(q.Context(), t.ID, e.ID)
		if err != nil && !errors.Is(err, webhook.ErrNotFound) { // expired this moment
			return err
		}
		p.Rows = append(p.Rows, eventRow{*e, eventURL(e), eventKey(e.Type), stateCounts(deliveries), zone})
	}
	p.listed(page, list.Next, looked)
	return q.render(http.StatusOK, "events", p)
}

// stateCounts counts deliveries, those first that want looking after.
func stateCounts(deliveries []webhook.Delivery) (counts []stateCount) {
	for _, s := range []webhook.Status{webhook.Failed, webhook.Retrying, webhook.Pending, webhook.Succeeded} {
		n := 0
		for i := range deliveries {
			if deliveries[i].Status == s {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, stateCount{stateOf(s), n})
		}
	}
	return counts
}

func (q *request) findEvents(tenant uint32, f *filter, p webhook.Page) (list webhook.List[webhook.Event], looked int, err error) {
	s, err := q.search(tenant, f.find)
	if err != nil {
		return list, 0, err
	}
	if s.found {
		for i := range s.events {
			if f.wants(&s.events[i]) {
				list.Items = append(list.Items, s.events[i])
			}
		}
		return list, 0, nil
	}
	by := webhook.EventFilter{Type: f.event, Conversation: s.conversation, Range: f.Range}
	return gather(p, func(p webhook.Page) (webhook.List[webhook.Event], error) {
		return q.c.store.Events(q.Context(), tenant, by, p)
	})
}

type eventPage struct {
	frame
	webhook.Event
	At         string
	Tenant     string // the tenant's path
	Words      string
	Zone       *time.Location
	Body       bodyView
	Size       string
	Raw        *bodyView // Meta's own object; nil: there is none
	Audit      string    // path; empty: it didn't come from Meta
	Deliveries []deliveryRow
	Same       string // path of the list of the conversation; empty: none
}

// eventOf returns the tenant and the event of the path, with its deliveries.
func (q *request) eventOf() (t webhook.Tenant, e webhook.Event, deliveries []webhook.Delivery, err error) {
	if t, err = q.tenantOf(); err != nil {
		return t, e, nil, err
	}
	id, err := webhook.ParseID(q.Param("event"))
	if err != nil {
		return t, e, nil, webhook.ErrNotFound
	}
	e, deliveries, err = q.c.store.Event(q.Context(), t.ID, id)
	return t, e, deliveries, err
}

func (q *request) eventPage() error {
	t, e, deliveries, err := q.eventOf()
	if err != nil {
		return err
	}
	zone, path := t.Location(), tenantURL(t.ID)
	p := &eventPage{
		frame: q.frameOf(&t, e.Type, path+"/events"), Event: e, Tenant: path, Words: eventKey(e.Type), Zone: zone,
		At: eventURL(&e), Body: viewBody(e.Payload), Size: size(len(e.Payload)),
	}
	if e.Raw != nil {
		p.Raw = new(viewBody(e.Raw))
	}
	if !e.AuditID.IsZero() {
		p.Audit = auditURL(e.AuditID)
	}
	if e.Conversation != 0 {
		p.Same = fmt.Sprintf("%s/events?find=%s%016x", path, conversationPrefix, uint64(e.Conversation))
	}
	for i := range deliveries {
		d, err := q.whole(deliveries[i])
		if err != nil {
			return err
		}
		to, err := q.endpointIf(t.ID, d.EndpointID())
		if err != nil {
			return err
		}
		p.Deliveries = append(p.Deliveries, q.row(&d, to, zone))
	}
	return q.render(http.StatusOK, "event", p)
}

// eventPayload answers an event's bytes.
func (q *request) eventPayload() error {
	_, e, _, err := q.eventOf()
	if err != nil {
		return err
	}
	return q.saveBody(e.Payload)
}
