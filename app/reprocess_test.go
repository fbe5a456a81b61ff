package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// reprocess runs the command and checks what it prints.
func (s *served) reprocess(want string, args ...string) {
	s.t.Helper()
	if out, _ := run(s.t, 0, nil, append([]string{"reprocess", "--config", s.config}, args...)...); out != want+"\n" {
		s.t.Errorf("reprocess %v: %q, want %q", args, out, want)
	}
}

// POSTs that came before their account was made become what they would have been. What can't be understood
// stays what it is.
func TestReprocess(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	r := receive(t)
	n := s.tenant("One", "Asia/Riyadh")
	secret := n.endpoint(r.url, nil).newSecret()
	s.samples("message-text", "status-read", "template-approved", "account-review-update", "calls-connect")
	s.meta([]byte("no JSON"), body(t, "message-text"))
	n.account(waba1, phone1)
	s.samples("status-read") // it is sent again, and now there is somebody
	if got := len(n.events()); got != 1 {
		t.Fatalf("%d events", got)
	}

	s.reprocess("8 audit records examined: 6 would change, 2 events would be new", "--since", "1h", "--dry-run")
	s.reprocess("0 audit records examined: 0 changed, 0 new events", "--since", "2h", "--until", "1h")
	if got := len(n.events()); got != 1 {
		t.Fatalf("%d events after a dry run", got)
	}
	s.reprocess("8 audit records examined: 6 changed, 2 new events", "--since", time.Now().Add(-time.Hour).Format(time.RFC3339))
	s.reprocess("8 audit records examined: 0 changed, 0 new events", "--since", "7d")
	audits := reversed(s.list("/audit"))
	var outcomes []string
	for _, rec := range audits {
		outcomes = append(outcomes, rec["outcome"].(string))
	}
	if got := strings.Join(outcomes, " "); got != "accepted duplicate accepted accepted ignored unparsed duplicate accepted" {
		t.Errorf("outcomes %s", got)
	}
	events := n.events()
	for i, rec := range []object{audits[7], audits[0], audits[2]} {
		says(t, "an event", events[i], object{"audit_id": rec["id"]})
		says(t, "its audit record", rec, object{"event_ids": []any{events[i]["id"]}, "tenant_ids": []int64{n.id}})
	}
	for i, got := range r.wait(3) {
		signedWith(t, secret, &got)
		says(t, fmt.Sprint("delivery ", i), got.event, object{"tenant_id": n.id})
	}
	for _, d := range n.ended(3) {
		says(t, "a delivery", d, object{"status": "succeeded"})
	}

	// Without a service too; what is new is delivered when it runs again.
	s.meta(webhookOf(inMessages(waba2, phone2, "messages", textElement(customer, "wamid.second", "x"))))
	n.account(waba2, phone2)
	s.end()
	s.reprocess("9 audit records examined: 1 changed, 1 new events", "--since", "1h")
	s.reprocess("9 audit records examined: 0 changed, 0 new events", "--since", "1h")
	s.begin()
	r.wait(4)
}

// What an older mapping passed over is found after an upgrade.
func TestReprocessAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	a.meta(text(customer, "wamid.1", "understood"))
	n.ended(1)
	a.stop()
	st, err := store.Open(store.Options{Path: a.config.DataDir + "/cubeconnect.db", Ring: loadRing(t, a.config.DataDir)})
	if err != nil {
		t.Fatal(err)
	}
	both := webhookOf(
		inMessages(waba1, phone1, "messages", textElement(customer, "wamid.1", "understood")),
		inMessages(waba1, phone1, "messages", textElement(customer, "wamid.2", "passed over")))
	for _, items := range [][]webhook.Item{nil, {{TenantID: 1, AccountID: 1, Message: &webhook.MessageItem{PhoneNumberID: phone1, MessageID: "wamid.1"}}}} {
		if _, err := st.Accept(context.Background(), &webhook.Inbound{ReceivedAt: time.Now(), Body: both, Items: items, Tenants: []uint32{1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	a.open()
	request := object{"since": time.Now().Add(-time.Hour)}
	done := a.call("POST", "/audit/reprocess", request).ok(202)
	says(t, "reprocess", done, object{"examined": 3, "changed": 1, "events": 1, "undecided": 0})
	says(t, "again", a.call("POST", "/audit/reprocess", request).ok(202), object{"examined": 3, "changed": 0, "events": 0, "undecided": 0})
	events := n.events()
	says(t, "the event", events[len(events)-1]["payload"].(object), object{"content": "passed over", "wa_message_id": "wamid.2"})
	if got := r.wait(2); got[1].event["content"] != "passed over" {
		t.Errorf("%s", got[1].body)
	}
	n.ended(2)
	a.as(n.key(), "POST", "/audit/reprocess", request).refused(403, "FORBIDDEN")
	a.call("POST", "/audit/reprocess", object{}).invalid("since")
}

func TestReprocessUsage(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	for _, args := range []string{"", "--since", "--since soon", "--since 1h --until 2h", "--since 2026-03-10 --until 2026-03-09", "--since -1h", "--since 1h extra", "--since 1h --dry-run=perhaps"} {
		if _, stderr := run(t, 2, nil, append([]string{"reprocess", "--config", s.config}, strings.Fields(args)...)...); strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: %q", args, stderr)
		}
	}
	refuses(t, s.data(), "there is no database at", "reprocess", "--since", "1h", "--config", s.elsewhere().config)
}
