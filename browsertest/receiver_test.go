package browsertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// received is a request that a tenant's system got.
type received struct {
	header http.Header
	body   []byte
}

// receiver is a tenant's system. With secrets it refuses with 401 what is not signed with one of them, in
// both forms.
type receiver struct {
	t   *testing.T
	url string

	mu      sync.Mutex
	secrets []string
	status  int // that it answers to what is good
	got     []received
}

// receive starts a tenant's system. It ends with the test.
func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, status: http.StatusOK}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.url = s.URL + "/hooks"
	return r
}

// trust makes these the secrets that count.
func (r *receiver) trust(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = secrets
}

// answers sets what it answers from now on.
func (r *receiver) answers(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the other side went away
	}
	got := received{req.Header.Clone(), body}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, got)
	for _, s := range r.secrets {
		if !got.signedWith(s) {
			http.Error(w, "the signature is wrong", http.StatusUnauthorized)
			return
		}
	}
	w.WriteHeader(r.status)
	fmt.Fprintf(w, `{"taken":%t}`, r.status == http.StatusOK)
}

// wait waits until at least n requests came in, and returns all.
func (r *receiver) wait(n int) (got []received) {
	r.t.Helper()
	eventually(r.t, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if got = r.got; len(got) < n {
			return fmt.Errorf("%d requests came in, want %d", len(got), n)
		}
		return nil
	})
	return got
}

// signedWith reports whether a secret has made signatures of both forms, be it as the one before.
func (d *received) signedWith(secret string) bool {
	own := hexMAC([]byte(secret), d.header.Get("X-Webhook-Timestamp")+".", d.body)
	if own != d.header.Get("X-Webhook-Signature") && own != d.header.Get("X-Webhook-Signature-Previous") {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	standard := "v1," + base64.StdEncoding.EncodeToString(mac(key, d.header.Get("webhook-id")+"."+d.header.Get("webhook-timestamp")+".", d.body))
	for _, s := range strings.Fields(d.header.Get("webhook-signature")) {
		if s == standard {
			return true
		}
	}
	return false
}

func hexMAC(key []byte, head string, body []byte) string {
	return hex.EncodeToString(mac(key, head, body))
}

func mac(key []byte, head string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	io.WriteString(m, head)
	m.Write(body)
	return m.Sum(nil)
}
