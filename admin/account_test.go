package admin

import (
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func TestAccounts(t *testing.T) {
	f := newFixture(t)
	path, _, id := f.tenant(t, "Akme")
	const token = "EAAG-the-token"
	a := f.must(t, 201, "POST", path+"/accounts", `{"name":"Support","waba_id":"102290129340398","phone_number_id":"106540352242922","display_phone_number":"+966 11 000 0000","access_token":"`+token+`"}`)
	a.equal(t, true, "has_access_token")
	a.equal(t, nil, "state", "quality")
	a.equal(t, false, "state", "restricted")
	if strings.Contains(a.text, token) {
		t.Errorf("the token is answered: %s", a.text)
	}
	f.must(t, 200, "GET", path+"/accounts/1", "").equal(t, "Support", "name")
	f.must(t, 200, "GET", path+"/accounts", "").equal(t, "106540352242922", "items", 0, "phone_number_id")

	b := f.must(t, 200, "PATCH", path+"/accounts/1", `{"name":"Sales"}`)
	b.equal(t, "Sales", "name")
	b.equal(t, true, "has_access_token")
	b.equal(t, "+966 11 000 0000", "display_phone_number")
	f.must(t, 200, "PATCH", path+"/accounts/1", `{"access_token":""}`).equal(t, false, "has_access_token")
	f.must(t, 200, "PATCH", path+"/accounts/1", `{"access_token":"x1"}`).equal(t, true, "has_access_token")
	f.must(t, 200, "PATCH", path+"/accounts/1", `{"access_token":null}`).equal(t, false, "has_access_token")

	quality := "RED"
	in := webhook.Inbound{ReceivedAt: begin, Tenants: []uint32{id}, Items: []webhook.Item{{TenantID: id, AccountID: 1, Account: &webhook.AccountItem{
		WABAID: "102290129340398", Quality: &quality, At: begin.Add(time.Second / 4),
	}}}}
	if _, err := f.store.Accept(t.Context(), &in); err != nil {
		t.Fatal(err)
	}
	f.must(t, 200, "GET", path+"/accounts/1", "").equal(t, "RED", "state", "quality")

	f.must(t, 200, "DELETE", path+"/accounts/1", "").equal(t, 1, "id")
	f.must(t, 404, "DELETE", path+"/accounts/1", "")
	f.must(t, 404, "PATCH", path+"/accounts/1", `{"nonsense":1}`)
}

func TestAccountsRefused(t *testing.T) {
	f := newFixture(t)
	path, _, _ := f.tenant(t, "Akme")
	other, _, _ := f.tenant(t, "Other")
	f.must(t, 201, "POST", path+"/accounts", `{"name":"a","waba_id":"1","phone_number_id":"2"}`)
	for body, fields := range map[string][]string{
		`{}`: {"name", "phone_number_id", "waba_id"},
		`{"name":"a","waba_id":1,"phone_number_id":"3"}`:                      {"waba_id"},
		`{"name":"a","waba_id":"1","phone_number_id":"3","access_token":7}`:   {"access_token"},
		`{"name":"a","waba_id":"1","phone_number_id":"3","state":{}}`:         {"state"},
		`{"name":"a","waba_id":"1","phone_number_id":"3","token":"x"}`:        {"token"},
		`{"name":"a","waba_id":"1a","phone_number_id":"","tenant_id":1}`:      {"phone_number_id", "tenant_id", "waba_id"},
		`{"name":"a","waba_id":"1","phone_number_id":"3","access_token":"é"}`: {"access_token"},
	} {
		f.invalid(t, "POST", path+"/accounts", body, fields...)
	}
	f.invalid(t, "PATCH", path+"/accounts/1", `{"waba_id":null}`, "waba_id")
	f.invalid(t, "PATCH", path+"/accounts/1", `{"phone_number_id":""}`, "phone_number_id")
	for name, body := range map[string]string{
		"phone number twice":     `{"name":"b","waba_id":"1","phone_number_id":"2"}`,
		"WABA of another tenant": `{"name":"b","waba_id":"1","phone_number_id":"3"}`,
	} {
		to := other
		if name == "phone number twice" {
			to = path
		}
		a := f.do(t, "POST", to+"/accounts", body)
		if a.status != 409 || a.code != "CONFLICT" || strings.Contains(a.text, "Akme") {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	f.must(t, 404, "POST", "/api/v1/tenants/9/accounts", `{"name":"b","waba_id":"8","phone_number_id":"9"}`)
}
