package app_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestMessageStatus(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	for i, c := range []struct{ reported, want string }{
		{"sent", "sent"},
		{"sent delivered", "delivered"},
		{"sent delivered read", "read"},
		{"read delivered sent", "read"},
		{"read sent", "read"},
		{"delivered sent", "delivered"},
		{"sent read", "read"},
		{"failed", "failed"},
		{"sent failed", "failed"},
		{"failed sent", "failed"},
		{"failed delivered", "delivered"},
		{"failed read", "read"},
		{"failed read delivered sent", "read"},
		{"read failed", "read"},
	} {
		t.Run(c.reported, func(t *testing.T) {
			id := fmt.Sprintf("wamid.status%d", i)
			before := len(n.events())
			words := strings.Fields(c.reported)
			for j, w := range words {
				a.meta(status(id, w, 1794821400+int64(j)))
			}
			m := a.get("/messages/" + id)
			has(t, "a message", m, shape{
				"wamid": "string", "tenant_id": "int", "account_id": "int", "direction": "string", "customer": "string", "status": "string",
				"errors": "array|null", "updated_at": "time", "history": "array",
			})
			says(t, "the message", m, object{"wamid": id, "tenant_id": n.id, "direction": "outbound", "customer": customer, "status": c.want})
			var history []string
			for _, s := range m["history"].([]any) {
				history = append(history, s.(object)["status"].(string))
			}
			if strings.Join(history, " ") != c.reported {
				t.Errorf("history %v, want %s", history, c.reported)
			}
			if c.want == "failed" {
				failures, _ := m["errors"].([]any)
				if len(failures) != 1 {
					t.Fatalf("errors %s", encoded(m["errors"]))
				}
				says(t, "the error", failures[0].(object), object{"code": 131047, "title": "Re-engagement message"})
			}
			if got := len(n.events()) - before; got != len(words) {
				t.Errorf("%d events, want %d: each report is one", got, len(words))
			}
		})
	}
	a.restart()
	says(t, "after a restart", a.get("/messages/wamid.status3"), object{"status": "read"})
	a.samples("status-out-of-order-1-read", "status-out-of-order-2-delivered")
	list := n.payloads()
	says(t, "Meta's own example", a.get("/messages/"+url.PathEscape(list[len(list)-1]["message_id"].(string))), object{"status": "read"})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	a.samples("message-text", "status-bsuid-no-recipient-id", "status-played")
	list := n.payloads()
	in := a.get("/messages/" + url.PathEscape(list[0]["wa_message_id"].(string)))
	says(t, "a message that came in", in, object{"direction": "inbound", "customer": customer, "account_id": 1, "errors": nil})
	has(t, "a message that came in", in, shape{"status": "string", "history": "array", "updated_at": "time"})
	out := a.get("/messages/" + url.PathEscape(list[1]["message_id"].(string)))
	says(t, "a message to a user who hides the number", out, object{"direction": "outbound", "customer": "US.10000000000000000111", "status": "delivered"})

	const odd = "wamid.a/b+c==?x#y%20"
	a.meta(text(customer, odd, "x"))
	says(t, "an id with slashes", a.get("/messages/"+url.PathEscape(odd)), object{"wamid": odd})
	a.call("GET", "/messages/wamid.unknown", nil).refused(404, "NOT_FOUND")

	other := a.tenant("Other", "UTC").key()
	a.as(other, "GET", "/messages/"+url.PathEscape(odd), nil).refused(404, "NOT_FOUND")
	a.as(n.key(), "GET", "/messages/"+url.PathEscape(odd), nil).ok(200)
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	if got := a.list("/templates"); len(got) != 0 {
		t.Errorf("%s", encoded(got))
	}
	// One template's story, as the samples tell it.
	for _, c := range []struct{ sample, status string }{
		{"template-rejected", "REJECTED"}, {"template-paused", "PAUSED"}, {"template-unpaused", "APPROVED"}, {"template-flagged", "FLAGGED"}, {"template-disabled", "DISABLED"},
	} {
		a.samples(c.sample)
		list := a.list("/templates")
		if len(list) != 1 {
			t.Fatalf("%s: %d templates", c.sample, len(list))
		}
		has(t, "a template", list[0], shape{
			"whatsapp_account_id": "int", "name": "string", "language": "string", "category": "string|null", "status": "string", "reason": "string|null", "updated_at": "time",
		})
		says(t, c.sample, list[0], object{"whatsapp_account_id": 1, "name": "cart_reminder", "language": "en_US", "status": c.status, "category": "MARKETING"})
	}
	if got := len(n.events()); got != 5 {
		t.Errorf("%d events, want 5", got)
	}
	a.samples("template-approved")
	a.meta(template(1689556900001001, "order_update", "de", "APPROVED", 1794821400)) // the same in another language
	other := a.tenant("Two", "UTC")
	second := other.account(waba2, phone2)
	a.meta(webhookOf(change{waba2, 1794821400, "message_template_status_update", object{"event": "pending", "message_template_id": 5, "message_template_name": "order_update", "message_template_language": "en_US"}}))
	for query, want := range map[string]int{
		"": 4, "?status=APPROVED": 2, "?status=DISABLED": 1, "?status=PENDING": 1, "?status=LOST": 0,
		"?whatsapp_account_id=1": 3, fmt.Sprintf("?whatsapp_account_id=%d", second): 1, "?whatsapp_account_id=99": 0,
		"?whatsapp_account_id=1&status=APPROVED": 2,
	} {
		if got := a.list("/templates" + query); len(got) != want {
			t.Errorf("%q: %d, want %d: %s", query, len(got), want, encoded(got))
		}
	}
	if got := a.as(other.key(), "GET", "/templates", nil).items(); len(got) != 1 {
		t.Errorf("a tenant's key sees %d templates, want 1", len(got))
	}
	a.restart()
	if got := a.list("/templates"); len(got) != 4 {
		t.Errorf("%d after a restart, want 4", len(got))
	}
	a.call("GET", "/templates?whatsapp_account_id=x", nil).refused(422, "VALIDATION_ERROR")
}

