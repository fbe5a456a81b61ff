package app_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cubeconnect/config"
)

// A customer who is erased is gone from everything that the API shows, and nothing of it is sent any more. A
// request under way may end; whoever shared a webhook with the customer loses nothing.
func TestErase(t *testing.T) {
	t.Parallel()
	const other = "16505550222"
	release := make(chan struct{})
	a, n, _, r := shop(t)
	r.answers(func(n int, d *delivered) reply {
		if d.event["from"] == customer {
			return reply{after: release, body: "thank you, " + customer}
		}
		return reply{}
	})
	now := fmt.Sprint(time.Now().Unix())
	both := func(i int) []byte {
		mine := textElement(customer, fmt.Sprint("wamid.a", i), "my words")
		mine["timestamp"] = now // or retention may be there first
		c := inMessages(waba1, phone1, "messages", mine, textElement(other, fmt.Sprint("wamid.b", i), "other words"))
		c.value["contacts"] = []any{object{"wa_id": customer, "user_id": "US.13491208655302741918", "profile": object{"name": "Ada"}}, object{"wa_id": other, "profile": object{"name": "Bob"}}}
		return webhookOf(c)
	}
	for i := range 5 {
		a.meta(both(i))
	}
	a.meta(status("wamid.out", "failed", 1794821401))
	r.wait(6) // one of the customer's, which takes its time, and all of the other's

	at := n.path + "/customers/"
	a.call("DELETE", at+"12", nil).invalid("phone")
	a.call("DELETE", at+"050-1234567", nil).invalid("phone")
	a.call("DELETE", "/tenants/99/customers/"+customer, nil).refused(404, "NOT_FOUND")
	stranger := a.tenant("Another", "UTC")
	a.as(stranger.key(), "DELETE", at+customer, nil).refused(404, "NOT_FOUND")
	done := a.as(n.key(), "DELETE", at+url.PathEscape("+"+customer), nil).ok(200)
	says(t, "the answer", done, object{"messages": 6, "last_inbound": 1, "events": 6, "deliveries": 6, "attempts": 0, "audit_records": 6, "mentions": 0, "also_known_as": []any{"US.13491208655302741918"}})
	close(release)
	again := a.call("DELETE", at+customer, nil).ok(200)
	says(t, "a second time", again, object{"messages": 0, "last_inbound": 0, "events": 0, "deliveries": 0, "attempts": 0, "audit_records": 0, "mentions": 0, "also_known_as": []any{}})

	a.meta(text(other, "wamid.last", "the last")) // what was there before would be sent before
	n.ended(6)
	sent := 0
	for _, d := range r.requests() {
		if bytes.Contains(d.body, []byte(customer)) {
			sent++
		}
	}
	if sent != 1 {
		t.Errorf("the endpoint got %d of the customer's events, want the one under way", sent)
	}
	a.meta(both(0), both(4), status("wamid.out", "failed", 1794821401)) // Meta sends again
	if p := n.payloads(); len(p) != 6 {
		t.Errorf("%d events", len(p))
	}
	for i := range 2 {
		a.call("GET", fmt.Sprint("/messages/wamid.a", i), nil).refused(404, "NOT_FOUND")
	}
	says(t, "the other's message", a.get("/messages/wamid.b0"), object{"customer": other})

	// The repeats that have just come in are what is left to erase, and derive nothing.
	a.call("DELETE", at+customer, nil).ok(200)
	says(t, "reprocess", a.call("POST", "/audit/reprocess", object{"since": "2026-01-01"}).ok(202), object{"changed": 0, "events": 0})
	for _, rec := range a.all("/audit") {
		rec = a.get("/audit/" + rec["id"].(string))
		raw, err := base64.StdEncoding.DecodeString(rec["body"].(string))
		if err != nil || !json.Valid(raw) || bytes.Contains(raw, []byte(customer)) || bytes.Contains(raw, []byte("my words")) || bytes.Contains(raw, []byte("Ada")) {
			t.Errorf("audit record %s: %s %v", rec["id"], raw, err)
		}
		if rec["erased_at"] == nil && !bytes.Contains(raw, []byte("the last")) {
			t.Errorf("audit record %s does not say that it was changed", rec["id"])
		}
	}
	line := a.list("/trail?action=customer.erase")
	says(t, "the trail", line[len(line)-1], object{"actor": "key", "tenant_id": n.id, "name": "…111"})
	a.restart()
	if list := n.a.all("/trail?action=customer.erase"); len(list) != 3 {
		t.Errorf("%d lines in the trail", len(list))
	}
}

