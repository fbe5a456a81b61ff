package app_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"cubeconnect/config"
)

// exposition is what /metrics answered: each series with its labels, and its value.
type exposition struct {
	t      *testing.T
	text   string
	series map[string]float64
}

func (a *appliance) metrics() exposition {
	a.t.Helper()
	r := a.request("GET", a.admin+"/metrics", nil)
	if r.status != 200 {
		a.t.Fatalf("/metrics: %d %s", r.status, r.raw)
	}
	e := exposition{a.t, string(r.raw), map[string]float64{}}
	for line := range strings.Lines(e.text) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "} ")
		if ok {
			name += "}"
		} else {
			name, value, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(line, "#") {
			e.series[name] = v
		}
	}
	return e
}

// value returns the value of a series that must be there.
func (e exposition) value(series string) float64 {
	e.t.Helper()
	v, ok := e.series[series]
	if !ok {
		e.t.Errorf("there is no %s", series)
	}
	return v
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	quiet := n.endpoint(receive(t).url, object{"events": []string{"webhook.test"}})
	r.fails(4, 500)
	a.samples("message-text", "message-text", "calls-connect") // one delivery: a dead letter
	n.ended(1)
	a.samples("status-sent") // fails once
	n.ended(2)
	a.post([]byte("no JSON"))
	a.request("POST", a.public+webhookPath, "x")
	var m exposition
	eventually(t, func() error { // counted right after it is stored
		if m = a.metrics(); m.series[`cubeconnect_deliveries_total{event="message.status_updated",result="succeeded"}`] != 1 {
			return fmt.Errorf("the last delivery is not counted")
		}
		return nil
	})
	for series, want := range map[string]float64{
		`inbound_requests_total{outcome="accepted"}`:                                              2,
		`inbound_requests_total{outcome="duplicate"}`:                                             1,
		`inbound_requests_total{outcome="ignored"}`:                                               1,
		`inbound_requests_total{outcome="unrouted"}`:                                              0,
		`inbound_requests_total{outcome="unparsed"}`:                                              1,
		`inbound_duration_seconds_count`:                                                          6,
		`events_total{event="message.received"}`:                                                  1,
		`events_total{event="message.status_updated"}`:                                            1,
		`events_total{event="campaign.created"}`:                                                  0,
		`deliveries_total{event="message.received",result="failed"}`:                              1,
		`deliveries_total{event="message.received",result="succeeded"}`:                           0,
		`deliveries_total{event="message.status_updated",result="succeeded"}`:                     1,
		`delivery_attempts_total{result="status"}`:                                                4,
		`delivery_attempts_total{result="success"}`:                                               1,
		`delivery_attempts_total{result="timeout"}`:                                               0,
		`delivery_attempt_duration_seconds_count`:                                                 5,
		`delivery_end_to_end_seconds_count`:                                                       1,
		`queue_depth{state="pending"}`:                                                            0,
		`queue_depth{state="retrying"}`:                                                           0,
		`queue_oldest_age_seconds`:                                                                0,
		`dead_letters`:                                                                            1,
		fmt.Sprintf(`endpoint_up{endpoint="%d",tenant="%d"}`, e.id, n.id):                         1,
		fmt.Sprintf(`endpoint_up{endpoint="%d",tenant="%d"}`, quiet.id, n.id):                     1,
		fmt.Sprintf(`build_info{commit="abc",goversion="%s",version="1.2.3"}`, runtime.Version()): 1,
	} {
		if got := m.value("cubeconnect_" + series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	for _, series := range []string{"store_commit_duration_seconds_count", "store_commit_batch_size_count", "store_size_bytes", "store_free_bytes", "disk_free_bytes"} {
		if got := m.value("cubeconnect_" + series); got < 0 {
			t.Errorf("%s is %v", series, got)
		}
	}
	if m.value("cubeconnect_store_size_bytes") == 0 || m.value("cubeconnect_store_commit_duration_seconds_count") == 0 {
		t.Error("the store's size and commits are 0")
	}
}

func TestMetricsOfWhatWaits(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(time.Hour) })
	r.fails(1, 500)
	a.meta(text(customer, "wamid.1", "m1"))
	n.delivery("retrying")
	a.meta(text(customer, "wamid.2", "m2"))
	up := fmt.Sprintf(`cubeconnect_endpoint_up{endpoint="%d",tenant="%d"}`, e.id, n.id)
	check := func() {
		t.Helper()
		eventually(t, func() error {
			m := a.metrics()
			for series, want := range map[string]float64{`cubeconnect_queue_depth{state="pending"}`: 1, `cubeconnect_queue_depth{state="retrying"}`: 1, up: 0} {
				if got := m.value(series); got != want {
					return fmt.Errorf("%s is %v, want %v", series, got, want)
				}
			}
			if got := m.value("cubeconnect_queue_oldest_age_seconds"); got <= 0 || got > patience.Seconds() {
				return fmt.Errorf("queue_oldest_age_seconds is %v", got)
			}
			return nil
		})
	}
	check()
	a.restart()
	check()
	list := a.list(n.path + "/deliveries")
	a.call("POST", n.path+"/deliveries/"+list[1]["id"].(string)+"/retry", nil).ok(202)
	n.ended(2)
	eventually(t, func() error {
		if m := a.metrics(); m.value(up) != 1 || m.value("cubeconnect_queue_oldest_age_seconds") != 0 {
			return fmt.Errorf("up %v, oldest %v", m.value(up), m.value("cubeconnect_queue_oldest_age_seconds"))
		}
		return nil
	})
}

