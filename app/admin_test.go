package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/config"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	a := start(t)
	made := a.call("POST", "/tenants", object{"name": "  واحة التجارة  ", "timezone": "Asia/Riyadh"}).ok(201)
	has(t, "a tenant", made, shape{"id": "int", "name": "string", "timezone": "string", "created_at": "time"})
	says(t, "the tenant", made, object{"name": "واحة التجارة", "timezone": "Asia/Riyadh"})
	path := fmt.Sprintf("/tenants/%s", made["id"])
	if got := a.get(path); encoded(got) != encoded(made) {
		t.Errorf("%s, made was %s", encoded(got), encoded(made))
	}
	says(t, "the change", a.call("PATCH", path, object{"name": "Oasis"}).ok(200), object{"name": "Oasis", "timezone": "Asia/Riyadh", "id": made["id"]})
	for _, c := range []struct {
		body  any
		field string
	}{
		{object{"timezone": "UTC"}, "name"},
		{object{"name": "", "timezone": "UTC"}, "name"},
		{object{"name": " ", "timezone": "UTC"}, "name"},
		{object{"name": 1, "timezone": "UTC"}, "name"},
		{object{"name": nil, "timezone": "UTC"}, "name"},
		{object{"name": "a\x00b", "timezone": "UTC"}, "name"},
		{object{"name": strings.Repeat("x", 10_000), "timezone": "UTC"}, "name"},
		{object{"name": "x", "timezone": "Mars/Olympus"}, "timezone"},
		{object{"name": "x", "timezone": ""}, "timezone"},
		{object{"name": "x", "timezone": "Local"}, "timezone"},
		{object{"name": "x", "timezone": "../../etc/passwd"}, "timezone"},
		{object{"name": "x", "timezone": "UTC", "colour": "red"}, "colour"},
		{object{"name": "x", "timezone": "UTC", "id": 7}, "id"},
		{"", "body"},
		{"null", "body"},
		{"[]", "body"},
		{"{", "body"},
		{`{"name":"x"} {}`, "body"},
		{"{\"name\":\"\xff\"}", "body"},
		{strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001), "body"},
	} {
		a.call("POST", "/tenants", c.body).invalid(c.field)
	}
	a.call("PATCH", path, object{"timezone": "x"}).invalid("timezone")
	for _, id := range []string{"99", "0", "-1", "x", "01", "1.0", "18446744073709551617", "%00"} {
		a.call("GET", "/tenants/"+id, nil).refused(404, "NOT_FOUND")
		a.call("PATCH", "/tenants/"+id, object{"name": "x"}).refused(404, "NOT_FOUND")
		a.call("DELETE", "/tenants/"+id, nil).refused(404, "NOT_FOUND")
		a.call("GET", "/tenants/"+id+"/events", nil).refused(404, "NOT_FOUND")
	}
	if r := a.call("POST", "/tenants", `{"name":"`+strings.Repeat("x", 3<<20)+`"}`); r.status != 413 {
		t.Errorf("3 MiB: %d", r.status)
	}
	if got := a.list("/tenants"); len(got) != 1 || encoded(got[0]) != encoded(a.get(path)) {
		t.Errorf("%s", encoded(got))
	}
}

