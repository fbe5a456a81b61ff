package app_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"cubeconnect/config"
	"cubeconnect/webhook"
)

func TestRepeats(t *testing.T) {
	t.Parallel()
	message := func(waba, phone, id, words string) []byte {
		return webhookOf(inMessages(waba, phone, "messages", textElement(customer, id, words)))
	}
	group := func(participant string) []byte {
		s := statusElement("wamid.g", "read", 1794821400)
		s["recipient_id"], s["recipient_type"], s["recipient_participant_id"] = "group-1", "group", participant
		return webhookOf(inMessages(waba1, phone1, "statuses", s))
	}
	for _, c := range []struct {
		name          string
		first, second []byte
		repeat        bool
	}{
		{"message", message(waba1, phone1, "wamid.1", "x"), message(waba1, phone1, "wamid.1", "x"), true},
		{"message that says something else", message(waba1, phone1, "wamid.1", "x"), message(waba1, phone1, "wamid.1", "y"), true},
		{"message of another number", message(waba1, phone1, "wamid.1", "x"), message(waba1, phone3, "wamid.1", "x"), false},
		{"message with an id in other case", message(waba1, phone1, "wamid.a", "x"), message(waba1, phone1, "wamid.A", "x"), false},
		{"status", status("wamid.1", "sent", 1794821400), status("wamid.1", "sent", 1794821400), true},
		{"status with another time", status("wamid.1", "sent", 1794821400), status("wamid.1", "sent", 1794821409), true},
		{"next status", status("wamid.1", "sent", 1794821400), status("wamid.1", "delivered", 1794821400), false},
		{"status of a message that came in", message(waba1, phone1, "wamid.1", "x"), status("wamid.1", "read", 1794821400), false},
		{"status of another number", status("wamid.1", "sent", 1794821400), webhookOf(inMessages(waba1, phone3, "statuses", statusElement("wamid.1", "sent", 1794821400))), false},
		{"status of a group's member", group("16505550111"), group("16505550111"), true},
		{"status of a group's other member", group("16505550111"), group("16505550112"), false},
		{"template", template(1, "n", "de", "APPROVED", 1794821400), template(1, "n", "de", "APPROVED", 1794821400), true},
		{"template at another time", template(1, "n", "de", "APPROVED", 1794821400), template(1, "n", "de", "APPROVED", 1794821401), false},
		{"template in another language", template(1, "n", "de", "APPROVED", 1794821400), template(1, "n", "en", "APPROVED", 1794821400), false},
		{"template with another event", template(1, "n", "de", "APPROVED", 1794821400), template(1, "n", "de", "PAUSED", 1794821400), false},
		{"another template", template(1, "n", "de", "APPROVED", 1794821400), template(2, "n", "de", "APPROVED", 1794821400), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, n, _, _ := shop(t)
			n.account(waba1, phone3)
			a.meta(c.first, c.second)
			want, outcome := 2, "accepted"
			if c.repeat {
				want, outcome = 1, "duplicate"
			}
			if got := len(n.events()); got != want {
				t.Errorf("%d events, want %d", got, want)
			}
			if got := a.list("/audit?limit=1")[0]["outcome"]; got != outcome {
				t.Errorf("the second is %s, want %s", got, outcome)
			}
			a.restart()
			a.meta(c.first, c.second)
			if got := len(n.events()); got != want {
				t.Errorf("%d events after a restart, want %d", got, want)
			}
			n.ended(want)
		})
	}
}

// Meta repeats a POST while the first one is still being stored.
func TestSamePostConcurrently(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	for _, b := range [][]byte{body(t, "message-text"), body(t, "status-sent"), body(t, "template-approved")} {
		var posts sync.WaitGroup
		for range 50 {
			posts.Go(func() {
				if r := a.post(b); r.status != http.StatusOK {
					t.Errorf("%d %s", r.status, r.raw)
				}
			})
		}
		posts.Wait()
	}
	if got := len(n.events()); got != 3 {
		t.Errorf("%d events, want 3", got)
	}
	n.ended(3)
	if got := len(r.requests()); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
	outcomes := map[any]int{}
	for _, rec := range a.all("/audit") {
		outcomes[rec["outcome"]]++
	}
	if outcomes["accepted"] != 3 || outcomes["duplicate"] != 147 {
		t.Errorf("outcomes %v", outcomes)
	}
}

// Two tenants' messages with one id are two messages.
func TestSameIDInTwoTenants(t *testing.T) {
	t.Parallel()
	a := start(t)
	one, two := a.tenant("One", "UTC"), a.tenant("Two", "UTC")
	one.account(waba1, phone1)
	two.account(waba2, phone2)
	a.meta(webhookOf(
		inMessages(waba1, phone1, "messages", textElement(customer, "wamid.1", "one's")),
		inMessages(waba2, phone2, "messages", textElement(customer, "wamid.1", "two's")),
	))
	for _, c := range []struct {
		n    *tenant
		want string
	}{{one, "one's"}, {two, "two's"}} {
		list := c.n.payloads()
		if len(list) != 1 || list[0]["content"] != c.want {
			t.Errorf("tenant %d: %s", c.n.id, encoded(list))
		}
		m := a.as(c.n.key(), "GET", "/messages/wamid.1", nil).ok(200)
		says(t, "the message", m, object{"tenant_id": c.n.id})
	}
}

// After retention.dedupe a repeat is news again.
func TestDedupeEnds(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t, func(c *config.Config) { c.Retention.Dedupe = webhook.Duration(time.Millisecond) })
	eventually(t, func() error {
		a.samples("message-text")
		if got := len(n.events()); got < 2 {
			return fmt.Errorf("%d events, want 2", got)
		}
		return nil
	})
}
