package console

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// filter is what a list of deliveries or events is narrowed to.
type filter struct {
	form
	status   webhook.Status
	event    string
	endpoint uint32
	find     string
	webhook.Range
}

// filterFields are what a filter is made of; the status has links of its own, the others a form.
var filterFields = []string{"status", "find", "event", "endpoint", "since", "until"}

// readFilter reads a filter. Statuses are those that can be asked for beside a delivery's own.
func readFilter(f form, zone *time.Location, statuses ...string) *filter {
	for s := webhook.Pending; s <= webhook.Failed; s++ {
		statuses = append(statuses, s.String())
	}
	by := &filter{form: f, event: f.oneOf("event", webhook.EventTypes...), endpoint: f.id("endpoint"), find: f.Text("find"), Range: f.span(zone)}
	by.status, _ = webhook.ParseStatus(f.oneOf("status", statuses...))
	return by
}

// withStatus returns the path of a list with this filter, but for another status.
func (f *filter) withStatus(path, status string) string {
	changed := maps.Clone(f.values)
	changed.Set("status", status)
	return newForm(changed).path(path, filterFields...)
}

// narrowing is what the parts of a page show of its filter.
type narrowing struct {
	Form     form
	Narrowed bool // by more than the status
	Open     bool // by more than that and a search, or wrongly
	Path     string
	Events   []string
	ZoneName string
	Pager    pager
	Looked   string    // so many records were looked at, and there are more; empty: the page is full, or the list ends
	Reached  time.Time // the oldest of them
	Zone     *time.Location
}

func (q *request) narrowing(t *webhook.Tenant, f *filter, path string) narrowing {
	open := f.Narrowed(filterFields[2:]...)
	return narrowing{
		Form: f.form, Narrowed: open || f.find != "", Open: open || f.Wrong(), Path: path, Events: webhook.EventTypes, ZoneName: zoneName(t, q.c.now()), Zone: t.Location(),
	}
}

// listed adds how the list came out.
func (n *narrowing) listed(p webhook.Page, next string, looked int) {
	n.Pager, n.Reached = pager{n.Form.path(n.Path, filterFields...), p.Cursor == "", next}, reached(next)
	if looked > 0 {
		n.Looked = grouped(uint64(looked))
	}
}

// search is what the text of a search stands for: some events, or a conversation. Neither: everything.
type search struct {
	events       []webhook.Event // the newest first
	conversation webhook.Conversation
	delivery     webhook.ID // one delivery of the events; zero: all
	found        bool       // events is the answer, also if it is empty
}

// conversationPrefix stands before a conversation's number in a search, so that links need no phone number.
const conversationPrefix = "conversation:"

// search finds out what somebody looks for: an event's or a delivery's id, a message's id, or a customer.
func (q *request) search(tenant uint32, text string) (s search, err error) {
	if text == "" {
		return s, nil
	}
	if id, err := webhook.ParseID(text); err == nil {
		s.found = true
		e, _, err := q.c.store.Event(q.Context(), tenant, id.OfTenant(tenant))
		if err == nil {
			s.events = []webhook.Event{e}
		} else if !errors.Is(err, webhook.ErrNotFound) {
			return s, err
		}
		if id != id.OfTenant(tenant) {
			s.delivery = id
		}
		return s, nil
	}
	if hex, ok := strings.CutPrefix(text, conversationPrefix); ok {
		n, err := strconv.ParseUint(hex, 16, 64)
		s.conversation, s.found = webhook.Conversation(n), err != nil || n == 0
		return s, nil
	}
	if phone := phoneDigits(text); phone != "" {
		s.conversation = webhook.ConversationOf(tenant, phone)
		return s, nil
	}
	s.events, err = q.c.store.EventsOf(q.Context(), tenant, text)
	if s.found = len(s.events) > 0 || strings.HasPrefix(text, "wamid."); !s.found {
		s.conversation = webhook.ConversationOf(tenant, text) // a user's id or a group's
	}
	return s, err
}

// phoneDigits returns a phone number as Meta writes it, in digits with the country's code, of the ways in
// which people do; empty if it is something else. What is copied from a chat has invisible marks around it.
func phoneDigits(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '٠' && r <= '٩':
			b.WriteRune(r - '٠' + '0')
		case r >= '۰' && r <= '۹':
			b.WriteRune(r - '۰' + '0')
		case strings.ContainsRune("+-–.()/ \u00a0\u202f\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069", r):
		default:
			return ""
		}
	}
	return strings.TrimPrefix(b.String(), "00")
}

// How many parts of a list a page looks through for what a filter leaves of it. Whoever asks for the next page
// wants to find something, and can wait a moment longer.
const (
	firstParts = 4
	nextParts  = 8
)

// gather fills a page from the parts of a list. Looked is how many records were looked at if the page is
// short because they were many.
func gather[T any](p webhook.Page, list func(webhook.Page) (webhook.List[T], error)) (all webhook.List[T], looked int, err error) {
	most, parts := p.Limit, firstParts
	if p.Cursor != "" {
		parts = nextParts
	}
	for part := 1; ; part++ {
		l, err := list(p)
		if err != nil {
			return all, 0, err
		}
		all.Items, all.Next = append(all.Items, l.Items...), l.Next
		if l.Next == "" || len(all.Items) == most {
			return all, 0, nil
		}
		if part == parts {
			return all, part * webhook.MaxScan, nil
		}
		p.Cursor, p.Limit = l.Next, most-len(all.Items)
	}
}

// endpointOffers are a tenant's endpoints, with the one that is chosen even if it is gone.
func (q *request) endpointOffers(tenant, chosen uint32) (offers []offer, by map[uint32]*webhook.Endpoint, err error) {
	by = map[uint32]*webhook.Endpoint{}
	for p := (webhook.Page{Limit: webhook.MaxPage}); ; {
		list, err := q.c.store.Endpoints(q.Context(), tenant, p)
		if err != nil {
			return nil, nil, err
		}
		for i := range list.Items {
			e := &list.Items[i]
			by[e.ID] = e
			offers = append(offers, offer{strconv.FormatUint(uint64(e.ID), 10), endpointName(e)})
		}
		if p.Cursor = list.Next; p.Cursor == "" {
			break
		}
	}
	if chosen != 0 && by[chosen] == nil {
		offers = append(offers, offer{strconv.FormatUint(uint64(chosen), 10), q.lang.must("delivery.endpoint.gone", "id", chosen)})
	}
	return offers, by, nil
}

// endpointName is what an endpoint is called in a line: its URL without what all have, and its description.
func endpointName(e *webhook.Endpoint) string {
	name := strings.TrimPrefix(strings.TrimPrefix(e.URL, "https://"), "http://")
	if e.Description != "" {
		name += " (" + e.Description + ")"
	}
	return name
}

// endpointLabel is what it is called in a table: as somebody described it, or by its URL.
func endpointLabel(e *webhook.Endpoint) string {
	if e.Description != "" {
		return e.Description
	}
	return endpointName(e)
}
