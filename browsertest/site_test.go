package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// naming is what people and systems from outside are called on the pages.
type naming struct {
	tenant, zone, account, phone, description, path string
	customer, name, text, template, reason, key     string
	header                                          string
}

var plainNames = naming{
	tenant: "Oasis Trading", zone: "Asia/Riyadh", account: "Support line", phone: "+966 11 555 0101", description: "The shop's order system", path: "/orders",
	customer: "966555501234", name: "Ana Torres", text: "Hi, is the blue one still in stock?", template: "order_confirmation", reason: "INVALID_FORMAT", key: "Reporting", header: "live",
}

const (
	waba1, phone1 = "398712345600011", "510000000000101"
	waba2         = "398712345600022"
)

// site is an appliance with something on every page.
type site struct {
	*appliance
	name     naming
	receiver *receiver
	wamid    string
	pages    []string // paths of all pages of somebody who is signed in
}

// fill makes tenants, sends what Meta sends, and waits until it has led to something. One endpoint takes
// all, another refuses all, a third is disabled.
func fill(t *testing.T, n naming) *site {
	t.Helper()
	s := &site{appliance: ready(t), name: n, receiver: receive(t), wamid: "wamid.HBgLOTY2NTU1NTAxMjM0FQIAERgSRTQxRUZERkFGRjQ0Q0MzM0E3AA=="}
	failing := receive(t)
	failing.answers(http.StatusServiceUnavailable)
	made := s.api("POST", "/tenants", object{"name": n.tenant, "timezone": n.zone})
	tenant := fmt.Sprintf("/tenants/%v", made["id"])
	s.api("POST", "/tenants", object{"name": "Palm Clinics", "timezone": "Africa/Cairo"})
	s.api("POST", tenant+"/accounts", object{"name": n.account, "waba_id": waba1, "phone_number_id": phone1, "display_phone_number": n.phone})
	good := s.api("POST", tenant+"/endpoints", object{"url": s.receiver.url + n.path, "description": n.description, "headers": object{"X-Environment": n.header}})
	bad := s.api("POST", tenant+"/endpoints", object{"url": failing.url, "events": []string{"message.received", "template.status_changed"}})
	s.api("POST", tenant+"/endpoints", object{"url": s.receiver.url + "/archive", "enabled": false})
	at := func(e object) string { return fmt.Sprintf("%s/endpoints/%v", tenant, e["id"]) }
	s.api("POST", at(good)+"/secret", nil)
	s.api("POST", "/api-keys", object{"name": n.key, "tenant_id": made["id"]})
	s.api("POST", "/api-keys", object{"name": "Deployment"})

	s.meta(message(waba1, phone1, n.customer, n.name, s.wamid, n.text))
	s.sample("message-image", "16505550111", n.customer)
	for i, status := range []string{"sent", "delivered", "read"} {
		s.meta(change(waba1, "messages", object{"metadata": object{"phone_number_id": phone1}, "statuses": []any{
			object{"id": "wamid.out", "status": status, "timestamp": fmt.Sprint(1794821400 + i), "recipient_id": n.customer}}}))
	}
	s.meta(change(waba1, "messages", object{"metadata": object{"phone_number_id": phone1}, "statuses": []any{
		object{"id": "wamid.failed", "status": "failed", "timestamp": "1794821400", "recipient_id": n.customer, "errors": []any{
			object{"code": 131026, "title": "Message undeliverable", "error_data": object{"details": n.text}}}}}}))
	s.meta(change(waba1, "message_template_status_update", object{"event": "REJECTED", "message_template_id": 1689556908129832,
		"message_template_name": n.template, "message_template_language": "en_US", "reason": n.reason}))
	s.meta(change(waba1, "message_template_status_update", object{"event": "APPROVED", "message_template_id": 1689556908129833,
		"message_template_name": "hello_world", "message_template_language": "ar", "reason": "NONE"}))
	s.sample("phone-number-quality-throughput-upgrade")
	s.sample("account-alerts")
	s.sample("message-text", waba1, waba2, "wamid.", "wamid.unrouted") // of nobody
	s.meta([]byte(`{"object":"whatsapp_business_account","entry":` + quote(n.text) + `}`))
	s.meta([]byte(n.text)) // no JSON
	s.meta(message(waba1, phone1, n.customer, n.name, s.wamid, n.text))
	s.api("POST", tenant+"/events", object{"event": "campaign.created", "data": object{"campaign_id": 7, "name": n.name, "status": "scheduled", "total_count": 1200, "scheduled_at": nil}})
	eventually(t, func() error { // all but those of the disabled endpoint have ended
		if waiting := s.list(tenant + "/deliveries?status=pending"); len(waiting) > 0 {
			return fmt.Errorf("%d deliveries are waiting", len(waiting))
		}
		return nil
	})
	first := func(path string) string {
		t.Helper()
		items := s.list(path)
		if len(items) == 0 {
			t.Fatalf("%s: nothing", path)
		}
		return items[0]["id"].(string)
	}
	s.pages = []string{
		"/", "/?window=1h&show=attention", "/?search=nothing", "/tenants", "/new-tenant", "/password", "/no-such-page",
		tenant, tenant + "/details", tenant + "/delete", tenant + "/webhook", tenant + "/new-endpoint",
		at(good), at(good) + "/health", at(good) + "/delete", at(good) + "/secret", at(good) + "/remove-secret", at(bad), at(bad) + "/health?window=1h",
		tenant + "/accounts", tenant + "/new-account", tenant + "/accounts/1", tenant + "/accounts/1/delete", tenant + "/templates",
		tenant + "/deliveries", tenant + "/deliveries?status=failed", tenant + "/deliveries?find=nobody",
		tenant + "/deliveries/" + first(tenant+"/deliveries?status=succeeded"), tenant + "/deliveries/" + first(tenant+"/deliveries?status=failed"),
		tenant + "/replay", tenant + "/replay?status=failed", tenant + "/events", tenant + "/events/" + first(tenant+"/events?event=message.received"), tenant + "/verify?endpoint=1",
		"/messages", "/messages?id=wamid.out", "/messages?id=wamid.failed", "/messages?id=none", "/audit", "/audit?outcome=unrouted",
		"/trail", "/trail?action=nothing", "/api-keys", "/new-api-key", "/api-keys/1/delete",
	}
	for _, outcome := range []string{"accepted", "ignored", "unrouted", "unparsed", "duplicate"} {
		s.pages = append(s.pages, "/audit/"+first("/audit?outcome="+outcome))
	}
	return s
}

// bare is an appliance where nothing has happened, and its pages.
func bare(t *testing.T) *site {
	t.Helper()
	s := &site{appliance: ready(t)}
	s.pages = []string{"/", "/tenants", "/messages", "/audit", "/trail", "/api-keys"}
	return s
}

// begun is an appliance with a tenant to which nothing has happened.
func begun(t *testing.T) *site {
	t.Helper()
	s := &site{appliance: ready(t)}
	s.api("POST", "/tenants", object{"name": plainNames.tenant, "timezone": plainNames.zone})
	s.pages = []string{"/", "/tenants/1", "/api-keys"}
	for _, p := range []string{"webhook", "accounts", "templates", "deliveries", "events", "replay", "verify", "replay?status=missing"} {
		s.pages = append(s.pages, "/tenants/1/"+p)
	}
	return s
}

// ok reports whether a page is to be there.
func ok(path string) bool {
	return !strings.Contains(path, "no-such") && !strings.Contains(path, "action=nothing")
}
