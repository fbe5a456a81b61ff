package certificate_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cubeconnect/certificate"
	"cubeconnect/metrics"
)

// world is what a test sees of what it opens: the clock, the log, the metrics.
type world struct {
	t    *testing.T
	time time.Time
	log  bytes.Buffer
	reg  *prometheus.Registry
}

func newWorld(t *testing.T) (*world, certificate.Options) {
	w := &world{t: t, time: time.Now(), reg: prometheus.NewRegistry()}
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	return w, certificate.Options{Log: log, Metrics: metrics.NewCertificates(w.reg), Now: func() time.Time { return w.time }}
}

// pass lets time pass until files are looked at again.
func (w *world) pass() { w.time = w.time.Add(10 * time.Second) }

// updates checks how often something was read again, and how often that failed.
func (w *world) updates(source string, succeeded, failed float64) {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	want := map[string]float64{metrics.UpdateSucceeded: succeeded, metrics.UpdateFailed: failed}
	for _, f := range families {
		for _, m := range f.Metric {
			labels := map[string]string{}
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			if n, ok := want[labels["result"]]; ok && labels["source"] == source && m.Counter.GetValue() != n {
				w.t.Errorf("%s %s: %v, want %v", source, labels["result"], m.Counter.GetValue(), n)
			}
		}
	}
}

// logged checks how many lines of the log have some words.
func (w *world) logged(words string, want int) {
	w.t.Helper()
	if got := strings.Count(w.log.String(), words); got != want {
		w.t.Errorf("%d lines say %q, want %d:\n%s", got, words, want, w.log.String())
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
