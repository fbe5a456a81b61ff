package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Snapshot is what is read at each scrape: figures that the store keeps anyway.
type Snapshot struct {
	Pending, Retrying, DeadLetters uint64
	OldestAgeSeconds               float64 // of the delivery that has waited longest; 0: none waits
	SizeBytes, FreeBytes           int64   // of the database file: all of it, and what is free inside
	DiskFreeBytes                  int64
	OpenReads                      int // read transactions that are open: while one is, pages that were freed since can't be used again
	Endpoints                      []EndpointState
}

// EndpointState says whether an endpoint takes deliveries.
type EndpointState struct {
	Tenant, Endpoint uint32
	Up               bool
}

var (
	depth     = prometheus.NewDesc(namespace+"_queue_depth", "Deliveries that have not ended.", []string{"state"}, nil)
	oldest    = prometheus.NewDesc(namespace+"_queue_oldest_age_seconds", "Age of the oldest delivery that has not ended, of endpoints that are enabled.", nil, nil)
	dead      = prometheus.NewDesc(namespace+"_dead_letters", "Dead letters that are kept and can be replayed.", nil, nil)
	up        = prometheus.NewDesc(namespace+"_endpoint_up", "1 if the endpoint is enabled and its last attempt succeeded, or none was made yet.", []string{"tenant", "endpoint"}, nil)
	sizeBytes = prometheus.NewDesc(namespace+"_store_size_bytes", "Size of the database file.", nil, nil)
	diskFree  = prometheus.NewDesc(namespace+"_disk_free_bytes", "Bytes that are free on the disk of the database file.", nil, nil)
	freeBytes = prometheus.NewDesc(namespace+"_store_free_bytes", "Bytes inside the database file that are free for reuse.", nil, nil)
	openReads = prometheus.NewDesc(namespace+"_store_open_reads", "Read transactions that are open: while one is, pages that were freed since can't be used again.", nil, nil)
)

type snapshotCollector func() Snapshot

// RegisterSnapshot registers the gauges that are read from the store at scrape.
func RegisterSnapshot(reg prometheus.Registerer, read func() Snapshot) {
	reg.MustRegister(snapshotCollector(read))
}

func (snapshotCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{depth, oldest, dead, up, sizeBytes, freeBytes, diskFree, openReads} {
		ch <- d
	}
}

func (read snapshotCollector) Collect(ch chan<- prometheus.Metric) {
	s := read()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(depth, float64(s.Pending), "pending")
	gauge(depth, float64(s.Retrying), "retrying")
	gauge(oldest, s.OldestAgeSeconds)
	gauge(dead, float64(s.DeadLetters))
	gauge(sizeBytes, float64(s.SizeBytes))
	gauge(freeBytes, float64(s.FreeBytes))
	gauge(diskFree, float64(s.DiskFreeBytes))
	gauge(openReads, float64(s.OpenReads))
	for _, e := range s.Endpoints {
		v := 0.0
		if e.Up {
			v = 1
		}
		gauge(up, v, strconv.FormatUint(uint64(e.Tenant), 10), strconv.FormatUint(uint64(e.Endpoint), 10))
	}
}
