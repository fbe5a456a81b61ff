package metrics

import "github.com/prometheus/client_golang/prometheus"

// Flows counts conversation flows and what they send. Nothing runs flows yet, so both say so: zero.
type Flows struct {
	Sessions *prometheus.GaugeVec   // state
	Graph    *prometheus.CounterVec // result
}

// NewFlows registers the collectors of conversation flows.
func NewFlows(reg prometheus.Registerer) *Flows {
	m := &Flows{
		Sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "flow_sessions", Help: "Sessions of conversation flows that have not ended."}, []string{"state"}),
		Graph:    counter("graph_requests_total", "Requests to the WhatsApp Cloud API by result.", "result"),
	}
	for _, state := range []string{"active", "waiting_approval", "live_chat"} {
		m.Sessions.WithLabelValues(state)
	}
	for _, result := range []string{"success", "retry", "failed"} {
		m.Graph.WithLabelValues(result)
	}
	reg.MustRegister(m.Sessions, m.Graph)
	return m
}