// With a tenant everything of it goes, and its WABA is free.
func TestDeleteTenant(t *testing.T) {
	t.Parallel()
	a, n, e, _ := shop(t)
	e.newSecret()
	a.samples("message-text")
	d := n.ended(1)[0]["id"].(string)
	a.call("DELETE", n.path, nil).ok(200)
	for _, path := range []string{n.path, n.path + "/accounts", e.path, n.path + "/events", n.path + "/deliveries/" + d} {
		a.call("GET", path, nil).refused(404, "NOT_FOUND")
	}
	a.call("DELETE", n.path, nil).refused(404, "NOT_FOUND")
	a.meta(text(customer, "wamid.1", "x"))
	if got := a.list("/audit?limit=1")[0]["outcome"]; got != "unrouted" {
		t.Errorf("outcome %s", got)
	}
	next := a.tenant("Next", "UTC")
	if next.id == n.id {
		t.Error("an id was used again")
	}
	next.account(waba1, phone1)
	a.meta(text(customer, "wamid.1", "x"))
	if got := len(next.events()); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
	a.restart()
	a.call("GET", n.path, nil).refused(404, "NOT_FOUND")
	if got := len(next.events()); got != 1 {
		t.Errorf("%d events after a restart, want 1", got)
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *config.Config) { c.Delivery.Retries = schedule(10*time.Second, time.Minute) })
	n := a.tenant("One", "UTC")
	e := n.endpoint("http://127.0.0.1:9/hooks", nil)
	got := e.get()
	has(t, "an endpoint", got, shape{
		"id": "int", "tenant_id": "int", "url": "string", "events": "array", "enabled": "bool", "description": "string", "include_raw": "bool",
		"retries": "array", "timeout": "string", "headers": "object", "has_secret": "bool", "disabled_reason": "null", "created_at": "time",
	})
	says(t, "the defaults", got, object{
		"tenant_id": n.id, "url": "http://127.0.0.1:9/hooks", "events": []string{"*"}, "enabled": true, "description": "", "include_raw": false,
		"retries": []string{"10s", "1m"}, "timeout": "10s", "headers": object{}, "has_secret": false, "disabled_reason": nil,
	})
	all := object{
		"url": "http://127.0.0.1:9/other", "events": []string{"message.received", "webhook.test"}, "enabled": false, "description": "staging",
		"include_raw": true, "retries": []string{"500ms", "1h"}, "timeout": "3s", "headers": object{"X-A": "b"},
	}
	says(t, "the change", e.patch(all), all)
	says(t, "what stayed", e.patch(object{"description": "x"}), object{"url": all["url"], "events": all["events"], "retries": all["retries"], "timeout": "3s", "enabled": false})
	says(t, "no retries", e.patch(object{"retries": []any{}}), object{"retries": []any{}})
	says(t, "the installation's retries", e.patch(object{"retries": nil, "timeout": nil}), object{"retries": []string{"10s", "1m"}, "timeout": "10s"})
	before := encoded(e.get())
	a.restart()
	if got := encoded(e.get()); got != before {
		t.Errorf("after a restart %s, before %s", got, before)
	}
	for _, c := range []struct {
		change object
		field  string
	}{
		{object{"url": nil}, "url"},
		{object{"url": 1}, "url"},
		{object{"events": []string{}}, "events"},
		{object{"events": "*"}, "events"},
		{object{"events": []string{"message.lost"}}, "events"},
		{object{"events": nil}, "events"},
		{object{"enabled": "yes"}, "enabled"},
		{object{"include_raw": 1}, "include_raw"},
		{object{"retries": []string{"soon"}}, "retries"},
		{object{"retries": []string{"-1s"}}, "retries"},
		{object{"retries": "10s"}, "retries"},
		{object{"retries": slices.Repeat([]string{"1s"}, 1000)}, "retries"},
		{object{"retries": []string{"10000h"}}, "retries"},
		{object{"timeout": "0s"}, "timeout"},
		{object{"timeout": "-1s"}, "timeout"},
		{object{"timeout": "24h"}, "timeout"},
		{object{"timeout": "x"}, "timeout"},
		{object{"description": strings.Repeat("x", 10_000)}, "description"},
		{object{"headers": []string{"a"}}, "headers"},
		{object{"secret": "whsec_x"}, "secret"},
		{object{"has_secret": true}, "has_secret"},
		{object{"webhook_url": "x"}, "webhook_url"},
	} {
		a.call("PATCH", e.path, c.change).invalid(c.field)
	}
	if got := encoded(e.get()); got != before {
		t.Errorf("refused changes left %s, before %s", got, before)
	}
	a.call("POST", n.path+"/endpoints", object{}).invalid("url")
	a.call("DELETE", e.path, nil).ok(200)
	a.call("DELETE", e.path, nil).refused(404, "NOT_FOUND")
	for _, path := range []string{"/secret", "/test"} {
		a.call("POST", e.path+path, nil).refused(404, "NOT_FOUND")
	}
}

// Which URLs an endpoint can have where the administrator allowed nothing.
func TestEndpointURLs(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *config.Config) { c.Delivery.AllowHTTP, c.Delivery.AllowNetworks = false, nil })
	n := a.tenant("One", "UTC")
	for _, url := range []string{"https://8.8.8.8/hooks", "https://8.8.8.8:443/a?b=c", "https://[2606:4700:4700::1111]/", "HTTPS://8.8.8.8/"} {
		n.endpoint(url, nil)
	}
	for _, url := range []string{
		"", " ", "example", "/hooks", "ftp://8.8.8.8/", "file:///etc/passwd", "javascript:alert(1)", "https://", "https:///x", "https://:443/", "://8.8.8.8",
		"http://8.8.8.8/", "https://user@8.8.8.8/", "https://user:pass@8.8.8.8/", "https://8.8.8.8:8080/", "https://8.8.8.8:22/", "https://8.8.8.8:0/",
		"https://8.8.8.8:99999/", "https://localhost/", "https://LOCALHOST./", "https://intranet/", "https://8.8.8.8/\nx", "https://8.8.8.8/" + strings.Repeat("x", 10_000),
		"https://127.0.0.1/", "https://127.0.0.1:443/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0/",
		"https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.0.1/", "https://100.64.0.1/",
		"https://169.254.169.254/latest/meta-data/", "https://192.0.2.1/", "https://198.18.0.1/", "https://198.51.100.1/", "https://203.0.113.1/",
		"https://192.88.99.1/", "https://192.0.0.8/", "https://224.0.0.1/", "https://240.0.0.1/", "https://255.255.255.255/", "https://168.63.129.16/",
		"https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[fe80::1]/",
		"https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[fd00::1]/", "https://[ff02::1]/", "https://[2001:db8::1]/", "https://[64:ff9b::7f00:1]/",
		"https://[64:ff9b:1::7f00:1]/", "https://[2002:7f00:1::]/", "https://[2001::1]/", "https://[fec0::1]/", "https://[3fff::1]/",
		"https://[2606:4700:0:0:0:5efe:7f00:1]/",
	} {
		a.call("POST", n.path+"/endpoints", object{"url": url}).invalid("url")
	}
	if got := len(a.list(n.path + "/endpoints")); got != 4 {
		t.Errorf("%d endpoints, want 4", got)
	}
}

func TestMonitor(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	r.fails(3, 500)
	n.campaign("1")
	n.ended(1)
	n.campaign("2")
	n.ended(2)
	r2 := a.call("GET", "/monitor", nil)
	r2.ok(200)
	if !strings.Contains(string(r2.raw), "Oasis Trading") {
		t.Errorf("%s", r2.raw)
	}
}