// lines is a log that several goroutines write.
type lines struct {
	sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Buffer.Write(b)
}

// Whatever happens, the log has no customer's number, no name and no word of a message, at info and above.
func TestLogTellsNothingOfCustomers(t *testing.T) {
	t.Parallel()
	log := &lines{}
	a, n, e, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule() })
	a.stop()
	a.log, a.level = log, slog.LevelInfo
	a.open()
	const number, words, name = "966501239876", "unheard-of words", "Scheherazade"
	wamid := "wamid." + base64.StdEncoding.EncodeToString([]byte("\x1d\x05\x18"+number+"\x15\x02"))
	message := inMessages(waba1, phone1, "messages", textElement(number, wamid, words))
	message.value["contacts"] = []any{object{"wa_id": number, "profile": object{"name": name}}}
	bodies := [][]byte{
		webhookOf(message),
		webhookOf(inMessages(waba1, phone1, "statuses", object{"id": wamid, "status": "failed", "recipient_id": number, "timestamp": "1794821400", "errors": []any{object{"code": 1, "title": words}}})),
		webhookOf(inMessages(waba2, phone2, "messages", textElement(number, wamid, words))),
		[]byte(`{"from":"` + number + `","text":"` + words),
	}
	for i, answer := range []reply{{status: 500, body: number}, {}, {status: 410, body: number}} {
		r.answers(func(int, *delivered) reply { return answer })
		bodies[0] = bytes.ReplaceAll(bodies[0], []byte(wamid), fmt.Appendf(nil, "%s%d", wamid, i))
		a.meta(bodies...)
		a.request("POST", a.public+webhookPath, bodies[0], "X-Hub-Signature-256", hub("wrong", bodies[0]))
		a.request("GET", a.public+webhookPath+"?hub.mode=subscribe&hub.verify_token="+number+"&hub.challenge="+number, nil)
		eventually(t, func() error {
			if open := a.list(n.path + "/deliveries?status=pending"); len(open) > 0 {
				return fmt.Errorf("%d are pending", len(open))
			}
			return nil
		})
	}
	a.call("GET", "/messages/"+wamid+"0", nil).ok(200)
	a.call("GET", "/messages/"+number, nil).refused(404, "NOT_FOUND")
	a.call("GET", n.path+"/customers/"+number, nil)
	a.call("POST", n.path+"/events", object{"event": "account.quality_event", "data": object{"whatsapp_account_id": 1, "type": "block", "user_phone": number}}).ok(202)
	a.call("POST", n.path+"/events", object{"event": number, "data": object{}}).invalid("event")
	a.call("POST", "/audit/reprocess", object{"since": "2026-01-01"}).ok(202)
	a.call("POST", n.path+"/replays", object{"status": "failed"}).ok(202)
	a.call("POST", e.path+"/test", nil).ok(200)
	a.call("DELETE", n.path+"/customers/"+number, nil).ok(200)
	a.call("DELETE", n.path+"/customers/x"+number, nil).invalid("phone")
	a.restart()
	a.stop()
	text := log.String()
	if !strings.Contains(text, "dead letter") || !strings.Contains(text, "endpoint disabled") || !strings.Contains(text, "webhook refused") || !strings.Contains(text, "reprocessed") {
		t.Errorf("the log misses what happened:\n%s", text)
	}
	for _, secret := range []string{number, number[3:], words, name, wamid[6:], appSecret, adminKey, verifyToken} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %q:\n%s", secret, text)
		}
	}
}
