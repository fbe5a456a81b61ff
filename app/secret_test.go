package app_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// signedWith checks a request as a receiver does that knows the documentation only.
func signedWith(t *testing.T, secret string, d *delivered) {
	t.Helper()
	h := d.header
	timestamp, id := h.Get("X-Webhook-Timestamp"), h.Get("X-Webhook-Id")
	if want := hex.EncodeToString(mac([]byte(secret), timestamp+"."+string(d.body))); h.Get("X-Webhook-Signature") != want {
		t.Errorf("X-Webhook-Signature %q, want %q", h.Get("X-Webhook-Signature"), want)
	}
	key := []byte(secret)
	if rest, ok := strings.CutPrefix(secret, "whsec_"); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(rest); err != nil {
			t.Fatal(err)
		}
	}
	want := "v1," + base64.StdEncoding.EncodeToString(mac(key, h.Get("webhook-id")+"."+h.Get("webhook-timestamp")+"."+string(d.body)))
	if all := strings.Fields(h.Get("webhook-signature")); !slices.Contains(all, want) { // during a rotation there are two
		t.Errorf("webhook-signature %q, want %q", all, want)
	}
	if h.Get("webhook-id") != id {
		t.Errorf("webhook-id %q, X-Webhook-Id %q", h.Get("webhook-id"), id)
	}
}

// wellFormed checks what every request has, signed or not.
func wellFormed(t *testing.T, d *delivered) {
	t.Helper()
	for name, want := range map[string]string{
		"User-Agent": "CubeConnect-Webhook/1.0", "Content-Type": "application/json", "Accept": "application/json",
		"Content-Length": strconv.Itoa(len(d.body)),
	} {
		if got := d.header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	if d.method != "POST" || d.path != "/hooks" {
		t.Errorf("%s %s", d.method, d.path)
	}
	if !ulidForm.MatchString(d.id()) {
		t.Errorf("X-Webhook-Id %q", d.id())
	}
	timestamp := d.header.Get("X-Webhook-Timestamp")
	at, err := time.Parse("2006-01-02T15:04:05-07:00", timestamp)
	if err != nil || d.at.Sub(at) > patience || at.Sub(d.at) > 2*time.Second {
		t.Errorf("X-Webhook-Timestamp %q at %s", timestamp, d.at)
	}
	if got := d.header.Get("webhook-timestamp"); got != strconv.FormatInt(at.Unix(), 10) {
		t.Errorf("webhook-timestamp %q beside %q", got, timestamp)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	count := 0
	next := func() *delivered {
		t.Helper()
		count++
		n.campaign(fmt.Sprint(count))
		got := r.wait(count)[count-1]
		wellFormed(t, &got)
		return &got
	}
	unsigned := func(when string) {
		t.Helper()
		d := next()
		for _, name := range []string{"X-Webhook-Signature", "webhook-signature", "X-Webhook-Signature-Previous"} {
			if v, there := d.header[http.CanonicalHeaderKey(name)]; there {
				t.Errorf("%s: %s %q", when, name, v)
			}
		}
	}
	unsigned("without a secret")
	says(t, "the endpoint", e.get(), object{"has_secret": false})

	generated := e.newSecret()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(generated, "whsec_"))
	if !strings.HasPrefix(generated, "whsec_") || err != nil || len(key) != 32 {
		t.Errorf("generated %q: %v, %d bytes", generated, err, len(key))
	}
	says(t, "the endpoint", e.get(), object{"has_secret": true})
	signedWith(t, generated, next())
	again := e.newSecret()
	if again == generated {
		t.Error("the second secret is the first one")
	}
	a.restart()
	d := next() // both sign, so that the receiver can be changed at leisure; a restart changes nothing
	signedWith(t, again, d)
	before := *d
	before.header = d.header.Clone()
	before.header.Set("X-Webhook-Signature", d.header.Get("X-Webhook-Signature-Previous"))
	signedWith(t, generated, &before)
	if d.header.Get("X-Webhook-Signature-Previous") != hex.EncodeToString(mac([]byte(generated), d.header.Get("X-Webhook-Timestamp")+"."+string(d.body))) {
		t.Errorf("X-Webhook-Signature-Previous %q", d.header.Get("X-Webhook-Signature-Previous"))
	}
	if both := strings.Fields(d.header.Get("webhook-signature")); len(both) != 2 {
		t.Errorf("webhook-signature %q", both)
	}
	if ends, err := time.Parse(time.RFC3339, fmt.Sprint(e.get()["old_secret_ends_at"])); err != nil || time.Until(ends) > 24*time.Hour || time.Until(ends) < 24*time.Hour-patience {
		t.Errorf("the old one signs until %s (%v)", ends, err)
	}
	leaked := a.call("POST", e.path+"/secret", object{"overlap": "0s"}).ok(200)
	says(t, "the answer", leaked, object{"old_secret_ends_at": nil})
	d = next()
	signedWith(t, leaked["secret"].(string), d)
	if _, there := d.header["X-Webhook-Signature-Previous"]; there || len(strings.Fields(d.header.Get("webhook-signature"))) != 1 {
		t.Error("a secret that leaked still signs")
	}
	for _, bad := range []any{"-1s", "31d", "soon", true} {
		a.call("POST", e.path+"/secret", object{"overlap": bad}).invalid("overlap")
	}

	for _, own := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a secret of our own", "12345678"} {
		got := a.call("POST", e.path+"/secret", object{"secret": own}).ok(200)
		says(t, "the answer", got, object{"secret": own})
		signedWith(t, own, next())
	}
	for _, bad := range []any{"short", "whsec_not base64!", "tab\tinside", strings.Repeat("x", 10_000), 12345678, nil, []string{"x"}} {
		a.call("POST", e.path+"/secret", object{"secret": bad}).invalid("secret")
	}
	a.call("POST", e.path+"/secret", object{"secrets": "misspelt"}).refused(422, "VALIDATION_ERROR")
	signedWith(t, "12345678", next())

	says(t, "the answer", a.call("POST", e.path+"/secret", object{"secret": ""}).ok(200), object{"secret": ""})
	unsigned("after its removal")
	says(t, "the endpoint", e.get(), object{"has_secret": false})
	if raw := a.call("GET", e.path, nil).raw; bytes.Contains(raw, []byte("12345678")) || bytes.Contains(raw, []byte("whsec_")) {
		t.Errorf("the endpoint shows a secret: %s", raw)
	}
}
