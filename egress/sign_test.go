package egress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// The example of the Standard Webhooks specification.
func TestStandardSignature(t *testing.T) {
	k := newSigner(testSecret)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	for range 2 {
		if got := k.standard("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`)); got != want {
			t.Errorf("signature %s, want %s", got, want)
		}
	}
}

func TestSignature(t *testing.T) {
	const timestamp, body = "2026-03-10T11:30:00+00:00", `{"event":"webhook.test"}`
	for _, secret := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64!", "s", strings.Repeat("long", 100)} {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(timestamp + "." + body))
		want := hex.EncodeToString(mac.Sum(nil))
		k := newSigner(webhook.NewSecret(secret))
		for range 2 {
			if got := k.signature(timestamp, []byte(body)); got != want {
				t.Errorf("signature %s, want %s", got, want)
			}
		}
	}
}

func signed(c *Client, at time.Time, body string, secret webhook.Secret, previous ...webhook.Secret) http.Header {
	h := http.Header{}
	s := newStamp(webhook.IDAt(at), at)
	h.Set(headerTimestamp, s.timestamp)
	h.Set(headerStandardID, s.id)
	h.Set(headerStandardTimestamp, s.unix)
	c.sign(h.Set, s, []byte(body), secret, previous...)
	return h
}

// While a secret is being replaced, receivers with either one verify.
func TestRotation(t *testing.T) {
	c := newTestClient(t)
	old, fresh := webhook.GenerateSecret(), webhook.GenerateSecret()
	h := signed(c, noon, testBody, fresh, old)
	if n := len(strings.Fields(h.Get(headerStandardSignature))); n != 2 {
		t.Errorf("%d signatures in %q", n, h.Get(headerStandardSignature))
	}
	if h.Get(headerSignature) != signed(c, noon, testBody, fresh).Get(headerSignature) ||
		h.Get(headerPreviousSignature) != signed(c, noon, testBody, old).Get(headerSignature) {
		t.Error("the signatures are not the new and the old secret's")
	}
	for name, secret := range map[string]webhook.Secret{"new": fresh, "old": old} {
		if err := Verify(secret, h, []byte(testBody), noon, time.Minute); err != nil {
			t.Errorf("%s secret: %v", name, err)
		}
	}
	if err := Verify(webhook.GenerateSecret(), h, []byte(testBody), noon, time.Minute); err == nil {
		t.Error("another secret verifies")
	}
}

