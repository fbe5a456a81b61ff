package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cubeconnect/config"
	"cubeconnect/webhook"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	a := start(t)
	const yes = "hub.mode=subscribe&hub.verify_token=" + verifyToken
	for _, c := range []struct {
		name, query string
		status      int
		body        string
	}{
		{"OK", yes + "&hub.challenge=1158201444", 200, "1158201444"},
		{"text", yes + "&hub.challenge=" + url.QueryEscape("a b+c<é>"), 200, "a b+c<é>"},
		{"leading zeros", yes + "&hub.challenge=000", 200, "000"},
		{"other order, more parameters", "x=1&hub.challenge=7&" + yes, 200, "7"},
		{"other mode", "hub.mode=unsubscribe&hub.verify_token=" + verifyToken + "&hub.challenge=1", 403, ""},
		{"wrong token", "hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1", 403, ""},
		{"token with more behind", yes + "x&hub.challenge=1", 403, ""},
		{"part of the token", "hub.mode=subscribe&hub.verify_token=the&hub.challenge=1", 403, ""},
		{"other case", "hub.mode=subscribe&hub.verify_token=" + strings.ToUpper(verifyToken) + "&hub.challenge=1", 403, ""},
		{"no mode", "hub.verify_token=" + verifyToken + "&hub.challenge=1", 400, ""},
		{"no token", "hub.mode=subscribe&hub.challenge=1", 400, ""},
		{"no challenge", yes, 400, ""},
		{"nothing", "", 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := a.request("GET", a.public+webhookPath+"?"+c.query, nil)
			if r.status != c.status {
				t.Fatalf("%d %s, want %d", r.status, r.raw, c.status)
			}
			if c.status != 200 {
				if bytes.Contains(r.raw, []byte(verifyToken)) {
					t.Errorf("the token is in the answer: %s", r.raw)
				}
				return
			}
			if string(r.raw) != c.body {
				t.Errorf("body %q, want %q", r.raw, c.body)
			}
			if got := r.header.Get("Content-Type"); got != "text/plain" && !strings.HasPrefix(got, "text/plain;") {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
	if got := a.list("/audit"); len(got) != 0 {
		t.Errorf("handshakes are in the audit log: %v", got)
	}
}

func TestWithoutSecretsEveryWebhookIsRefused(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *config.Config) { c.Meta.AppSecrets, c.Meta.VerifyToken = nil, webhook.Secret{} })
	b := body(t, "message-text")
	for _, secret := range []string{appSecret, ""} {
		if r := a.request("POST", a.public+webhookPath, b, "X-Hub-Signature-256", hub(secret, b)); r.status != 401 {
			t.Errorf("secret %q: %d", secret, r.status)
		}
	}
	for _, token := range []string{verifyToken, ""} {
		if r := a.request("GET", a.public+webhookPath+"?hub.mode=subscribe&hub.challenge=1&hub.verify_token="+token, nil); r.status == 200 {
			t.Errorf("token %q: %d", token, r.status)
		}
	}
	if r := a.request("GET", a.public+"/api/health", nil); r.status != 200 {
		t.Errorf("health: %d", r.status)
	}
}