// Types are right, labels come from closed sets, and names are what they are said to be.
func TestExposition(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	a.samples("message-text", "template-approved")
	n.ended(2)
	m := a.metrics()
	for name, kind := range map[string]string{
		"inbound_requests_total": "counter", "inbound_duration_seconds": "histogram", "events_total": "counter", "deliveries_total": "counter",
		"delivery_attempts_total": "counter", "delivery_attempt_duration_seconds": "histogram", "delivery_end_to_end_seconds": "histogram",
		"queue_depth": "gauge", "queue_oldest_age_seconds": "gauge", "dead_letters": "gauge", "endpoint_up": "gauge",
		"store_commit_duration_seconds": "histogram", "store_commit_batch_size": "histogram", "store_size_bytes": "gauge", "store_free_bytes": "gauge", "disk_free_bytes": "gauge", "store_open_reads": "gauge",
		"build_info": "gauge",
	} {
		if !strings.Contains(m.text, "# TYPE cubeconnect_"+name+" "+kind+"\n") {
			t.Errorf("%s is no %s", name, kind)
		}
		if !strings.Contains(m.text, "# HELP cubeconnect_"+name+" ") {
			t.Errorf("%s has no help", name)
		}
		if kind == "histogram" {
			m.value(`cubeconnect_` + name + `_bucket{le="+Inf"}`)
		}
	}
	for series := range m.series {
		if strings.HasPrefix(series, "cubeconnect_") && strings.Contains(series, "tenant=") && !strings.HasPrefix(series, "cubeconnect_endpoint_up{") {
			t.Errorf("%s names a tenant", series)
		}
	}
	for _, secret := range []string{customer, phone1, waba1, "127.0.0.1", "wamid", adminKey} {
		if strings.Contains(m.text, secret) {
			t.Errorf("the exposition has %q in it", secret)
		}
	}
	// Native histograms go to those who ask for them.
	r := a.request("GET", a.admin+"/metrics", nil, "Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "application/vnd.google.protobuf") {
		t.Errorf("protobuf: %d %s", r.status, r.header.Get("Content-Type"))
	}
}

func TestMetricsAuth(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *config.Config) { c.Admin.MetricsAuth = true })
	n := a.tenant("One", "UTC")
	url := a.admin + "/metrics"
	a.request("GET", url, nil).refused(401, "AUTHENTICATION_REQUIRED")
	a.request("GET", url, nil, "X-API-KEY", "guess").refused(401, "INVALID_API_KEY")
	a.request("GET", url, nil, "X-API-KEY", n.key()).refused(403, "FORBIDDEN")
	if r := a.request("GET", url, nil, "Authorization", "Bearer "+adminKey); r.status != 200 || !strings.Contains(string(r.raw), "cubeconnect_build_info") {
		t.Errorf("with a key: %d", r.status)
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	a := start(t)
	r := a.request("GET", a.admin+"/api/openapi.json", nil)
	if r.status != 200 || r.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", r.status, r.header.Get("Content-Type"))
	}
	if version, _ := r.body["openapi"].(string); !strings.HasPrefix(version, "3.1") {
		t.Errorf("openapi %q", version)
	}
	paths := r.body["paths"].(object)
	const tenantPath = "/api/v1/tenants/{tenant}"
	for path, methods := range map[string]string{
		"/api/v1/tenants":                           "get post",
		tenantPath:                                  "get patch delete",
		tenantPath + "/accounts":                    "get post",
		tenantPath + "/accounts/{account}":          "get patch delete",
		tenantPath + "/endpoints":                   "get post",
		tenantPath + "/endpoints/{endpoint}":        "get patch delete",
		tenantPath + "/endpoints/{endpoint}/secret": "post",
		tenantPath + "/endpoints/{endpoint}/test":   "post",
		tenantPath + "/events":                      "get post",
		tenantPath + "/events/{event}":              "get",
		tenantPath + "/deliveries":                  "get",
		tenantPath + "/deliveries/{delivery}":       "get",
		tenantPath + "/deliveries/{delivery}/retry": "post",
		tenantPath + "/replays":                     "post",
		"/api/v1/audit":                             "get",
		"/api/v1/audit/{id}":                        "get",
		"/api/v1/messages/{wamid}":                  "get",
		"/api/v1/templates":                         "get",
		"/api/v1/monitor":                           "get",
	} {
		item, _ := paths[path].(object)
		for method := range strings.FieldsSeq(methods) {
			if _, described := item[method]; !described {
				t.Errorf("%s %s is not described", method, path)
			}
		}
	}
	if len(r.raw) == 0 || strings.Contains(string(r.raw), adminKey) {
		t.Error("the description says something of this installation")
	}
}
