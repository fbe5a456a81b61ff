package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/egress"
	"cubeconnect/webhook"
)

// signedLines is a request's header as text, one line each.
func signedLines(h http.Header) string {
	var lines []string
	for name, values := range h {
		lines = append(lines, name+": "+values[0])
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// What is wrong with a request is said of each form of signature.
func TestCheckSignature(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	old, secret := webhook.GenerateSecret(), webhook.GenerateSecret()
	_, err := f.store.UpdateEndpoint(t.Context(), 1, 1, func(e *webhook.Endpoint) error {
		e.SetSecret(old, 0, f.clock.now())
		e.SetSecret(secret, time.Hour, f.clock.now())
		return nil
	})
	f.ok(err)
	_, err = f.store.CreateEndpoint(t.Context(), webhook.Endpoint{TenantID: 1, URL: "https://unsigned.example.com/", Events: []string{"*"}, Enabled: true})
	f.ok(err)
	event := f.message(1, "wamid.1", "966500000001")
	_, ev, err := f.store.Delivery(t.Context(), 1, event.WithOwner(1))
	f.ok(err)
	sent := string(ev.Payload)
	// request is one that is signed with some secrets; of an event that isn't kept if the body is another.
	request := func(body string, secrets ...webhook.Secret) http.Header {
		e := webhook.Endpoint{Secret: secrets[0]}
		if len(secrets) > 1 {
			e.OldSecret, e.OldSecretEnds = secrets[1], f.clock.now().Add(time.Hour)
		}
		claim := webhook.Claim{EventID: event, Endpoint: &e, Body: []byte(body)}
		if body != sent {
			claim.EventID = webhook.IDAt(begun).OfTenant(1)
		}
		h := http.Header{}
		for name, values := range egress.New(egress.Options{}).Header(&claim, f.clock.now()) {
			h.Set(name, values[0])
		}
		return h
	}
	const test = `{"event":"webhook.test","message":"a\u003cb"}`
	good := []string{"The signature is right", "X-Webhook-Signature matches the secret", "webhook-signature matches the secret", "X-Webhook-Timestamp is from the last 5 minutes"}
	bad := func(words ...string) []string { return append(words, "A receiver has to refuse this request") }
	for name, tt := range map[string]struct {
		header   http.Header
		text     string // in place of header
		change   func(h http.Header)
		body     string
		entered  string
		endpoint string // "0": none; empty: the first
		age      time.Duration
		want     []string
		lacks    string
	}{
		"right":                 {header: request(sent, secret), body: sent, want: good},
		"right, with both":      {header: request(sent, secret, old), body: sent, entered: secret.Reveal(), want: good},
		"right, entered alone":  {header: request(test, secret), body: test, entered: " " + secret.Reveal() + "\n", endpoint: "0", want: good},
		"line ends of browsers": {header: request("{\n}\n", secret), body: "{\r\n}\r\n", want: good},
		"one form": {header: request(test, secret), body: test, change: func(h http.Header) { h.Del("Webhook-Signature"); h.Del("Webhook-Timestamp") },
			want: []string{"The signature is right", "One form of signature is enough"}},
		"the other form": {header: request(test, secret), body: test, change: func(h http.Header) { h.Del("X-Webhook-Signature"); h.Del("X-Webhook-Timestamp") },
			want: []string{"The signature is right", "One form of signature is enough"}},
		"old":             {header: request(sent, secret), body: sent, age: 2 * time.Hour, want: []string{"The signature is right, but", "X-Webhook-Timestamp is 2 h old", "webhook-timestamp is 2 h old", "check your system's clock"}},
		"from the future": {header: request(sent, secret), body: sent, age: -time.Hour, want: []string{"The signature is right, but", "1 h in the future"}},

		"another secret":      {header: request(sent, webhook.GenerateSecret()), body: sent, want: bad("X-Webhook-Signature matches nothing", "was signed with another secret"), lacks: "paste its headers"},
		"nothing is known":    {header: request(test, webhook.GenerateSecret()), body: test, want: bad("webhook-signature matches nothing", "paste its headers")},
		"what was entered":    {header: request(sent, secret), body: sent, entered: "another secret", want: bad("was made with the endpoint's current secret, which is not the one you entered")},
		"the secret before":   {header: request(sent, old), body: sent, want: bad("was made with the endpoint's secret before the current one")},
		"the old one entered": {header: request(sent, secret, old), body: sent, entered: old.Reveal(), want: []string{"The signature is right, but", "X-Webhook-Signature-Previous matches your secret", "webhook-signature matches the secret"}},
		"no prefix":           {header: request(sent, secret), body: sent, entered: strings.TrimPrefix(secret.Reveal(), "whsec_"), endpoint: "0", want: bad("whsec_ belongs to the secret")},

		"anew":              {header: request(sent, secret), body: strings.ReplaceAll(sent, `":`, `": `), want: bad("matches another body", "the same JSON written anew")},
		"escapes":           {header: request(sent, secret), body: strings.ReplaceAll(sent, `\u003c`, `<`), want: bad("the same JSON written anew")},
		"anew, not kept":    {header: request(`{"a":1}`, secret), body: "{\n  \"a\": 1\n}", want: bad("the same JSON written anew")},
		"a line break more": {header: request(test, secret), body: test + "\n", want: bad("matches another body", "spaces, line breaks")},
		"a mark in front":   {header: request(test, secret), body: "\ufeff" + test, want: bad("byte order mark")},
		"a line break less": {header: request(test+"\n", secret), body: test, want: bad("line break at its end was sent, and is missing")},
		"other bytes":       {header: request(sent, secret), body: strings.Replace(sent, "Hello", "Hallo", 1), want: bad("From byte 14 on, “ello")},
		"nothing":           {header: request(sent, secret), body: "", want: bad("From byte 1 on")},

		"no timestamp": {header: request(sent, secret), body: sent, change: func(h http.Header) { h.Del("X-Webhook-Timestamp") }, want: bad("X-Webhook-Timestamp is missing", "webhook-signature matches the secret")},
		"no id":        {header: request(sent, secret), body: sent, change: func(h http.Header) { h.Del("Webhook-Id") }, want: bad("webhook-id is missing", "X-Webhook-Signature matches the secret")},
		"no signature": {header: request(sent, secret), body: sent, change: func(h http.Header) { h.Del("X-Webhook-Signature") }, want: bad("X-Webhook-Signature is missing")},
		"none at all":  {header: request(sent, secret), body: sent, change: func(h http.Header) { h.Del("X-Webhook-Signature"); h.Del("Webhook-Signature") }, want: bad("X-Webhook-Signature is missing", "webhook-signature is missing")},
		"bad timestamps": {header: request(sent, secret), body: sent, change: func(h http.Header) {
			h.Set("X-Webhook-Timestamp", "1773142200")
			h.Set("Webhook-Timestamp", "2026-03-10")
		}, want: bad("X-Webhook-Timestamp is not a time in ISO 8601", "webhook-timestamp is not a number of seconds")},
		"upper case":   {header: request(sent, secret), body: sent, change: func(h http.Header) { h.Set("X-Webhook-Signature", strings.ToUpper(h.Get("X-Webhook-Signature"))) }, want: bad("X-Webhook-Signature is not a signature: it has 64 characters")},
		"no version":   {header: request(sent, secret), body: sent, change: func(h http.Header) { h.Set("Webhook-Signature", strings.TrimPrefix(h.Get("Webhook-Signature"), "v1,")) }, want: bad("webhook-signature has no signature that begins with v1")},
		"a strange id": {header: request(sent, secret), body: sent, change: func(h http.Header) { h.Set("X-Webhook-Id", "x"); h.Set("Webhook-Id", "x") }, want: bad("X-Webhook-Signature matches the secret", "webhook-signature matches nothing")},
	} {
		t.Run(name, func(t *testing.T) {
			text := tt.text
			if tt.header != nil {
				if tt.change != nil {
					tt.change(tt.header)
				}
				text = signedLines(tt.header)
			}
			endpoint := "1"
			if tt.endpoint == "0" {
				endpoint = ""
			}
			f.clock.advance(tt.age)
			defer f.clock.advance(-tt.age)
			a := b.post("/tenants/1/verify", "endpoint", endpoint, "secret", tt.entered, "headers", text, "body", tt.body).page(200, tt.want...)
			a.lacks(secret.Reveal(), old.Reveal())
			if tt.lacks != "" {
				a.lacks(tt.lacks)
			}
		})
	}

	b.get("/tenants/1/verify?endpoint=1").page(200, "crm.example.com/hooks (Oasis)")
	lines := signedLines(request(sent, secret))
	for name, tt := range map[string]struct{ endpoint, secret, headers, want string }{
		"no secret":             {"", " ", lines, "Enter a value here"},
		"an endpoint with none": {"2", "", lines, "This endpoint has no secret"},
		"no such endpoint":      {"9", "", lines, "Choose one of those that are offered."},
		"no headers":            {"1", "", "Content-Type: application/json\nHost", "None of the signature's headers"},
	} {
		t.Run(name, func(t *testing.T) {
			b.post("/tenants/1/verify", "endpoint", tt.endpoint, "secret", tt.secret, "headers", tt.headers, "body", sent).page(422, tt.want, "Nothing was checked yet")
		})
	}
	b.get("/tenants/9/verify").page(404)
}

// Headers come as people have them.
func TestParseHeaders(t *testing.T) {
	want := map[string]string{"X-Webhook-Id": "01J", "X-Webhook-Timestamp": "2026-03-10T11:30:00+00:00", "Webhook-Signature": "v1,abc= v1,def="}
	for name, text := range map[string]string{
		"as sent":   "POST /hooks HTTP/1.1\r\nHost: x\r\nX-Webhook-Id: 01J\r\nX-Webhook-Timestamp: 2026-03-10T11:30:00+00:00\r\nwebhook-signature: v1,abc= v1,def=\r\n",
		"curl":      "curl -X POST 'https://x' \\\n  -H 'X-Webhook-Id: 01J' \\\n  -H 'X-Webhook-Timestamp: 2026-03-10T11:30:00+00:00' \\\n  -H 'webhook-signature: v1,abc= v1,def=' \\\n  --data-binary '{}'",
		"JSON":      `{"x-webhook-id":"01J","X-WEBHOOK-TIMESTAMP":["2026-03-10T11:30:00+00:00"],"webhook-signature":"v1,abc= v1,def=","n":1,"host":null}`,
		"Node":      "{\n  host: 'x',\n  'x-webhook-id': '01J',\n  'x-webhook-timestamp': '2026-03-10T11:30:00+00:00',\n  'webhook-signature': 'v1,abc= v1,def='\n}",
		"PHP":       "Array\n(\n    [HTTP_X_WEBHOOK_ID] => 01J\n    [HTTP_X_WEBHOOK_TIMESTAMP] => 2026-03-10T11:30:00+00:00\n    [HTTP_WEBHOOK_SIGNATURE] => v1,abc= v1,def=\n)",
		"Go":        "X-Webhook-Id:[01J]\nX-Webhook-Timestamp: [2026-03-10T11:30:00+00:00]\nWebhook-Signature: [v1,abc= v1,def=]",
		"variables": "HTTP_X_WEBHOOK_ID=01J\nHTTP_X_WEBHOOK_TIMESTAMP=2026-03-10T11:30:00+00:00\nHTTP_WEBHOOK_SIGNATURE=v1,abc= v1,def=",
	} {
		h := parseHeaders(text)
		got := map[string]string{}
		for name := range h {
			got[name] = h.Get(name)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if h := parseHeaders("nothing\n: x\n=\nX-Webhook-Id:"); len(h) > 0 {
		t.Errorf("%v", h)
	}
}
