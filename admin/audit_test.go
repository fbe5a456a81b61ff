package admin

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// inbound stores a POST that brought each tenant a message.
func (f *fixture) inbound(t *testing.T, wamid string, tenants ...uint32) {
	t.Helper()
	in := webhook.Inbound{ReceivedAt: f.clock.now(), RemoteAddr: "192.0.2.1:443", Headers: map[string]string{"User-Agent": "facebookexternalua"}, Body: []byte("{\"raw\":\"\xff\"}"), Tenants: tenants}
	for _, id := range tenants {
		in.Items = append(in.Items, webhook.Item{
			TenantID: id, AccountID: id,
			Message: &webhook.MessageItem{PhoneNumberID: fmt.Sprint(100 + id), MessageID: wamid, Customer: "966500000000", At: f.clock.now()},
			Event:   &webhook.Event{TenantID: id, Type: webhook.MessageReceived, Payload: []byte(`{"event":"message.received","tenant_id":1,"timestamp":"2026-03-10T14:30:00+03:00"}`)},
		})
	}
	if _, err := f.store.Accept(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
}

func TestAudit(t *testing.T) {
	f := newFixture(t)
	path, key, one := f.tenant(t, "Akme")
	_, _, two := f.tenant(t, "Other")
	f.inbound(t, "wamid.1", one)
	f.clock.advance(time.Second)
	f.inbound(t, "wamid.1", one)
	f.clock.advance(time.Second)
	f.inbound(t, "wamid.2", two)
	f.clock.advance(time.Second)
	f.inbound(t, "wamid.3", one, two)
	f.clock.advance(time.Second)
	f.inbound(t, "wamid.4")

	for query, want := range map[string]int{
		"": 5, "outcome=accepted": 3, "outcome=duplicate": 1, "outcome=ignored": 1, "tenant=1": 3, "tenant=2&outcome=accepted": 2, "since=2026-03-10T11:30:03Z": 2, "until=2026-03-10T11:30:01Z": 1, "tenant=99": 0,
	} {
		if a := f.must(t, 200, "GET", "/api/v1/audit?"+query, ""); a.len("items") != want {
			t.Errorf("%s: %d in %s", query, a.len("items"), a.text)
		}
	}
	f.invalid(t, "GET", "/api/v1/audit?outcome=lost", "", "outcome")
	f.invalid(t, "GET", "/api/v1/audit?tenant=x", "", "tenant")
	f.invalid(t, "GET", "/api/v1/audit?tenant_id=1", "", "tenant_id")

	all := f.must(t, 200, "GET", "/api/v1/audit", "")
	shared, foreign, own := all.str("items", 1, "id"), all.str("items", 2, "id"), all.str("items", 4, "id")
	a := f.must(t, 200, "GET", "/api/v1/audit/"+own, "")
	for name, want := range map[string]any{
		"received_at": "2026-03-10T11:30:00.000Z", "remote_addr": "192.0.2.1:443", "size": 11, "outcome": "accepted", "tenant_ids": "[1]",
		"body": base64.StdEncoding.EncodeToString([]byte("{\"raw\":\"\xff\"}")), "headers": "map[User-Agent:facebookexternalua]",
	} {
		a.equal(t, want, name)
	}
	event := f.must(t, 200, "GET", path+"/events/"+a.str("event_ids", 0), "")
	event.equal(t, own, "audit_id")
	if item := all.get("items", 4).(map[string]any); item["body"] != nil || item["headers"] != nil {
		t.Error("lists have bodies")
	}

	// A tenant's key sees its own records, nothing of other tenants in them, and no body that it shares.
	l := f.as(t, key, "GET", "/api/v1/audit", "")
	if l.len("items") != 3 || l.str("items", 0, "id") != shared {
		t.Errorf("a tenant's list %s", l.text)
	}
	l.equal(t, "[1]", "items", 0, "tenant_ids")
	if ids := list(l.get("items", 0, "event_ids")); len(ids) != 1 || parseID(t, ids[0].(string)).Tenant() != one {
		t.Errorf("event ids %v", ids)
	}
	for id, want := range map[string]int{own: 200, shared: 403, foreign: 404} {
		if a := f.as(t, key, "GET", "/api/v1/audit/"+id, ""); a.status != want {
			t.Errorf("%s: %d %s, want %d", id, a.status, a.text, want)
		}
		f.must(t, 200, "GET", "/api/v1/audit/"+id, "")
	}
}

// A POST can have a part for an account that nobody has set up: that part is not the tenant's either.
func TestAuditOfAnUnknownAccount(t *testing.T) {
	f := newFixture(t)
	_, key, one := f.tenant(t, "Akme")
	in := webhook.Inbound{ReceivedAt: f.clock.now(), Body: []byte("{}"), Tenants: []uint32{one}, Unrouted: true}
	if _, err := f.store.Accept(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
	l := f.as(t, key, "GET", "/api/v1/audit", "")
	id := l.str("items", 0, "id")
	if a := f.as(t, key, "GET", "/api/v1/audit/"+id, ""); a.status != 403 {
		t.Errorf("%d %s", a.status, a.text)
	}
	f.must(t, 200, "GET", "/api/v1/audit/"+id, "")
}

func TestMessages(t *testing.T) {
	f := newFixture(t)
	_, key, one := f.tenant(t, "Akme")
	_, foreign, two := f.tenant(t, "Other")
	const wamid = "wamid.HBgM/OTY2+NTA=="
	f.inbound(t, wamid, one)
	for _, path := range []string{"/api/v1/messages/wamid.HBgM/OTY2+NTA==", "/api/v1/messages/wamid.HBgM%2FOTY2%2BNTA%3D%3D"} {
		a := f.must(t, 200, "GET", path, "")
		for name, want := range map[string]any{
			"wamid": wamid, "tenant_id": one, "account_id": one, "direction": "inbound", "customer": "966500000000", "status": "received", "errors": nil, "updated_at": "2026-03-10T11:30:00.000Z",
		} {
			a.equal(t, want, name)
		}
		if _, ok := a.get("history").([]any); !ok {
			t.Errorf("history %s", a.text)
		}
	}
	f.clock.advance(time.Second)
	for i, status := range []webhook.MessageStatus{webhook.MessageSent, webhook.MessageFailed} {
		in := webhook.Inbound{ReceivedAt: begin, Tenants: []uint32{one}, Items: []webhook.Item{{TenantID: one, AccountID: one, Status: &webhook.StatusItem{
			PhoneNumberID: "101", MessageID: "wamid.out", Status: status, Customer: "966500000000", At: begin.Add(time.Duration(i) * time.Second), Errors: []byte(`[{"code":131047,"title":"Re-engagement message"}]`),
		}}}}
		if _, err := f.store.Accept(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	a := f.must(t, 200, "GET", "/api/v1/messages/wamid.out", "")
	a.equal(t, "outbound", "direction")
	a.equal(t, "failed", "status")
	a.equal(t, 131047, "errors", 0, "code")
	a.equal(t, "sent", "history", 0, "status")
	a.equal(t, "2026-03-10T11:30:01.000Z", "history", 1, "at")

	f.must(t, 404, "GET", "/api/v1/messages/wamid.none", "")
	f.must(t, 404, "GET", "/api/v1/messages/", "")
	f.invalid(t, "GET", "/api/v1/messages/wamid.out?x=1", "", "x")
	if a := f.as(t, foreign, "GET", "/api/v1/messages/wamid.out", ""); a.status != 404 {
		t.Errorf("another tenant's: %s", a.text)
	}
	// Two tenants with one id: the last change, or the tenant that is asked for.
	f.inbound(t, "wamid.out", two)
	f.must(t, 200, "GET", "/api/v1/messages/wamid.out?tenant=1", "").equal(t, "outbound", "direction")
	f.must(t, 200, "GET", "/api/v1/messages/wamid.out?tenant=2", "").equal(t, "inbound", "direction")
	f.as(t, key, "GET", "/api/v1/messages/wamid.out", "").equal(t, one, "tenant_id")
	f.as(t, foreign, "GET", "/api/v1/messages/wamid.out", "").equal(t, two, "tenant_id")
}

func TestTemplates(t *testing.T) {
	f := newFixture(t)
	_, key, one := f.tenant(t, "Akme")
	_, _, two := f.tenant(t, "Other")
	for i, id := range []uint32{one, one, two} {
		item := webhook.TemplateItem{WABAID: fmt.Sprint(id), TemplateID: fmt.Sprint(i), Name: fmt.Sprintf("t%d", i), Language: "ar", Status: "APPROVED", EntryTime: int64(i), At: begin.Add(time.Duration(i) * time.Second)}
		if i == 1 {
			item.Status, item.Category, item.Reason = "REJECTED", "UTILITY", "ABUSIVE_CONTENT"
		}
		in := webhook.Inbound{ReceivedAt: begin, Tenants: []uint32{id}, Items: []webhook.Item{{TenantID: id, AccountID: 10 + id, Template: &item}}}
		if _, err := f.store.Accept(t.Context(), &in); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string]string{"": "[t2 t1 t0]", "status=REJECTED": "[t1]", "whatsapp_account_id=12": "[t2]", "tenant=1": "[t1 t0]", "tenant=1&limit=1": "[t1]", "status=NEVER": "[]"} {
		a := f.must(t, 200, "GET", "/api/v1/templates?"+query, "")
		var names []any
		for i := range a.len("items") {
			names = append(names, a.get("items", i, "name"))
		}
		if fmt.Sprint(names) != want {
			t.Errorf("%s: %v", query, names)
		}
	}
	a := f.as(t, key, "GET", "/api/v1/templates", "")
	for name, want := range map[string]any{"whatsapp_account_id": 11, "language": "ar", "category": "UTILITY", "status": "REJECTED", "reason": "ABUSIVE_CONTENT", "updated_at": "2026-03-10T11:30:01.000Z"} {
		a.equal(t, want, "items", 0, name)
	}
	a.equal(t, nil, "items", 1, "category")
	a.equal(t, nil, "items", 1, "reason")
	if a.len("items") != 2 {
		t.Errorf("a tenant's list %s", a.text)
	}
	f.invalid(t, "GET", "/api/v1/templates?whatsapp_account_id=x&state=y", "", "state", "whatsapp_account_id")
}

func TestMonitor(t *testing.T) {
	d := newDeliveries(t)
	_, other, two := d.fixture.tenant(t, "Other")
	a := d.must(t, 200, "GET", "/api/v1/monitor", "")
	for name, want := range map[string]any{"tenants": 2, "endpoints": 2, "disabled": 0, "failing": 1, "pending": 3, "retrying": 1, "succeeded": 1, "failed": 1} {
		a.equal(t, want, "totals", name)
	}
	a.equal(t, two, "tenants", 0, "id")
	for name, want := range map[string]any{
		"id": d.first, "state": "failing", "pending": 0, "retrying": 1, "succeeded": 1, "failed": 1, "failing_since": "2026-03-10T11:30:03.000Z", "last_success": "2026-03-10T11:30:03.000Z", "last_error": "status",
	} {
		a.equal(t, want, "tenants", 1, "endpoints", 1, name)
	}
	for name, want := range map[string]any{"id": d.second, "state": "unused", "pending": 3, "failing_since": nil, "last_success": nil, "last_error": nil} {
		a.equal(t, want, "tenants", 1, "endpoints", 0, name)
	}
	d.finish(t, d.tenant, d.retrying.WithOwner(d.first), delivered(), time.Time{})
	d.must(t, 200, "GET", "/api/v1/monitor?tenant=1", "").equal(t, "healthy", "tenants", 0, "endpoints", 1, "state")
	d.must(t, 200, "PATCH", fmt.Sprintf("%s/endpoints/%d", d.path, d.first), `{"enabled":false}`)
	a = d.must(t, 200, "GET", "/api/v1/monitor", "")
	a.equal(t, "disabled", "tenants", 1, "endpoints", 1, "state")
	a.equal(t, 1, "totals", "disabled")
	if a := d.as(t, other, "GET", "/api/v1/monitor", ""); a.len("tenants") != 1 || a.get("totals", "pending") != 0.0 || a.get("totals", "endpoints") != 0.0 {
		t.Errorf("a tenant's monitor %s", a.text)
	}
	d.must(t, 404, "GET", "/api/v1/monitor?tenant=99", "")
	d.invalid(t, "GET", "/api/v1/monitor?x=1", "", "x")
}
