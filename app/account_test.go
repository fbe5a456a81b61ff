package app_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	a := start(t)
	n, other := a.tenant("One", "UTC"), a.tenant("Two", "UTC")
	made := a.call("POST", n.path+"/accounts", object{
		"name": "Support", "waba_id": waba1, "phone_number_id": phone1, "display_phone_number": "+1 650 555 0101", "access_token": "EAAtoken",
	})
	acc := made.ok(201)
	has(t, "an account", acc, shape{
		"id": "int", "tenant_id": "int", "name": "string", "waba_id": "string", "phone_number_id": "string", "display_phone_number": "string",
		"has_access_token": "bool", "state": "object", "created_at": "time",
	})
	says(t, "the account", acc, object{
		"tenant_id": n.id, "name": "Support", "waba_id": waba1, "phone_number_id": phone1, "display_phone_number": "+1 650 555 0101", "has_access_token": true,
	})
	path := fmt.Sprintf("%s/accounts/%s", n.path, acc["id"])
	for _, r := range []answer{made, a.call("GET", path, nil), a.call("GET", n.path+"/accounts", nil)} {
		if strings.Contains(string(r.raw), "EAAtoken") {
			t.Errorf("%s shows the token: %s", r.what, r.raw)
		}
	}
	hasNot(t, "an account", acc, "access_token")
	says(t, "a change", a.call("PATCH", path, object{"name": "Sales"}).ok(200), object{"name": "Sales", "has_access_token": true})
	says(t, "without its token", a.call("PATCH", path, object{"access_token": ""}).ok(200), object{"has_access_token": false})

	second := n.account(waba1, phone3) // more numbers of one WABA are one tenant's
	for _, c := range []struct {
		name         string
		method, path string
		body         object
	}{
		{"another tenant's WABA", "POST", other.path + "/accounts", object{"name": "x", "waba_id": waba1, "phone_number_id": phone2}},
		{"another tenant's number", "POST", other.path + "/accounts", object{"name": "x", "waba_id": waba2, "phone_number_id": phone1}},
		{"an own number", "POST", n.path + "/accounts", object{"name": "x", "waba_id": waba1, "phone_number_id": phone1}},
		{"change to a number that is taken", "PATCH", path, object{"phone_number_id": phone3}},
	} {
		if details := a.call(c.method, c.path, c.body).refused(409, "CONFLICT"); len(details) > 0 {
			t.Logf("%s: %s", c.name, encoded(details))
		}
	}
	third := other.account(waba2, phone2)
	a.call("PATCH", fmt.Sprintf("%s/accounts/%d", other.path, third), object{"waba_id": waba1}).refused(409, "CONFLICT")
	for _, c := range []struct {
		body  object
		field string
	}{
		{object{"waba_id": "1", "phone_number_id": "1"}, "name"},
		{object{"name": "x", "phone_number_id": "1"}, "waba_id"},
		{object{"name": "x", "waba_id": "1"}, "phone_number_id"},
		{object{"name": "x", "waba_id": "abc", "phone_number_id": "1"}, "waba_id"},
		{object{"name": "x", "waba_id": 1, "phone_number_id": "1"}, "waba_id"},
		{object{"name": "x", "waba_id": "1", "phone_number_id": "1", "state": object{}}, "state"},
		{object{"name": "x", "waba_id": "1", "phone_number_id": "1", "access_token": "a\r\nb"}, "access_token"},
	} {
		a.call("POST", n.path+"/accounts", c.body).invalid(c.field)
	}
	// Once it is deleted, another tenant can have it.
	a.call("DELETE", path, nil).ok(200)
	a.call("GET", path, nil).refused(404, "NOT_FOUND")
	a.call("POST", other.path+"/accounts", object{"name": "x", "waba_id": waba1, "phone_number_id": phone1}).refused(409, "CONFLICT")
	a.call("DELETE", fmt.Sprintf("%s/accounts/%d", n.path, second), nil).ok(200)
	other.account(waba1, phone1)
	a.meta(text(customer, "wamid.1", "x"))
	if got := len(other.events()); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
}

// Of two tenants that claim a WABA or a number at the same moment one gets it.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	a := start(t)
	tenants := []*tenant{a.tenant("One", "UTC"), a.tenant("Two", "UTC")}
	var claims sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]int{}
	owners := map[string]bool{}
	for i := range 20 {
		n := tenants[i%2]
		claims.Go(func() {
			r := a.call("POST", n.path+"/accounts", object{"name": "x", "waba_id": waba1, "phone_number_id": fmt.Sprint(i / 2)})
			mu.Lock()
			defer mu.Unlock()
			answers[r.status]++
			if r.status == 201 {
				owners[n.path] = true
			}
		})
	}
	claims.Wait()
	if len(owners) != 1 || answers[201] != 10 || answers[409] != 10 {
		t.Errorf("answers %v to %v", answers, owners)
	}
}

// An account that is changed is found by its new ids from then on.
func TestChangedAccount(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	a.call("PATCH", n.path+"/accounts/1", object{"waba_id": waba2, "phone_number_id": phone2}).ok(200)
	a.meta(text(customer, "wamid.1", "x"))
	a.meta(webhookOf(inMessages(waba2, phone2, "messages", textElement(customer, "wamid.2", "x"))))
	if list := n.payloads(); len(list) != 1 || list[0]["wa_message_id"] != "wamid.2" {
		t.Errorf("events %s", encoded(list))
	}
	a.tenant("Two", "UTC").account(waba1, phone1) // which is free now
}
