package app_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cubeconnect/config"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	secret := e.newSecret()
	a.samples("message-text-escaped-unicode")
	got := r.wait(1)[0]
	wellFormed(t, &got)
	signedWith(t, secret, &got)
	d := n.delivery("succeeded")
	ev := a.call("GET", n.path+"/events/"+d["event_id"].(string), nil)
	if got.id() != d["event_id"] {
		t.Errorf("X-Webhook-Id %q, the event's id is %s", got.id(), d["event_id"])
	}
	if !bytes.Contains(ev.raw, got.body) {
		t.Errorf("the API shows another payload than was sent: %s and %s", ev.raw, got.body)
	}
	if !bytes.Contains(got.body, []byte(`"äöå 50% <b> mail me@example.com https://example.com/a?b=1&c=2"`)) {
		t.Errorf("body %s", got.body)
	}
	for _, name := range []string{"X-Webhook-Signature-Previous", "Authorization", "Cookie", "Accept-Encoding"} {
		if v := got.header.Get(name); v != "" {
			t.Errorf("%s: %q", name, v)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	a := start(t)
	elsewhere := receive(t)
	n := a.tenant("One", "UTC")
	r := receive(t)
	n.endpoint(r.url, object{"retries": []any{}})
	codes := []int{200, 201, 202, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 451, 500, 501, 502, 503, 504, 599}
	r.answers(func(n int, _ *delivered) reply {
		return reply{status: codes[n-1], header: http.Header{"Location": {elsewhere.url}}}
	})
	for i, code := range codes {
		n.campaign("one and the same") // so that they come one after the other
		list := n.ended(i + 1)
		d := a.get(n.path + "/deliveries/" + list[i]["id"].(string))
		want, fault := "succeeded", any(nil)
		if code >= 300 {
			want, fault = "failed", "status"
		}
		says(t, fmt.Sprint(code), d, object{"status": want, "attempt_count": 1})
		says(t, fmt.Sprint(code), d["attempts"].([]any)[0].(object), object{"status_code": code, "error": fault})
	}
	if got := len(elsewhere.requests()); got != 0 {
		t.Errorf("%d redirects were followed", got)
	}
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *config.Config) { c.Delivery.Retries = schedule() })
	n := a.tenant("One", "UTC")
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	over := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(200)
		_, _ = w.Write([]byte("the beginning"))
		_ = http.NewResponseController(w).Flush()
		<-over
	}))
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
	}))
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	t.Cleanup(func() {
		close(over)
		for _, s := range []*httptest.Server{hang, slow, cut, untrusted} {
			s.Close()
		}
	})
	for i, c := range []struct {
		name, url string
		timeout   string
		status    any
		class     string
	}{
		{"refused", "http://" + closed.Addr().String(), "30s", nil, "refused"},
		{"timeout", hang.URL, "300ms", nil, "timeout"},
		{"timeout in the body", slow.URL, "300ms", 200, "timeout"},
		{"reset", cut.URL, "30s", nil, "reset"},
		{"untrusted certificate", untrusted.URL, "30s", nil, "tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := n.endpoint(c.url, object{"timeout": c.timeout})
			n.campaign(c.name)
			list := n.ended(i + 1)
			d := a.get(n.path + "/deliveries/" + list[i]["id"].(string))
			says(t, c.name, d, object{"status": "failed", "endpoint_id": e.id, "attempt_count": 1})
			at := d["attempts"].([]any)[0].(object)
			says(t, c.name, at, object{"error": c.class, "status_code": c.status})
			if c.class == "timeout" && number(t, at, "duration_ms") < 300 {
				t.Errorf("timed out after %s ms", at["duration_ms"])
			}
			test := a.call("POST", e.path+"/test", nil).ok(200)
			says(t, "Send Test", test, object{"delivered": false, "status_code": c.status, "error": c.class})
			e.patch(object{"enabled": false})
			if got := a.metrics().value(`cubeconnect_delivery_attempts_total{result="` + c.class + `"}`); got < 1 {
				t.Errorf("%v attempts on the metric", got)
			}
		})
	}
}

func TestBlockedAddress(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	a.config.Delivery.AllowNetworks = nil // the administrator has second thoughts
	a.restart()
	a.samples("message-text")
	d := n.delivery("failed")
	for _, at := range d["attempts"].([]any) {
		says(t, "the attempt", at.(object), object{"error": "blocked", "status_code": nil, "response_body": ""})
	}
	if got := len(r.requests()); got != 0 {
		t.Errorf("%d requests came through", got)
	}
	if got := a.metrics().value(`cubeconnect_delivery_attempts_total{result="blocked"}`); got < 1 {
		t.Errorf("%v on the metric", got)
	}
	says(t, "Send Test", a.call("POST", n.path+"/endpoints/1/test", nil).ok(200), object{"delivered": false, "error": "blocked", "status_code": nil})
}

