package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Where certificates come from, as labels of [Certificates].Updates.
const (
	FromFiles    = "files"
	FromACME     = "acme"
	FromClientCA = "meta_client_ca"
)

// What became of an update.
const (
	UpdateSucceeded = "succeeded"
	UpdateFailed    = "failed"
)

// Certificates counts what keeps certificates up to date.
type Certificates struct {
	Updates *prometheus.CounterVec // source, result
}

// NewCertificates registers the collectors of certificates.
func NewCertificates(reg prometheus.Registerer) *Certificates {
	m := &Certificates{
		Updates: counter("certificate_updates_total", "Certificates obtained from the authority, or read again from files, by result.", "source", "result"),
	}
	for _, source := range []string{FromFiles, FromACME, FromClientCA} {
		m.Updates.WithLabelValues(source, UpdateSucceeded)
		m.Updates.WithLabelValues(source, UpdateFailed)
	}
	reg.MustRegister(m.Updates)
	return m
}

// What certificates are for, as labels of their expiry.
const (
	ServerCertificate = "server"         // what the public listener shows
	ClientCA          = "meta_client_ca" // what Meta's certificate is checked against
	ClientCertificate = "meta_client"    // what Meta showed
)

// CertificateExpiry says until when a certificate holds.
type CertificateExpiry struct {
	Use, Name string
	NotAfter  time.Time
}

var expiry = prometheus.NewDesc(namespace+"_certificate_expiry_timestamp_seconds", "Time at which a certificate expires, in Unix seconds.", []string{"use", "name"}, nil)

type expiryCollector func() []CertificateExpiry

// RegisterExpiry registers the gauge of when certificates expire, which is read at scrape.
func RegisterExpiry(reg prometheus.Registerer, read func() []CertificateExpiry) {
	reg.MustRegister(expiryCollector(read))
}

func (expiryCollector) Describe(ch chan<- *prometheus.Desc) { ch <- expiry }

func (read expiryCollector) Collect(ch chan<- prometheus.Metric) {
	for _, c := range read() {
		ch <- prometheus.MustNewConstMetric(expiry, prometheus.GaugeValue, float64(c.NotAfter.Unix()), c.Use, c.Name)
	}
}