func TestAccountState(t *testing.T) {
	t.Parallel()
	a := start(t)
	n := a.tenant("One", "UTC")
	first, second := n.account(waba1, phone1), n.account(waba2, phone2)
	state := func(id int64) object {
		return a.get(fmt.Sprintf("%s/accounts/%d", n.path, id))["state"].(object)
	}
	fresh := state(first)
	has(t, "the state of a new account", fresh, shape{"quality": "null", "messaging_limit": "null", "review": "null", "restricted": "bool"})
	says(t, "the state of a new account", fresh, object{"restricted": false})
	for _, c := range []struct {
		sample string
		want   object
	}{
		{"phone-number-quality-flagged-legacy", object{"quality": "FLAGGED", "messaging_limit": "TIER_10K"}},
		{"business-capability-update", object{"quality": "FLAGGED", "messaging_limit": "TIER_10K", "review": nil, "restricted": false}},
		{"account-review-update", object{"review": "APPROVED", "restricted": false}},
		{"account-update-violation", object{"restricted": false}},
		{"account-update-restriction", object{"restricted": true, "quality": "FLAGGED", "review": "APPROVED"}},
		{"account-update-disabled", object{"restricted": true}},
	} {
		a.samples(c.sample)
		says(t, c.sample, state(first), c.want)
	}
	a.meta(webhookOf(change{waba1, 1794821500, "account_update", object{"event": "DISABLED_UPDATE", "ban_info": object{"waba_ban_state": "REINSTATE"}}}))
	says(t, "reinstated", state(first), object{"restricted": false})
	if got := state(second); encoded(got) != encoded(fresh) {
		t.Errorf("the other WABA's state: %s", encoded(got))
	}
	if got := len(n.events()); got != 0 {
		t.Errorf("%d events", got)
	}
	before := encoded(state(first))
	a.restart()
	if got := encoded(state(first)); got != before {
		t.Errorf("after a restart %s, before %s", got, before)
	}
}
