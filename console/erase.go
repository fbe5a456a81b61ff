package console

import (
	"net/http"
	"time"

	"cubeconnect/webhook"
)

// eraseTime is enough to read some ten gigabytes.
const eraseTime = 10 * time.Minute

type erasePage struct {
	frame
	Form     form
	At       string // of the page
	Cancel   string // path
	Customer string // that is to be erased, or was; empty: it is asked for
	Done     bool
	Facts    []fact
	Known    []string // other ids of the same person
	Nothing  bool     // there was nothing
}

type fact struct{ Key, Value string }

// erase asks which customer is to be erased, asks once more, and does it.
func (q *request) erase() error {
	t, f, err := q.tenantForm()
	if err != nil {
		return err
	}
	at := tenantURL(t.ID)
	p := &erasePage{frame: q.frameOf(&t, q.lang.must("erase.title"), at+"/details"), Form: f, At: at + "/erase", Cancel: at + "/details"}
	if !q.posted() {
		return q.render(http.StatusOK, "erase", p)
	}
	text := f.Text("phone")
	if digits := phoneDigits(text); digits != "" {
		text = digits
	}
	customer, ok := webhook.ParseCustomer(text)
	if !ok {
		f.faults.Add("phone", "must be a phone number with its country code, or a user id of Meta's")
		return q.render(http.StatusUnprocessableEntity, "erase", p)
	}
	p.Customer = customer
	if f.Value("confirmed") == "" {
		return q.render(http.StatusOK, "erase", p)
	}
	q.Extend(eraseTime)
	done, err := q.c.admin.Erase(q.Context(), webhook.Erasure{TenantID: t.ID, Customer: customer})
	if err != nil {
		return err
	}
	p.Done, p.Known = true, done.AlsoKnownAs
	for _, n := range []struct {
		key   string
		count int
	}{
		{"erase.events", done.Events}, {"erase.deliveries", done.Deliveries}, {"erase.attempts", done.Attempts}, {"erase.messages", done.Messages},
		{"erase.audits", done.Audits}, {"erase.mentions", done.Mentions}, {"erase.last_inbound", done.LastInbound},
	} {
		if n.count > 0 {
			p.Facts = append(p.Facts, fact{n.key, grouped(uint64(n.count))})
		}
	}
	p.Nothing = len(p.Facts) == 0
	return q.render(http.StatusOK, "erase", p)
}
