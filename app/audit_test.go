package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"cubeconnect/config"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	bom := append([]byte("\xef\xbb\xbf"), body(t, "message-text")...)
	for _, c := range []struct {
		name    string
		body    []byte
		outcome string
	}{
		{"empty", []byte(""), "unparsed"},
		{"no JSON", []byte("hello"), "unparsed"},
		{"truncated", body(t, "message-text")[:200], "unparsed"},
		{"JSON and more", append(body(t, "message-text"), '}'), "unparsed"},
		{"form", []byte("object=whatsapp_business_account"), "unparsed"},
		{"byte order mark", bom, "unparsed"},
		{"binary", []byte{0, 1, 2, 0xff}, "unparsed"},
		{"empty object", []byte("{}"), "ignored"},
		{"other object", body(t, "envelope-wrong-object-page"), "ignored"},
		{"no entry", body(t, "envelope-empty-entry"), "ignored"},
		{"fields without values", body(t, "envelope-changed-fields"), "ignored"},
		{"other field", body(t, "calls-connect"), "ignored"},
		{"unknown field", body(t, "unknown-field-future"), "ignored"},
		{"other status", body(t, "status-played"), "ignored"},
		{"unknown number", body(t, "dashboard-test-sample"), "unrouted"},
		{"unknown WABA and number", webhookOf(inMessages("1", "2", "messages", textElement(customer, "wamid.1", "x"))), "unrouted"},
		{"template of an unknown WABA", webhookOf(change{"1", 1794821400, "message_template_status_update", object{"event": "APPROVED", "message_template_id": 1, "message_template_name": "n", "message_template_language": "de"}}), "unrouted"},
		{"message", body(t, "message-text"), "accepted"},
		{"the same", body(t, "message-text"), "duplicate"},
		{"the same, spelled otherwise", reencoded(t, body(t, "message-text")), "duplicate"},
		{"template", body(t, "template-approved"), "accepted"},
		{"account state", body(t, "account-review-update"), "accepted"},
		{"one new, one known", webhookOf(
			inMessages(waba1, phone1, "messages", textElement(customer, "wamid.2", "x")),
			inMessages("1", "2", "messages", textElement(customer, "wamid.3", "x"))), "accepted"},
		{"one repeated, one unknown", webhookOf(
			inMessages(waba1, phone1, "messages", textElement(customer, "wamid.2", "x")),
			inMessages(waba1, phone1, "messages", textElement(customer, "wamid.4", "x"))), "accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := a.metrics().value(`cubeconnect_inbound_requests_total{outcome="` + c.outcome + `"}`)
			if r := a.post(c.body); r.status != 200 {
				t.Fatalf("%d %s", r.status, r.raw)
			}
			rec := a.list("/audit?limit=1")[0]
			if rec["outcome"] != c.outcome {
				t.Errorf("outcome %s, want %s", rec["outcome"], c.outcome)
			}
			if got := number(t, rec, "size"); got != int64(len(c.body)) {
				t.Errorf("size %d, want %d", got, len(c.body))
			}
			if after := a.metrics().value(`cubeconnect_inbound_requests_total{outcome="` + c.outcome + `"}`); after != before+1 {
				t.Errorf("the metric went from %v to %v", before, after)
			}
		})
	}
	if got := len(n.events()); got != 4 {
		t.Errorf("%d events, want 4", got)
	}
}

