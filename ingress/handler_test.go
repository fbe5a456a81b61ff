package ingress

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cubeconnect/metrics"
	"cubeconnect/webhook"
)

const (
	testToken  = "verify-token-that-must-not-print"
	testSecret = "fixture-app-secret-1"
)

// bench is a Handler with everything around it in view.
type bench struct {
	*Handler
	t   *testing.T
	reg *prometheus.Registry
	log *logBuffer

	mu       sync.Mutex
	now      time.Time
	accepted []webhook.Inbound // bodies copied
	err      error
	outcome  webhook.AuditOutcome

	unaudited unaudited
}

// unaudited counts what leads to no audit record.
type unaudited struct{ unsigned, handshakes atomic.Int64 }

func (c *unaudited) CountUnsigned()  { c.unsigned.Add(1) }
func (c *unaudited) CountHandshake() { c.handshakes.Add(1) }

func newBench(t *testing.T, c Config) *bench {
	t.Helper()
	b := &bench{t: t, reg: prometheus.NewRegistry(), log: &logBuffer{}, now: arrival, outcome: webhook.Accepted}
	b.Handler = New(Options{
		Directory: riyadh,
		Acceptor:  b,
		Activity:  &b.unaudited,
		Metrics:   metrics.NewIngress(b.reg),
		Log:       slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:       b.clock,
		Config:    c,
	})
	t.Cleanup(func() {
		for _, secret := range []string{testToken, testSecret} {
			if strings.Contains(b.log.String(), secret) {
				t.Errorf("a secret is in the log: %s", b.log)
			}
		}
	})
	return b
}

func withSecrets(secrets ...string) (c Config) {
	c.VerifyToken = webhook.NewSecret(testToken)
	for _, s := range secrets {
		c.AppSecrets = append(c.AppSecrets, webhook.NewSecret(s))
	}
	return c
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) Accept(_ context.Context, in *webhook.Inbound) (webhook.AuditOutcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return "", b.err
	}
	kept := *in
	kept.Body = bytes.Clone(in.Body) // lent
	b.accepted = append(b.accepted, kept)
	return b.outcome, nil
}

// post sends a body with headers as name, value, name, value.
func (b *bench) post(body []byte, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/webhooks/whatsapp", bytes.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return b.do(r)
}

func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.Receive(w, r)
	return w
}

// counted returns the outcomes that were counted.
func (b *bench) counted() map[string]float64 {
	b.t.Helper()
	families, err := b.reg.Gather()
	if err != nil {
		b.t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, m := range family.Metric {
			if c := m.GetCounter(); c != nil && c.GetValue() > 0 {
				found[m.Label[0].GetValue()] = c.GetValue()
			}
			if h := m.GetHistogram(); h != nil {
				found["duration"] = float64(h.GetSampleCount())
			}
		}
	}
	return found
}

// wantRefusal checks an error's form.
func wantRefusal(t *testing.T, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var body struct {
		Success *bool
		Error   struct {
			Code, Message string
			Details       map[string][]string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || body.Success == nil || *body.Success || body.Error.Code != code || body.Error.Message == "" || body.Error.Details == nil {
		t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, code)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options %q", got)
	}
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns the records of a level and above debug.
func (l *logBuffer) lines(level string) (found []map[string]any) {
	for line := range strings.Lines(l.String()) {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) == nil && record["level"] == level {
			found = append(found, record)
		}
	}
	return found
}
