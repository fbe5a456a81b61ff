// Package metrics holds every collector of the program: its name, help and labels.
//
// Each consumer gets a struct of its own, made on a Registerer. Labels come from closed sets and each of
// their series starts at zero, so that a rate is right from the first event on. Nothing here is read
// back by the program. Histograms are native, with classic buckets beside them for scrapers that don't
// read native ones.
package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"cubeconnect/webhook"
)

const namespace = "cubeconnect"

// seconds are the classic bounds of every duration: from a fast commit to a full delivery timeout.
var seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	})
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

// NewRegistry returns a registry with the Go runtime's, the process's and the build's collectors.
func NewRegistry(version, commit string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; its labels say what is running.",
		ConstLabels: prometheus.Labels{"version": version, "commit": commit, "goversion": runtime.Version()},
	})
	build.Set(1)
	reg.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Results of an inbound request beside those of [webhook.AuditOutcomes].
const (
	InboundBadSignature = "bad_signature"
	InboundNotMeta      = "bad_client_certificate"
	InboundTooLarge     = "too_large"
	InboundBadRequest   = "bad_request"
	InboundUnavailable  = "unavailable"
)

// Why the public listener turned somebody away.
const (
	LimitedConnects    = "connects"    // an address that connects too often
	LimitedConnections = "connections" // an address with too many connections: its oldest went
	LimitedAll         = "all"         // too many connections altogether: the oldest stranger's, or the new one, went
	LimitedRequests    = "requests"    // an address with too many requests that nobody signed
	LimitedMemory      = "memory"      // a body, where those of strangers take too much already
)

// Ingress counts what Meta sends, and what others do.
type Ingress struct {
	Requests    *prometheus.CounterVec // outcome
	Duration    prometheus.Histogram
	Connections prometheus.Gauge
	Limited     *prometheus.CounterVec // reason
}

// NewIngress registers the collectors of ingress.
func NewIngress(reg prometheus.Registerer) *Ingress {
	m := &Ingress{
		Requests: counter("inbound_requests_total", "Webhook POSTs by what became of them.", "outcome"),
		Duration: histogram("inbound_duration_seconds", "Time from the first byte of a webhook POST's header to its answer.", seconds),
		Connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "public_connections", Help: "Connections that the public listener has open.",
		}),
		Limited: counter("public_limited_total", "Connections closed and requests refused at the public listener for being too many.", "reason"),
	}
	for _, r := range []string{LimitedConnects, LimitedConnections, LimitedAll, LimitedRequests, LimitedMemory} {
		m.Limited.WithLabelValues(r)
	}
	for _, o := range webhook.AuditOutcomes {
		m.Requests.WithLabelValues(string(o))
	}
	for _, o := range []string{InboundBadSignature, InboundNotMeta, InboundTooLarge, InboundBadRequest, InboundUnavailable} {
		m.Requests.WithLabelValues(o)
	}
	reg.MustRegister(m.Requests, m.Duration, m.Connections, m.Limited)
	return m
}

// Store counts what is committed.
type Store struct {
	Events         *prometheus.CounterVec // event
	CommitDuration prometheus.Histogram
	CommitBatch    prometheus.Histogram
	FlushDuration  prometheus.Histogram
}

// NewStore registers the collectors of the store.
func NewStore(reg prometheus.Registerer) *Store {
	m := &Store{
		Events:         counter("events_total", "Events stored.", "event"),
		CommitDuration: histogram("store_commit_duration_seconds", "Time of one commit to the write-ahead log, its sync included.", seconds),
		CommitBatch:    histogram("store_commit_batch_size", "Write steps that shared one commit.", prometheus.ExponentialBuckets(1, 2, 11)),
		FlushDuration:  histogram("store_flush_duration_seconds", "Time to move what has gathered in the write-ahead log into the database file.", seconds),
	}
	for _, e := range webhook.EventTypes {
		m.Events.WithLabelValues(e)
	}
	reg.MustRegister(m.Events, m.CommitDuration, m.CommitBatch, m.FlushDuration)
	return m
}

// Queue counts deliveries and their attempts.
type Queue struct {
	Deliveries      *prometheus.CounterVec // event, result: succeeded, failed
	Attempts        *prometheus.CounterVec // result: success, or an error class
	AttemptDuration prometheus.Histogram
	EndToEnd        prometheus.Histogram
}

// NewQueue registers the collectors of the queue.
func NewQueue(reg prometheus.Registerer) *Queue {
	m := &Queue{
		Deliveries:      counter("deliveries_total", "Deliveries that ended; a failed one is a dead letter.", "event", "result"),
		Attempts:        counter("delivery_attempts_total", "Delivery attempts by result: success or a class of error.", "result"),
		AttemptDuration: histogram("delivery_attempt_duration_seconds", "Time of one delivery attempt.", seconds),
		EndToEnd:        histogram("delivery_end_to_end_seconds", "Time from an event's arrival to its successful delivery.", append(seconds[:len(seconds):len(seconds)], 30, 60, 300, 3600)),
	}
	for _, e := range webhook.EventTypes {
		m.Deliveries.WithLabelValues(e, webhook.Succeeded.String())
		m.Deliveries.WithLabelValues(e, webhook.Failed.String())
	}
	m.Attempts.WithLabelValues("success")
	for _, c := range webhook.ErrorClasses {
		m.Attempts.WithLabelValues(string(c))
	}
	reg.MustRegister(m.Deliveries, m.Attempts, m.AttemptDuration, m.EndToEnd)
	return m
}