// Each signature is looked at for itself.
func TestMatch(t *testing.T) {
	c := newTestClient(t)
	old, fresh := webhook.GenerateSecret(), webhook.GenerateSecret()
	both := func() http.Header { return signed(c, noon, testBody, fresh, old) }
	for name, tt := range map[string]struct {
		secret webhook.Secret
		change func(h http.Header)
		body   string
		want   [3]bool // own, previous, standard
	}{
		"new":            {secret: fresh, want: [3]bool{true, false, true}},
		"old":            {secret: old, want: [3]bool{false, true, true}},
		"another":        {secret: testSecret},
		"none":           {},
		"another body":   {secret: fresh, body: testBody + "\n"},
		"own form alone": {secret: fresh, change: func(h http.Header) { h.Del(headerStandardSignature) }, want: [3]bool{true, false, false}},
		"another id":     {secret: fresh, change: func(h http.Header) { h.Set(headerStandardID, "x") }, want: [3]bool{true, false, false}},
		"another time":   {secret: old, change: func(h http.Header) { h.Set(headerTimestamp, "x") }, want: [3]bool{false, false, true}},
		"no headers": {secret: fresh, change: func(h http.Header) {
			for name := range h {
				h.Del(name)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h, body := both(), testBody
			if tt.change != nil {
				tt.change(h)
			}
			if tt.body != "" {
				body = tt.body
			}
			own, previous, standard := Match(tt.secret, h, []byte(body))
			if got := [3]bool{own, previous, standard}; got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestSignersAreShared(t *testing.T) {
	c := newTestClient(t)
	want := signed(c, noon, testBody, testSecret)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				got := signed(c, noon, testBody, testSecret)
				if got.Get(headerSignature) != want.Get(headerSignature) || got.Get(headerStandardSignature) != want.Get(headerStandardSignature) {
					t.Error("signatures differ")
				}
			}
		})
	}
	all.Wait()
}

func TestVerify(t *testing.T) {
	c := newTestClient(t)
	for name, tt := range map[string]struct {
		change func(h http.Header)
		secret webhook.Secret
		body   string
		age    time.Duration
		want   string // part of the error; empty: it verifies
	}{
		"as sent":               {},
		"at the edge":           {age: 5 * time.Minute},
		"own form only":         {change: func(h http.Header) { h.Del(headerStandardSignature) }},
		"standard form only":    {change: func(h http.Header) { h.Del(headerSignature); h.Del(headerTimestamp) }},
		"another offset's text": {change: func(h http.Header) { h.Set(headerTimestamp, "2026-03-10T15:00:00+03:00") }, want: "X-Webhook-Signature does not match"},
		"other versions beside": {change: func(h http.Header) {
			h.Set(headerStandardSignature, "v1a,abc  v2,def "+h.Get(headerStandardSignature)+" junk")
		}},
		"no secret":                     {secret: webhook.NewSecret(""), want: "no secret"},
		"another secret":                {secret: webhook.NewSecret("another"), want: "X-Webhook-Signature does not match"},
		"another body":                  {body: testBody + " ", want: "X-Webhook-Signature does not match"},
		"nothing signed":                {change: func(h http.Header) { h.Del(headerSignature); h.Del(headerStandardSignature) }, want: "are missing"},
		"no timestamp":                  {change: func(h http.Header) { h.Del(headerTimestamp) }, want: "X-Webhook-Timestamp is missing"},
		"bad timestamp":                 {change: func(h http.Header) { h.Set(headerTimestamp, "yesterday") }, want: "X-Webhook-Timestamp is not a time"},
		"no standard id":                {change: func(h http.Header) { h.Del(headerStandardID) }, want: "webhook-id is missing"},
		"another standard id":           {change: func(h http.Header) { h.Set(headerStandardID, "x") }, want: "webhook-signature does not match"},
		"no standard timestamp":         {change: func(h http.Header) { h.Del(headerStandardTimestamp) }, want: "webhook-timestamp is missing"},
		"bad standard timestamp":        {change: func(h http.Header) { h.Set(headerStandardTimestamp, "1e9") }, want: "webhook-timestamp is not a number"},
		"far standard timestamp":        {change: func(h http.Header) { h.Set(headerStandardTimestamp, "253402300799") }, want: "webhook-timestamp is in the future: by 2562"},
		"old standard timestamp":        {change: func(h http.Header) { h.Set(headerStandardTimestamp, "0") }, want: "webhook-timestamp is too old: by 4925"},
		"no standard timestamp's value": {change: func(h http.Header) { h.Set(headerStandardTimestamp, "9223372036854775807") }, want: "webhook-timestamp is not a number"},
		"negative standard timestamp":   {change: func(h http.Header) { h.Set(headerStandardTimestamp, "-1") }, want: "webhook-timestamp is not a number"},
		"bad standard signature":        {change: func(h http.Header) { h.Set(headerStandardSignature, "v1,AAAA") }, want: "webhook-signature does not match"},
		"upper-case hex": {change: func(h http.Header) {
			h.Set(headerSignature, strings.ToUpper(h.Get(headerSignature)))
		}, want: "X-Webhook-Signature does not match"},
		"too old":       {age: 5*time.Minute + time.Second, want: "X-Webhook-Timestamp is too old: by 1s"},
		"in the future": {age: -6 * time.Minute, want: "X-Webhook-Timestamp is in the future: by 1m0s"},
		"own form right, standard wrong": {change: func(h http.Header) {
			h.Set(headerStandardTimestamp, "1773144001")
		}, want: "webhook-signature does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			h := signed(c, noon, testBody, testSecret)
			if tt.change != nil {
				tt.change(h)
			}
			secret, body := testSecret, testBody
			if name == "no secret" || !tt.secret.IsZero() {
				secret = tt.secret
			}
			if tt.body != "" {
				body = tt.body
			}
			err := Verify(secret, h, []byte(body), noon.Add(tt.age), 5*time.Minute)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %s", err, tt.want)
			case err != nil && (strings.Contains(err.Error(), testSecret.Reveal()) || strings.Contains(err.Error(), signed(c, noon, testBody, testSecret).Get(headerSignature))):
				t.Errorf("error gives away a secret or a signature: %v", err)
			}
		})
	}
}

func TestForbiddenHeader(t *testing.T) {
	for _, name := range []string{
		"User-Agent", "user-agent", "CONTENT-TYPE", "Accept", "Host", "Content-Length", "Content-Encoding", "Connection", "Keep-Alive",
		"Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
		"X-Webhook-Id", "x-webhook-signature", "X-Webhook-Signature-Previous", "X-WEBHOOK-TIMESTAMP", "X-Webhook-Future", "webhook-id",
		"Webhook-Timestamp", "WEBHOOK-SIGNATURE", "Idempotency-Key", "X-Idempotency-Key",
		"", "a b", "a:b", "a\r\nb", "ä", ":path", "a\x00",
	} {
		if !ForbiddenHeader(name) {
			t.Errorf("%q is allowed", name)
		}
	}
	for _, name := range []string{"Authorization", "X-Api-Key", "X-Webhook", "Webhook", "Cookie", "Accept-Language", "X-Team", "!#$%&'*+-.^_`|~09azAZ"} {
		if ForbiddenHeader(name) {
			t.Errorf("%q is forbidden", name)
		}
	}
}

func TestValidHeaderValue(t *testing.T) {
	for _, value := range []string{"", "Bearer abc", "a\tb", "ä", "\xff"} {
		if !ValidHeaderValue(value) {
			t.Errorf("%q is invalid", value)
		}
	}
	for _, value := range []string{"a\nb", "a\rb", "\x00", "\x7f", "\x1b[0m"} {
		if ValidHeaderValue(value) {
			t.Errorf("%q is valid", value)
		}
	}
}
