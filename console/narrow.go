package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// filters reads what a list is to be narrowed to: a form that is sent with GET, so that its state is in the
// address and can be shared.
func (q *request) filters() form { return newForm(q.URL.Query()) }

// Narrowed reports whether any of some fields is filled in.
func (f form) Narrowed(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return f.Text(name) != "" })
}

// path returns a path with those of some fields that are filled in as its query.
func (f form) path(path string, names ...string) string {
	kept := url.Values{}
	for _, name := range names {
		if text := f.Text(name); text != "" {
			kept.Set(name, text)
		}
	}
	if len(kept) == 0 {
		return path
	}
	return path + "?" + kept.Encode()
}

// oneOf reads a field that has one of a few values.
func (f form) oneOf(name string, values ...string) string {
	text := f.Text(name)
	if text != "" && !slices.Contains(values, text) {
		f.faults.Add(name, "is none of these")
	}
	return text
}

// id reads the id of something; 0: none is chosen.
func (f form) id(name string) uint32 {
	text := f.Text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		f.faults.Add(name, "is none of these")
	}
	return uint32(n)
}

// clockLayout is how browsers write a date and time that somebody chose, to the minute or the second.
const clockLayout = "2006-01-02T15:04"

// span reads since and until in a zone, as browsers write them or as the API takes them.
func (f form) span(zone *time.Location) webhook.Range {
	r := webhook.Range{Since: f.clock("since", zone), Until: f.clock("until", zone)}
	web.CheckRange(f.faults, r)
	return r
}

func (f form) clock(name string, zone *time.Location) time.Time {
	text := f.Text(name)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{clockLayout, time.DateOnly, clockLayout + ":05"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			text = t.Format(time.RFC3339)
		}
	}
	t, ok := web.ParseTime(strings.Replace(text, " ", "+", 1)) // an unescaped "+03:00" arrives with a space
	if !ok {
		f.faults.Add(name, web.TimeForms)
		return t
	}
	layout := clockLayout
	if t.Second() != 0 {
		layout += ":05"
	}
	f.values.Set(name, t.In(zone).Format(layout)) // as the field wants it
	return t
}

// offer is a line of a field that offers some.
type offer struct{ Value, Text string }

// maxOffers bounds the tenants that a field offers: more can't be looked through.
const maxOffers = 1000

// tenantOffers offers the tenants, the chosen one among them.
func (q *request) tenantOffers(chosen uint32) (offers []offer, err error) {
	found := chosen == 0
	add := func(t *webhook.Tenant) {
		found = found || t.ID == chosen
		offers = append(offers, offer{strconv.FormatUint(uint64(t.ID), 10), t.Name})
	}
	for p := (webhook.Page{Limit: webhook.MaxPage}); len(offers) < maxOffers; {
		list, err := q.c.store.Tenants(q.Context(), p)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			add(&list.Items[i])
		}
		if p.Cursor = list.Next; p.Cursor == "" {
			break
		}
	}
	if !found {
		t, err := q.c.store.Tenant(q.Context(), chosen)
		if err != nil {
			return offers, err
		}
		add(&t)
	}
	return offers, nil
}

// tenantLink is a tenant's name, and where its pages are. The name of one that was deleted is empty.
type tenantLink struct {
	ID   uint32
	Name string
	At   string
}

func (q *request) tenantLink(id uint32) tenantLink {
	t, err := q.c.store.Tenant(q.Context(), id)
	if err != nil { // names are read from memory: it is gone
		return tenantLink{ID: id}
	}
	return tenantLink{id, t.Name, tenantURL(id)}
}
