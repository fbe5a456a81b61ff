package console

import (
	"strings"
	"testing"

	"cubeconnect/webhook"
)

// A customer is asked for, asked about once more, and then gone; the page says how much there was.
func TestErase(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	account, err := f.store.Account(t.Context(), 1, 1)
	f.ok(err)
	rec := f.inbound(messagePost(account.WABAID, account.PhoneNumberID, "wamid.1", `,"from_user_id":"US.13491208655302741918"`))
	const at = "/tenants/1/erase"
	b.get("/tenants/1/details").page(200, "Erase a customer")
	b.get(at).page(200, "Its events and deliveries go").lacks("US.13491208655302741918", "16505550111")
	b.post(at, "phone", "0501234").page(422, "Enter a phone number with its country code")
	b.post(at).page(422, "Enter a phone number with its country code")
	b.post(at, "phone", "+1 (650) 555-0111").page(200, "16505550111", "This can't be undone", "Erase it")
	if r, err := f.store.Audit(t.Context(), rec.ID); err != nil || !r.ErasedAt.IsZero() {
		t.Fatal("it was erased before anybody confirmed it", err)
	}
	b.post(at, "phone", "16505550111", "confirmed", "yes").page(200, "The customer is erased", "Webhooks in the audit log", "US.13491208655302741918", "Erase this one too")
	r, err := f.store.Audit(t.Context(), rec.ID)
	if err != nil || r.ErasedAt.IsZero() || strings.Contains(string(r.Body), "16505550111") {
		t.Errorf("%s %v", r.Body, err)
	}
	b.get("/audit/"+rec.ID.String()).page(200, "Its signature no longer fits").lacks("16505550111")
	b.post(at, "phone", "16505550111", "confirmed", "yes").page(200, "Nothing is kept of this customer").lacks("Erase this one too")
	b.get("/trail").page(200, "Customer erased", "…111").lacks("16505550111")
	if list, err := f.store.Events(t.Context(), 1, webhook.EventFilter{}, webhook.Page{}); err != nil || len(list.Items) != 0 {
		t.Errorf("%v %v", list.Items, err)
	}
	b.get("/tenants/9/erase").page(404)
}