func TestSignature(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := body(t, "message-text-escaped-unicode")
	good := hub(appSecret, b)
	const name = "X-Hub-Signature-256"
	for _, c := range []struct {
		name   string
		header []string
		status int
	}{
		{"OK", []string{name, good}, 200},
		{"another app's secret", []string{name, hub(otherSecret, b)}, 200},
		{"header in lower case", []string{strings.ToLower(name), good}, 200},
		{"legacy header beside it", []string{name, good, "X-Hub-Signature", "sha1=930aedd62c055ac949e68a6dd2fada5813a93c85"}, 200},
		{"missing", nil, 401},
		{"empty", []string{name, ""}, 401},
		{"legacy header only", []string{"X-Hub-Signature", "sha1=930aedd62c055ac949e68a6dd2fada5813a93c85"}, 401},
		{"another secret", []string{name, hub("guess", b)}, 401},
		{"empty secret", []string{name, hub("", b)}, 401},
		{"another body", []string{name, hub(appSecret, append(bytes.Clone(b), ' '))}, 401},
		{"decoded body", []string{name, hub(appSecret, reencoded(t, b))}, 401},
		{"no prefix", []string{name, strings.TrimPrefix(good, "sha256=")}, 401},
		{"other prefix", []string{name, strings.Replace(good, "sha256=", "sha1=", 1)}, 401},
		{"prefix only", []string{name, "sha256="}, 401},
		{"too short", []string{name, good[:len(good)-1]}, 401},
		{"half", []string{name, good[:len(good)-32]}, 401},
		{"too long", []string{name, good + "0"}, 401},
		{"no hex", []string{name, "sha256=" + strings.Repeat("zz", 32)}, 401},
		{"two headers, good one first", []string{name, good, name, hub("guess", b)}, 401},
		{"two headers, good one last", []string{name, hub("guess", b), name, good}, 401},
		{"two in one", []string{name, good + ", " + good}, 401},
		{"very long", []string{name, "sha256=" + strings.Repeat("0", 10_000)}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := a.request("POST", a.public+webhookPath, b, c.header...); r.status != c.status {
				t.Errorf("%d %s, want %d", r.status, r.raw, c.status)
			}
		})
	}
	// Of what was refused nothing is kept but a count.
	if got := len(a.all("/audit")); got != 4 {
		t.Errorf("%d audit records, want 4", got)
	}
	if got := a.metrics().value(`cubeconnect_inbound_requests_total{outcome="bad_signature"}`); got != 18 {
		t.Errorf("%v refused on the metric, want 18", got)
	}
}

// reencoded is what a receiver makes of a body when it decodes it before it checks the signature.
func reencoded(t *testing.T, b []byte) []byte {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Hex digits in upper case say the same; whichever way it is, it is a clear answer.
func TestSignatureInUpperCase(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := body(t, "message-text")
	r := a.request("POST", a.public+webhookPath, b, "X-Hub-Signature-256", "sha256="+strings.ToUpper(hub(appSecret, b)[7:]))
	if r.status != 200 {
		t.Errorf("upper-case digits: %d", r.status)
	}
	if r := a.request("POST", a.public+webhookPath, b, "X-Hub-Signature-256", "SHA256="+hub(appSecret, b)[7:]); r.status != 401 {
		t.Errorf("upper-case prefix: %d", r.status)
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	const limit = 2000
	a := start(t, func(c *config.Config) { c.Meta.MaxBody = limit })
	for _, c := range []struct {
		name   string
		size   int
		status int
	}{
		{"at the limit", limit, 200},
		{"one more", limit + 1, 413},
		{"much more", 100 * limit, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Repeat([]byte(" "), c.size)
			copy(b, "{}")
			if r := a.post(b); r.status != c.status {
				t.Errorf("%d, want %d", r.status, c.status)
			}
			// Without a length in the header the end shows when it is there.
			if got := a.chunked(b); got != c.status {
				t.Errorf("chunked: %d, want %d", got, c.status)
			}
			// Signed or not, it is not read.
			if r := a.request("POST", a.public+webhookPath, b, "X-Hub-Signature-256", hub("guess", b)); c.status == 413 && r.status != 413 {
				t.Errorf("unsigned: %d, want 413", r.status)
			}
		})
	}
	if got := len(a.all("/audit")); got != 2 {
		t.Errorf("%d audit records, want 2", got)
	}
}

// chunked posts a signed body without its length.
func (a *appliance) chunked(b []byte) (status int) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), "POST", a.public+webhookPath, io.MultiReader(bytes.NewReader(b)))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", hub(appSecret, b))
	resp, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
