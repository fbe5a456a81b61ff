package ingress

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cubeconnect/metrics"
	"cubeconnect/webhook"
)

// compactBody returns a body as it is on the wire: without white space.
func compactBody(t testing.TB, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, read(t, name)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var benchmarkBodies = []struct{ name, file string }{
	{"text", "payloads/message-text.json"},
	{"escaped", "payloads/message-text-escaped-unicode.json"},
	{"image", "payloads/message-image.json"},
	{"failed", "payloads/status-failed-131047.json"},
	{"template", "payloads/template-rejected.json"},
	{"batch120", "payloads/batch-120-statuses.json"},
}

func BenchmarkParse(b *testing.B) {
	for _, bench := range benchmarkBodies {
		b.Run(bench.name, func(b *testing.B) {
			body := compactBody(b, bench.file)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				Parse(body, arrival, riyadh)
			}
		})
	}
}

func BenchmarkValid(b *testing.B) {
	body := compactBody(b, "payloads/message-text.json")
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		json.Valid(body)
	}
}

// BenchmarkReceive is the whole way of a webhook but the network and the disk.
func BenchmarkReceive(b *testing.B) {
	h := New(Options{
		Directory: riyadh,
		Acceptor:  acceptorFunc(func(context.Context, *webhook.Inbound) (webhook.AuditOutcome, error) { return webhook.Accepted, nil }),
		Activity:  &unaudited{},
		Metrics:   metrics.NewIngress(prometheus.NewRegistry()),
		Log:       slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now:       time.Now,
		Config:    Config{AppSecrets: []webhook.Secret{webhook.NewSecret("secret")}},
	})
	body := compactBody(b, "payloads/message-text.json")
	signature := signatureOf("secret", body)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header[signatureHeader] = []string{signature}
		w := httptest.NewRecorder()
		h.Receive(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