func TestIncludeRaw(t *testing.T) {
	t.Parallel()
	a, n, plainOne, r := shop(t)
	rawReceiver := receive(t)
	n.endpoint(rawReceiver.url, object{"include_raw": true})
	plainOne.newSecret()
	for i, c := range []struct{ sample, member string }{{"message-order", "messages"}, {"status-failed-131047", "statuses"}, {"template-rejected", ""}} {
		a.samples(c.sample)
		with, without := rawReceiver.wait(i + 1)[i].event, r.wait(i + 1)[i].event
		value := parse(t, body(t, c.sample))["entry"].([]any)[0].(object)["changes"].([]any)[0].(object)["value"].(object)
		if c.member != "" {
			value = value[c.member].([]any)[0].(object)
		}
		if encoded(with["raw"]) != encoded(value) {
			t.Errorf("raw %s, want %s", encoded(with["raw"]), encoded(value))
		}
		hasNot(t, "the plain payload", without, "raw")
		delete(with, "raw")
		if encoded(with) != encoded(without) {
			t.Errorf("with raw %s, without %s", encoded(with), encoded(without))
		}
	}
}

func TestCustomHeaders(t *testing.T) {
	t.Parallel()
	_, n, e, r := shop(t)
	e.patch(object{"headers": object{"Authorization": "Bearer theirs", "x-tenant": "höhe", "X-Empty": ""}})
	n.campaign("1")
	got := r.wait(1)[0]
	wellFormed(t, &got)
	for name, want := range map[string]string{"Authorization": "Bearer theirs", "X-Tenant": "höhe"} {
		if v := got.header.Values(name); len(v) != 1 || v[0] != want {
			t.Errorf("%s: %q", name, v)
		}
	}
	for _, name := range []string{
		"X-Webhook-Signature", "x-webhook-id", "X-Webhook-Timestamp", "webhook-id", "Webhook-Signature", "User-Agent", "Content-Type", "Content-Length", "Host",
		"Transfer-Encoding", "Connection", "", "a b", "x:y", "x\r\ny",
	} {
		n.a.call("PATCH", e.path, object{"headers": object{name: "x"}}).invalid("headers")
	}
	for _, value := range []any{"a\r\nX-Other: b", "a\nb", "a\x00b", 1, nil} {
		n.a.call("PATCH", e.path, object{"headers": object{"X-Value": value}}).invalid("headers")
	}
	says(t, "the endpoint", e.get(), object{"headers": object{"Authorization": "Bearer theirs", "x-tenant": "höhe", "X-Empty": ""}})
}

// Meta may send a thousand changes in one POST.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	const count = 1000
	a, n, e, r := shop(t)
	e.newSecret()
	var elements []any
	for i := range count {
		s := statusElement(fmt.Sprintf("wamid.%d", i), "sent", 1794821400)
		s["recipient_id"] = fmt.Sprintf("1650%07d", i)
		elements = append(elements, s)
	}
	a.meta(webhookOf(inMessages(waba1, phone1, "statuses", elements...)))
	if got := a.list("/audit")[0]["event_ids"].([]any); len(got) != count {
		t.Errorf("%d events, want %d", len(got), count)
	}
	n.ended(count)
	seen := map[string]bool{}
	for _, d := range r.requests() {
		seen[d.event["message_id"].(string)] = true
	}
	if got := len(r.requests()); got != count || len(seen) != count {
		t.Errorf("%d requests with %d messages, want %d", got, len(seen), count)
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	a, n, _, everything := shop(t)
	messages, campaigns := receive(t), receive(t)
	n.endpoint(messages.url, object{"events": []string{"message.received", "message.status_updated"}})
	n.endpoint(campaigns.url, object{"events": []string{"campaign.started"}})
	n.endpoint(receive(t).url, object{"enabled": false})
	a.samples("message-text", "status-sent", "template-approved")
	n.campaign("1")
	n.ended(4 + 2 + 1)
	for _, c := range []struct {
		r    *receiver
		want int
	}{{everything, 4}, {messages, 2}, {campaigns, 1}} {
		if got := len(c.r.requests()); got != c.want {
			t.Errorf("%d requests, want %d", got, c.want)
		}
	}
}

func TestSendTest(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	secret := e.newSecret()
	r.answers(func(int, *delivered) reply { return reply{status: 201, body: "hello"} })
	got := a.call("POST", e.path+"/test", nil).ok(200)
	has(t, "the result", got, shape{"delivered": "bool", "status_code": "int", "duration_ms": "int", "error": "null", "response_body": "string"})
	says(t, "the result", got, object{"delivered": true, "status_code": 201, "response_body": "hello"})
	req := r.wait(1)[0]
	wellFormed(t, &req)
	signedWith(t, secret, &req)
	says(t, "the event", req.event, object{"event": "webhook.test", "tenant_id": n.id})
	has(t, "the event", req.event, shape{"message": "string", "timestamp": "time"})
	if !strings.HasSuffix(req.event["timestamp"].(string), "+03:00") {
		t.Errorf("timestamp %s", req.event["timestamp"])
	}

	r.answers(func(int, *delivered) reply { return reply{status: 500, body: "broken"} })
	e.patch(object{"enabled": false, "events": []string{"campaign.started"}}) // it is still tried
	got = a.call("POST", e.path+"/test", object{}).ok(200)
	says(t, "the result", got, object{"delivered": false, "status_code": 500, "error": "status", "response_body": "broken"})
	if got := len(r.wait(2)); got != 2 {
		t.Errorf("%d requests: a test is one attempt", got)
	}
	a.call("POST", n.path+"/endpoints/99/test", nil).refused(404, "NOT_FOUND")
}
