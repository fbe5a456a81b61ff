package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The main job of an administrator: a tenant, its endpoint with a secret and a test, its number, and the
// first message from Meta to the tenant's system. With script and without.
func TestJob(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("Script=%t", script), func(t *testing.T) {
			t.Parallel()
			a := start(t)
			r := receive(t)
			b := browse(t, a.admin)
			b.scripts(script)
			b.open(a.setUp)
			b.write("New password", password)
			b.write("New password, once more", password)
			b.follow("Set password and sign in")
			b.follow("main >> Add tenant")

			b.write("Name", "Oasis Trading")
			b.write("Time zone", "Nowhere/City")
			b.follow("main >> Add tenant")
			b.sees("Nothing was saved yet", "Such as Asia/Riyadh")
			b.write("Time zone", "Asia/Riyadh")
			b.follow("main >> Add tenant")
			b.at("/tenants/1/webhook")
			b.sees("The tenant is added.")

			b.follow("main >> Add endpoint")
			b.write("URL", r.url)
			b.press("All events")
			b.press("A customer wrote")
			b.follow("main >> Add endpoint")
			b.at("/tenants/1/endpoints/1")
			b.sees("The endpoint is added.", "Not signed")

			secret := b.newSecret(script)
			r.trust(secret)
			b.sendTest(script)
			b.sees("Your system took the event.", "Status 200", `{"taken":true}`)
			if got := r.wait(1); !strings.Contains(string(got[0].body), "webhook.test") {
				t.Errorf("the receiver got %s", got[0].body)
			}
			r.answers(http.StatusInternalServerError)
			b.sendTest(script)
			b.sees("Failed", "Status 500", `{"taken":false}`)
			r.answers(http.StatusOK)

			b.follow("WhatsApp accounts")
			b.follow("main >> Add WhatsApp account")
			b.write("Name", "Support line")
			b.write("WhatsApp Business Account ID", waba1)
			b.write("Phone number ID", phone1)
			b.write("Phone number optional", "+966 11 555 0101")
			b.follow("main >> Add WhatsApp account")
			b.sees("The number is added.")
			b.steps(2) // secrets, endpoint
			a.request("GET", a.public+webhookPath+"?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="+verifyToken, nil)
			b.open("/tenants/1/accounts/1")
			b.steps(3)
			a.meta(message(waba1, phone1, "966555501234", "Ana Torres", "wamid.first", "Is the blue one still in stock?"))
			got := r.wait(3)
			if last := got[len(got)-1]; !last.signedWith(secret) || !strings.Contains(string(last.body), "Is the blue one still in stock?") {
				t.Errorf("the receiver got %s %s", last.header, last.body)
			}
			eventually(t, func() error { // the outcome is stored a moment after the answer
				if n := len(a.list("/tenants/1/deliveries?status=succeeded")); n != 1 {
					return fmt.Errorf("%d deliveries succeeded", n)
				}
				return nil
			})
			b.open("/tenants/1/accounts/1")
			b.steps(5)

			b.follow("Deliveries")
			b.follow("message.received")
			b.sees("Delivered", "Attempt 1", "HTTP 200", "Ana Torres")
		})
	}
}

// newSecret generates a signing secret on an endpoint's page. It is shown once.
func (b *tab) newSecret(script bool) string {
	b.t.Helper()
	b.follow("Generate new secret")
	if strings.HasSuffix(b.path(), "/secret") { // there is one already
		b.sees("For 24 hours the current secret signs beside it")
		b.follow("main >> Generate new secret")
	}
	b.sees("Copy the secret now", "It is shown this once.", "Signed")
	secret := eval[string](b, "document.getElementById('secret').textContent")
	if !strings.HasPrefix(secret, "whsec_") {
		b.t.Fatalf("the secret is %q", secret)
	}
	if script {
		b.press(".shown-once .value >> Copy")
		b.sees("Copied")
		if got := b.clipboard(); got != secret {
			b.t.Errorf("%q is copied", got)
		}
	} else if eval[bool](b, "!!find('Copy')") {
		b.t.Error("without script there is a button that does nothing")
	}
	b.open(b.path())
	b.misses(secret, "Copy the secret now")
	return secret
}

// sendTest presses Send Test. With script the page stays, and the result has the focus.
func (b *tab) sendTest(script bool) {
	b.t.Helper()
	if !script {
		b.follow("#test >> Send Test")
		return
	}
	eval[any](b, "window.stays = document.querySelector('#test .result') ?? true")
	b.press("#test >> Send Test")
	b.until("a result", "window.stays && document.activeElement.matches('.result') && document.activeElement !== window.stays")
}

// steps checks how many steps of an account's checklist are done.
func (b *tab) steps(want int) {
	b.t.Helper()
	if got := eval[int](b, "document.querySelectorAll('.checklist .good').length"); got != want {
		b.t.Errorf("%d steps are done, want %d:\n%s", got, want, b.text())
	}
}

// A secret is replaced: for a while both sign, and each receiver is content with the one it knows.
func TestSecretRotation(t *testing.T) {
	t.Parallel()
	a := ready(t)
	r := receive(t)
	a.api("POST", "/tenants", object{"name": "Oasis Trading", "timezone": "UTC"})
	a.api("POST", "/tenants/1/endpoints", object{"url": r.url})
	b := a.signIn()
	b.open("/tenants/1/endpoints/1")
	old := b.newSecret(true)
	fresh := b.newSecret(true)
	if old == fresh {
		t.Fatal("the new secret is the old one")
	}
	for i, secrets := range [][]string{{old}, {fresh}, {old, fresh}} {
		r.trust(secrets...)
		b.sendTest(true)
		b.sees("Your system took the event.")
		if h := r.wait(i + 1)[i].header; h.Get("X-Webhook-Signature-Previous") == "" || len(strings.Fields(h.Get("webhook-signature"))) != 2 {
			t.Errorf("signatures: %v", h)
		}
	}
	r.trust("whsec_c29tZWJvZHkgZWxzZSdz")
	b.sendTest(true)
	b.sees("Status 401", "the signature is wrong")

	b.follow("Remove secret")
	b.sees("Requests are no longer signed.")
	b.follow("main >> Remove secret")
	b.sees("The secret is removed.", "Not signed")
}
