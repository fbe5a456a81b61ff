package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func (o owner) messageState(wamid string) webhook.Message {
	o.t.Helper()
	list, err := o.Messages(ctx(), o.tenant, wamid)
	o.ok(err)
	if len(list) != 1 {
		o.t.Fatalf("%d messages %s", len(list), wamid)
	}
	return list[0]
}

// A message never moves backwards, in whatever order its statuses arrive.
func TestMessageStatus(t *testing.T) {
	o := openStore(t).newTenant()
	for i, tt := range []struct{ arrive, want string }{
		{"sent", "sent"}, {"sent delivered read", "read"}, {"read delivered sent", "read"}, {"delivered sent", "delivered"},
		{"sent failed", "failed"}, {"failed sent", "failed"}, {"failed delivered", "delivered"}, {"failed read", "read"},
		{"delivered failed", "delivered"}, {"read failed", "read"}, {"sent failed delivered failed", "delivered"}, {"failed failed", "failed"},
	} {
		t.Run(tt.arrive, func(t *testing.T) {
			wamid := fmt.Sprint("m", i)
			var once []string
			for _, word := range strings.Fields(tt.arrive) {
				status, _ := webhook.ParseMessageStatus(word)
				o.accept(o.status(wamid, status, func(s *webhook.StatusItem) {
					if s.Status == webhook.MessageFailed {
						s.Errors = []byte(`[{"code":131047}]`)
					}
				}))
				if !slices.Contains(once, word) {
					once = append(once, word)
				}
			}
			m := o.messageState(wamid)
			equal(t, m.Status, tt.want)
			equal(t, m.Inbound, false)
			equal(t, string(m.Errors), map[bool]string{true: `[{"code":131047}]`}[tt.want == "failed"])
			var history []string
			for _, step := range m.History {
				history = append(history, step.Status.String())
			}
			equal(t, history, once)
		})
	}
}

func TestInboundMessage(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	o.accept(o.message("m", "966500000001"))
	m := o.messageState("m")
	equal(t, m, webhook.Message{
		WAMID: "m", TenantID: o.tenant, AccountID: o.account, Inbound: true, Customer: "966500000001", Status: webhook.MessageInbound, UpdatedAt: begun,
		History: []webhook.MessageStep{{Status: webhook.MessageInbound, At: begun}},
	})
	for _, tenant := range []uint32{other.tenant, 99} {
		_, err := d.Messages(ctx(), tenant, "m")
		equal(t, err, webhook.ErrNotFound)
	}
	list, err := d.Messages(ctx(), 0, "m")
	d.ok(err)
	equal(t, len(list), 1)
	d.ok(d.DeleteTenant(ctx(), o.tenant))
	_, err = d.Messages(ctx(), 0, "m")
	equal(t, err, webhook.ErrNotFound)
}

// A group's message has statuses of up to 1,024 members. Each counts once, the history keeps some, and the
// group's own are never crowded out.
func TestStatusesOfAGroup(t *testing.T) {
	o := openStore(t).newTenant()
	member := func(i int) func(*webhook.StatusItem) {
		return func(s *webhook.StatusItem) { s.Participant = fmt.Sprint("p", i) }
	}
	const members = 200
	all := func() (items []webhook.Item) {
		for i := range members {
			items = append(items, o.status("m", webhook.MessageDelivered, member(i)))
		}
		return items
	}
	equal(t, o.accept(all()...), webhook.Accepted)
	equal(t, len(o.events()), members)
	equal(t, len(o.messageState("m").History), 64)
	equal(t, o.accept(all()...), webhook.Duplicate)

	for _, status := range []webhook.MessageStatus{webhook.MessageSent, webhook.MessageFailed, webhook.MessageDelivered, webhook.MessageRead} {
		equal(t, o.accept(o.status("m", status)), webhook.Accepted)
		equal(t, o.accept(o.status("m", status)), webhook.Duplicate)
	}
	equal(t, o.accept(o.status("m", webhook.MessageRead, member(199))), webhook.Accepted)
	o.reopen()
	equal(t, o.accept(all()...), webhook.Duplicate)
	equal(t, o.accept(o.status("m", webhook.MessageSent), o.status("m", webhook.MessageRead, member(199))), webhook.Duplicate)
	m := o.messageState("m")
	equal(t, m.Status, webhook.MessageRead)
	equal(t, len(m.History), 64)
	equal(t, len(o.events()), members+5)
}

// The 24-hour window: when a customer last wrote to an account, by Meta's clock.
func TestLastInbound(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	wrote := func(at time.Time) {
		item := o.message(fmt.Sprint("m", at.UnixNano()), "c")
		item.Message.At = at
		o.accept(item)
	}
	last := func(account uint32, customer string) time.Time {
		at, err := d.LastInbound(ctx(), account, customer)
		d.ok(err)
		return at
	}
	equal(t, last(o.account, "c").IsZero(), true)
	wrote(begun)
	equal(t, last(o.account, "c"), begun)
	wrote(begun.Add(-time.Hour)) // came late
	equal(t, last(o.account, "c"), begun)
	wrote(begun.Add(time.Hour))
	equal(t, last(o.account, "c"), begun.Add(time.Hour))
	equal(t, last(o.account, "d").IsZero(), true)
	equal(t, last(other.account, "c").IsZero(), true)
	d.reopen()
	equal(t, last(o.account, "c"), begun.Add(time.Hour))
	o.accept(o.status("m", webhook.MessageRead)) // ours, not the customer's
	equal(t, last(o.account, "c"), begun.Add(time.Hour))
	d.clock.advance(10 * 24 * time.Hour)
	d.ok(d.RetainAll(ctx()))
	equal(t, last(o.account, "c").IsZero(), true)
}

// The events of a message are found by its id alone, also among others of the same moment.
func TestEventsOfMessage(t *testing.T) {
	d := openStore(t)
	o, other := d.newTenant(), d.newTenant()
	accept := func(o owner, payload string, item webhook.Item) {
		t.Helper()
		item.Event.Payload = []byte(payload)
		equal(t, o.accept(item, o.message("other "+payload, "c")), webhook.Accepted)
	}
	of := func(o owner, wamid string) (payloads []string) {
		t.Helper()
		events, err := o.EventsOf(ctx(), o.tenant, wamid)
		o.ok(err)
		for _, e := range events {
			payloads = append(payloads, string(e.Payload))
		}
		return payloads
	}
	accept(o, `{"message_id":"m","status":"sent"}`, o.status("m", webhook.MessageSent))
	accept(other, `{"message_id":"m","status":"delivered"}`, other.status("m", webhook.MessageDelivered))
	d.clock.advance(time.Hour)
	accept(o, `{"message_id":"m","status":"read"}`, o.status("m", webhook.MessageRead))
	accept(o, `{"wa_message_id":"n","content":"m"}`, o.message("n", "c"))
	equal(t, of(o, "m"), []string{`{"message_id":"m","status":"read"}`, `{"message_id":"m","status":"sent"}`})
	equal(t, of(o, "n"), []string{`{"wa_message_id":"n","content":"m"}`})
	equal(t, of(other, "m"), []string{`{"message_id":"m","status":"delivered"}`})
	equal(t, len(of(o, "nobody's")), 0)
	_, err := d.EventsOf(ctx(), 99, "m")
	equal(t, err, webhook.ErrNotFound)
}
