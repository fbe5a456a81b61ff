package app_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"cubeconnect/sample"
)

// The WABAs and phone numbers that Meta's samples are about, and a customer's number.
const (
	waba1, phone1 = "398712345600011", "510000000000101"
	waba2, phone2 = "398712345600022", "510000000000202"
	waba3, phone3 = "398712345600033", "510000000000303"
	customer      = "16505550111"

	webhookPath = "/api/webhooks/whatsapp"
)

// body returns a sample of what Meta posts.
func body(t *testing.T, name string) []byte {
	t.Helper()
	b, err := sample.Body(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hub returns the value of X-Hub-Signature-256.
func hub(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// post posts a signed body as Meta does.
func (a *appliance) post(body []byte) answer {
	a.t.Helper()
	return a.request("POST", a.public+webhookPath, body, "Content-Type", "application/json", "X-Hub-Signature-256", hub(appSecret, body))
}

// try posts a signed body to a program that may be stopping, and reports whether it was taken.
func (a *appliance) try(public string, body []byte) bool {
	req, err := http.NewRequestWithContext(context.Background(), "POST", public+webhookPath, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("X-Hub-Signature-256", hub(appSecret, body))
	resp, err := a.client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// meta posts bodies that must be taken.
func (a *appliance) meta(bodies ...[]byte) {
	a.t.Helper()
	for _, b := range bodies {
		if r := a.post(b); r.status != 200 {
			a.t.Fatalf("a webhook was answered %d: %s", r.status, r.raw)
		}
	}
}

// samples posts samples by name.
func (a *appliance) samples(names ...string) {
	a.t.Helper()
	for _, name := range names {
		a.meta(body(a.t, name))
	}
}

// change is one change of an entry of Meta's.
type change struct {
	waba  string
	at    int64 // of the entry; 0: none
	field string
	value object
}

// webhookOf returns a body with an entry for each change.
func webhookOf(changes ...change) []byte {
	var entries []any
	for _, c := range changes {
		e := object{"id": c.waba, "changes": []any{object{"field": c.field, "value": c.value}}}
		if c.at != 0 {
			e["time"] = c.at
		}
		entries = append(entries, e)
	}
	b, err := json.Marshal(object{"object": "whatsapp_business_account", "entry": entries})
	if err != nil {
		panic(err)
	}
	return b
}

// inMessages is a change with field messages.
func inMessages(waba, phone, member string, elements ...any) change {
	return change{waba: waba, field: "messages", value: object{
		"messaging_product": "whatsapp",
		"metadata":          object{"display_phone_number": "16505550101", "phone_number_id": phone},
		member:              elements,
	}}
}

// text is a text message from a customer to the first number.
func text(from, id, words string) []byte {
	return webhookOf(inMessages(waba1, phone1, "messages", textElement(from, id, words)))
}

func textElement(from, id, words string) object {
	return object{"from": from, "id": id, "timestamp": "1794821400", "type": "text", "text": object{"body": words}}
}

// status is a status of a message that the first number sent.
func status(id, word string, at int64) []byte {
	return webhookOf(inMessages(waba1, phone1, "statuses", statusElement(id, word, at)))
}

func statusElement(id, word string, at int64) object {
	s := object{"id": id, "status": word, "timestamp": fmt.Sprint(at), "recipient_id": customer}
	if word == "failed" {
		s["errors"] = []any{object{"code": 131047, "title": "Re-engagement message"}}
	}
	return s
}

// template is a status change of a template.
func template(id int64, name, language, event string, at int64) []byte {
	return webhookOf(change{waba1, at, "message_template_status_update", object{
		"event": event, "message_template_id": id, "message_template_name": name, "message_template_language": language, "reason": "NONE",
	}})
}
