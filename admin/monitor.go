package admin

import (
	"math"
	"slices"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

// monitorView is the health monitor's report, for all that a key may see.
type monitorView struct {
	GeneratedAt instant             `json:"generated_at"`
	Totals      monitorTotals       `json:"totals"`
	Inbound     inboundView         `json:"inbound"`
	Attempts    attemptsView        `json:"attempts"`
	Series      []attemptsSpan      `json:"series,omitzero"`
	Tenants     []monitorTenantView `json:"tenants"`
}

type monitorTotals struct {
	Tenants         int     `json:"tenants"`
	Endpoints       int     `json:"endpoints"`
	Disabled        int     `json:"disabled"`
	Failing         int     `json:"failing"`
	OldestPendingAt instant `json:"oldest_pending_at"`
	figures
}

type monitorTenantView struct {
	ID        uint32                `json:"id"`
	Name      string                `json:"name"`
	Inbound   inboundView           `json:"inbound"`
	Attempts  attemptsView          `json:"attempts"`
	Series    []attemptsSpan        `json:"series,omitzero"`
	Endpoints []monitorEndpointView `json:"endpoints"`
}

type monitorEndpointView struct {
	ID             uint32     `json:"id"`
	URL            string     `json:"url"`
	Description    string     `json:"description"`
	State          string     `json:"state"`
	DisabledReason nullString `json:"disabled_reason"`
	figures
	OldestPendingAt instant        `json:"oldest_pending_at"`
	NextRetryAt     instant        `json:"next_retry_at"`
	FailingSince    instant        `json:"failing_since"`
	LastSuccess     instant        `json:"last_success"`
	LastError       nullString     `json:"last_error"`
	LastStatus      *int           `json:"last_status"` // of the answer that was the last error
	Attempts        attemptsView   `json:"attempts"`
	Series          []attemptsSpan `json:"series,omitzero"`
}

// figures count deliveries by their status. Failed ones are dead letters.
type figures struct {
	Pending   uint64 `json:"pending"`
	Retrying  uint64 `json:"retrying"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
}

// attemptsView says what became of attempts in the time before the report.
type attemptsView struct {
	Hour attemptCounts `json:"1h"`
	Day  attemptCounts `json:"24h"`
	Week attemptCounts `json:"7d"`
}

type attemptCounts struct {
	Succeeded   uint64   `json:"succeeded"`
	Failed      uint64   `json:"failed"`
	DeadLetters uint64   `json:"dead_letters"`
	SuccessRate *float64 `json:"success_rate"` // null: there were none
	P50         *float64 `json:"p50_ms"`
	P95         *float64 `json:"p95_ms"`
}

type attemptsSpan struct {
	At instant `json:"at"`
	attemptCounts
}

func viewAttempts(a *webhook.Activity) attemptCounts {
	v := attemptCounts{Succeeded: a.Succeeded, Failed: a.Failed, DeadLetters: a.DeadLetters}
	if rate, ok := monitor.SuccessRate(a); ok {
		quantile := func(q float64) *float64 {
			ms := math.Round(a.Durations.Quantile(q).Seconds()*10_000) / 10
			return &ms
		}
		v.SuccessRate, v.P50, v.P95 = &rate, quantile(0.5), quantile(0.95)
	}
	return v
}

// inboundView says what came from Meta in the time before the report.
type inboundView struct {
	LastAt instant       `json:"last_at"` // within 7 days
	Quiet  bool          `json:"quiet"`   // nothing has come for longer than it used to
	Hour   inboundCounts `json:"1h"`
	Day    inboundCounts `json:"24h"`
	Week   inboundCounts `json:"7d"`
	Series []inboundSpan `json:"series,omitzero"`
}

// inboundCounts count POSTs by their outcome. Those of a bad signature and handshakes belong to no tenant.
type inboundCounts struct {
	Accepted     uint64 `json:"accepted"`
	Duplicate    uint64 `json:"duplicate"`
	Ignored      uint64 `json:"ignored"`
	Unrouted     uint64 `json:"unrouted"`
	Unparsed     uint64 `json:"unparsed"`
	BadSignature uint64 `json:"bad_signature"`
	Handshakes   uint64 `json:"handshakes"`
}

type inboundSpan struct {
	At instant `json:"at"`
	inboundCounts
}

func viewInboundCounts(a *webhook.Activity) inboundCounts {
	return inboundCounts{a.Accepted, a.Duplicate, a.Ignored, a.Unrouted, a.Unparsed, a.Unsigned, a.Handshakes}
}

func viewInbound(w *monitor.Windows, now time.Time) inboundView {
	v := inboundView{
		LastAt: instant(w.Week.Last), Quiet: monitor.Quiet(w, now), Hour: viewInboundCounts(&w.Hour), Day: viewInboundCounts(&w.Day), Week: viewInboundCounts(&w.Week),
	}
	if w.Series != nil {
		v.Series = []inboundSpan{}
	}
	for i := range w.Series {
		v.Series = append(v.Series, inboundSpan{instant(w.Series[i].At), viewInboundCounts(&w.Series[i])})
	}
	return v
}

func viewAttemptWindows(w *monitor.Windows) (v attemptsView, series []attemptsSpan) {
	if w.Series != nil {
		series = []attemptsSpan{}
	}
	for i := range w.Series {
		series = append(series, attemptsSpan{instant(w.Series[i].At), viewAttempts(&w.Series[i])})
	}
	return attemptsView{viewAttempts(&w.Hour), viewAttempts(&w.Day), viewAttempts(&w.Week)}, series
}

func viewMonitorEndpoint(e *monitor.Endpoint) monitorEndpointView {
	v := monitorEndpointView{
		ID: e.ID, URL: e.URL, Description: e.Description, State: string(e.State), DisabledReason: nullString(e.DisabledReason),
		figures:         figures{e.Stats.Pending, e.Stats.Retrying, e.Stats.Succeeded, e.Stats.Failed},
		OldestPendingAt: instant(e.Oldest), NextRetryAt: instant(e.NextRetry),
		FailingSince: instant(e.Stats.FailingSince), LastSuccess: instant(e.Stats.LastSuccess), LastError: nullString(e.Stats.LastError),
	}
	if status := e.Stats.LastStatus; status != 0 {
		v.LastStatus = &status
	}
	v.Attempts, v.Series = viewAttemptWindows(&e.Activity)
	return v
}

func (a *API) report(c *call) (web.Answer, error) {
	q := c.Query()
	o := monitor.Options{Tenant: q.Number("tenant"), Endpoint: q.Number("endpoint")}
	var names []string
	for _, w := range monitor.SeriesWindows {
		names = append(names, w.Name)
	}
	if i := slices.Index(names, q.OneOf("series", names...)); i >= 0 {
		o.Series = monitor.SeriesWindows[i]
	}
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	var err error
	if o.Tenant, err = c.narrow(o.Tenant); err != nil {
		return web.Answer{}, err
	}
	r, err := a.monitor.Report(c.Context(), o)
	if err != nil {
		return web.Answer{}, err
	}
	t := r.Totals
	v := monitorView{
		GeneratedAt: instant(r.At), Inbound: viewInbound(&r.Inbound, r.At), Tenants: []monitorTenantView{},
		Totals: monitorTotals{t.Tenants, t.Endpoints, t.Disabled, t.Failing, instant(t.Oldest), figures{t.Pending, t.Retrying, t.Succeeded, t.DeadLetters}},
	}
	v.Attempts, v.Series = viewAttemptWindows(&r.Attempts)
	for i := range r.Tenants {
		part := &r.Tenants[i]
		line := monitorTenantView{ID: part.ID, Name: part.Name, Inbound: viewInbound(&part.Inbound, r.At), Endpoints: []monitorEndpointView{}}
		line.Attempts, line.Series = viewAttemptWindows(&part.Attempts)
		for j := range part.Endpoints {
			line.Endpoints = append(line.Endpoints, viewMonitorEndpoint(&part.Endpoints[j]))
		}
		v.Tenants = append(v.Tenants, line)
	}
	return web.OK(v)
}
