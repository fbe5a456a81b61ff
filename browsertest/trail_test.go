package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A webhook of a number that nobody has is found in the audit log, gets its account from there, and is
// derived again.
func TestAudit(t *testing.T) {
	t.Parallel()
	a := ready(t)
	r := receive(t)
	a.api("POST", "/tenants", object{"name": "Oasis Trading", "timezone": "Asia/Riyadh"})
	a.api("POST", "/tenants/1/endpoints", object{"url": r.url})
	a.meta(message(waba1, phone1, "966555501234", "Ana Torres", "wamid.early", "Anybody there?"))

	b := a.signIn()
	b.open("/")
	b.follow("Audit log")
	b.choose("Outcome", "Unrouted")
	b.follow("Filter")
	b.follow("tbody .main >> ")
	b.sees("Unrouted", waba1, phone1, "Anybody there?", "No event came of it.")
	b.choose("Whose number is it?", "Oasis Trading")
	b.follow("Add WhatsApp account")
	if got := eval[string](b, `find("WhatsApp Business Account ID").value + " " + find("Phone number ID").value`); got != waba1+" "+phone1 {
		t.Errorf("the form has %q", got)
	}
	b.write("Name", "Support line")
	b.follow("main >> Add WhatsApp account")
	b.open("/audit")
	b.follow("tbody .main >> ")
	b.follow("Derive now")
	b.sees("Derived again: new events came of it", "Accepted", "A customer wrote")
	if got := r.wait(1); !strings.Contains(string(got[0].body), "Anybody there?") {
		t.Errorf("the receiver got %s", got[0].body)
	}
	b.follow("Derive now")
	b.sees("Derived again: there is nothing new in it.")
	b.follow("A customer wrote")
	b.sees("message.received", "A webhook of Meta")
	b.follow("A webhook of Meta")
	b.sees("POST from Meta")
	b.follow("Action trail")
	b.sees("Audit log derived again", "WhatsApp account added", "Signed in")
}

// A key is shown once, works, and is refused after it was revoked.
func TestKeys(t *testing.T) {
	t.Parallel()
	a := ready(t)
	b := a.signIn()
	b.follow("API keys")
	b.follow("main >> Create API key")
	b.write("Name", "Reporting")
	b.follow("main >> Create API key")
	b.sees("Copy the key now", "Reporting")
	b.press(".shown-once >> Copy")
	b.sees("Copied")
	key := b.clipboard()
	if key != eval[string](b, "document.getElementById('secret').textContent") {
		t.Errorf("%q is copied", key)
	}
	status := func(want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", a.admin+"/api/v1/tenants", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("the key is answered %s, want %d", resp.Status, want)
		}
	}
	status(200)
	b.open("/api-keys")
	b.misses(key, "Copy the key now")
	b.follow("Revoke")
	b.sees("Revoke this key?", "Reporting")
	b.follow("Cancel")
	status(200)
	b.follow("Revoke")
	b.follow("main >> Revoke")
	b.sees("The key is revoked.")
	b.misses("Reporting")
	status(401)
}

// The verifier says of a request as it was received what is right with it, and what is not.
func TestVerifier(t *testing.T) {
	t.Parallel()
	a := ready(t)
	r := receive(t)
	a.api("POST", "/tenants", object{"name": "Oasis Trading", "timezone": "UTC"})
	a.api("POST", "/tenants/1/endpoints", object{"url": r.url})
	b := a.signIn()
	b.open("/tenants/1/endpoints/1")
	secret := b.newSecret(true)
	b.sendTest(true)
	got := r.wait(1)[0]
	var headers strings.Builder
	for name, values := range got.header {
		fmt.Fprintf(&headers, "%s: %s\n", name, values[0])
	}
	b.follow("Check a signature")
	check := func(headers, body string, words ...string) {
		t.Helper()
		b.write("Headers", headers)
		b.write("Body", body)
		b.follow("main >> Check")
		b.sees(words...)
	}
	check(headers.String(), string(got.body), "The signature is right")
	check(headers.String(), string(got.body)+" ", "A receiver has to refuse this request", "spaces, line breaks")
	check(strings.ReplaceAll(headers.String(), "X-Webhook-Signature", "X-Other"), string(got.body), "X-Webhook-Signature is missing")
	b.choose("Endpoint", "None")
	b.write("Your system's secret", secret)
	check(headers.String(), string(got.body), "The signature is right")
	b.write("Your system's secret", "whsec_c29tZWJvZHkgZWxzZSdz")
	check(headers.String(), string(got.body), "A receiver has to refuse this request")
	b.misses(secret)
}