func TestAuditRecord(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t, func(c *config.Config) {
		c.Public.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	b := body(t, "message-text-escaped-unicode")
	begun := time.Now().Truncate(time.Millisecond)
	if r := a.request("POST", a.public+webhookPath, b, "Content-Type", "application/json", "User-Agent", "facebookexternalua",
		"X-Forwarded-For", "198.51.100.7, 203.0.113.9", "X-Hub-Signature-256", hub(otherSecret, b)); r.status != 200 {
		t.Fatal(r.status)
	}
	events := n.events()
	item := a.list("/audit")[0]
	list := shape{
		"id": "ulid", "received_at": "time", "remote_addr": "string", "size": "int", "outcome": "string", "tenant_ids": "array", "event_ids": "array",
	}
	has(t, "an audit record in the list", item, list)
	hasNot(t, "an audit record in the list", item, "body", "headers")
	alone := a.get("/audit/" + item["id"].(string))
	has(t, "an audit record", alone, list)
	has(t, "an audit record", alone, shape{"headers": "object", "body": "string"})
	says(t, "an audit record", alone, object{
		"remote_addr": "203.0.113.9", "size": len(b), "outcome": "accepted", "tenant_ids": []int64{n.id}, "event_ids": []any{events[0]["id"]},
		"body": b, // as JSON has bytes: base64
	})
	if got := alone["headers"].(object)["User-Agent"]; got != "facebookexternalua" {
		t.Errorf("headers %s", encoded(alone["headers"]))
	}
	if at, _ := time.Parse(time.RFC3339, alone["received_at"].(string)); at.Before(begun) || at.After(time.Now()) {
		t.Errorf("received_at %s", alone["received_at"])
	}
	if got := events[0]["audit_id"]; got != item["id"] {
		t.Errorf("the event's audit_id is %v, want %v", got, item["id"])
	}
	a.call("GET", "/audit/01ARZ3NDEKTSV4RRFFQ69G5FAV", nil).refused(404, "NOT_FOUND")
	a.call("GET", "/audit/x", nil).refused(404, "NOT_FOUND")
}

// Nobody but a trusted proxy says where a webhook came from.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := body(t, "message-text")
	if r := a.request("POST", a.public+webhookPath, b, "X-Forwarded-For", "203.0.113.9", "X-Hub-Signature-256", hub(appSecret, b)); r.status != 200 {
		t.Fatal(r.status)
	}
	says(t, "the audit record", a.list("/audit")[0], object{"remote_addr": "127.0.0.1"})
}

// Whatever the bytes are, the audit log has them.
func TestAuditKeepsTheRawBytes(t *testing.T) {
	t.Parallel()
	a := start(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, b := range [][]byte{nil, []byte(" "), every, []byte("{\"a\" :\t1}\r\n"), bytes.Repeat([]byte("x"), 300_000)} {
		a.meta(b)
		rec := a.get("/audit/" + a.list("/audit?limit=1")[0]["id"].(string))
		var got []byte
		if err := json.Unmarshal([]byte(encoded(rec["body"])), &got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, b) {
			t.Errorf("body %d came back changed", i)
		}
		says(t, fmt.Sprintf("record %d", i), rec, object{"event_ids": []any{}, "tenant_ids": []any{}, "size": len(b)})
	}
}

func TestAuditFilters(t *testing.T) {
	t.Parallel()
	a := start(t)
	one, two := a.tenant("One", "UTC"), a.tenant("Two", "UTC")
	one.account(waba1, phone1)
	two.account(waba2, phone2)
	a.meta(
		text(customer, "wamid.1", "x"), // accepted, one
		text(customer, "wamid.1", "x"), // duplicate, one
		webhookOf(inMessages(waba2, phone2, "messages", textElement(customer, "wamid.1", "x"))), // accepted, two
		webhookOf(inMessages(waba3, phone3, "messages", textElement(customer, "wamid.1", "x"))), // unrouted
		webhookOf(inMessages(waba1, phone1, "messages", textElement(customer, "wamid.2", "x")),
			inMessages(waba2, phone2, "messages", textElement(customer, "wamid.2", "x"))), // accepted, both
	)
	all := a.list("/audit")
	received := func(i int) string { return all[i]["received_at"].(string) }
	for _, c := range []struct {
		query string
		want  int
	}{
		{"", 5},
		{"?outcome=accepted", 3},
		{"?outcome=duplicate", 1},
		{"?outcome=unrouted", 1},
		{"?outcome=ignored", 0},
		{fmt.Sprintf("?tenant=%d", one.id), 3},
		{fmt.Sprintf("?tenant=%d", two.id), 2},
		{fmt.Sprintf("?tenant=%d&outcome=accepted", one.id), 2},
		{"?since=2000-01-01T00:00:00Z", 5},
		{"?until=2000-01-01T00:00:00Z", 0},
		{"?since=2999-01-01T00:00:00%2B03:00", 0},
		{"?since=" + received(4), 5},
	} {
		if got := a.list("/audit" + c.query); len(got) != c.want {
			t.Errorf("%q: %d records, want %d", c.query, len(got), c.want)
		}
	}
	both := all[0]
	says(t, "the batch", both, object{"tenant_ids": []int64{one.id, two.id}})
	if got := both["event_ids"].([]any); len(got) != 2 {
		t.Errorf("event_ids %v", got)
	}
	for _, query := range []string{"?outcome=lost", "?tenant=x", "?since=yesterday", "?limit=0", "?limit=201", "?limit=x"} {
		a.call("GET", "/audit"+query, nil).refused(422, "VALIDATION_ERROR")
	}
	a.call("GET", "/audit?cursor=nonsense", nil).refused(422, "VALIDATION_ERROR")
}
