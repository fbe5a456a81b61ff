package console

import (
	"html/template"
	"net/http"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

type healthPage struct {
	frame
	Endpoint webhook.Endpoint
	At       string // path of its settings
	Tenant   string // of its tenant's overview
	Now      template.HTML
	State    condition
	Why      *why
	Calm     template.HTML // what is said if nothing is wrong
	All      string        // path of its deliveries
	Windows  []choice
	Tiles    []tile
	Strips   []stripOf
	Figures  []figure
}

// stripOf is the success of one window, and the same as a table.
type stripOf struct {
	Name, Title, Rate string
	Drawing           template.HTML
	Rows              []figureRow
}

// health shows how an endpoint is.
func (q *request) health() error {
	t, e, err := q.endpointOf()
	if err != nil {
		return err
	}
	w, err := windowOf(q.URL.Query().Get("window"))
	if err != nil {
		return err
	}
	line, now, err := q.c.monitor.Endpoint(q.Context(), &e, windows[1].series) // every window has a strip
	if err != nil {
		return err
	}
	l, zone, at := q.lang, t.Location(), endpointURL(&e)
	p := &healthPage{
		frame: q.frameOf(&t, l.must("health.title"), tenantURL(t.ID)), Endpoint: e, At: at, Tenant: tenantURL(t.ID), Now: l.time(now, zone),
		State: conditionOf(&e, &line.Stats), Why: l.whyOf(&line), Tiles: q.healthTiles(&line, w, now, zone), All: deliveriesURL(&e, 0),
		Windows: q.choices(w, func(w *window) string {
			if w.Name == "24h" {
				return at + "/health"
			}
			return at + "/health?window=" + w.Name
		}),
		Figures: []figure{
			l.deliveriesChart().figure(l, w, &line.Activity, now, zone),
			l.latencyChart().figure(l, w, &line.Activity, now, zone),
		},
	}
	switch line.State {
	case monitor.Healthy:
		p.Calm = l.say("health.good", "time", l.ago(line.Stats.LastSuccess, now, zone))
	case monitor.Unused:
		p.Calm = l.say("health.unused")
	case monitor.Disabled:
		p.Calm = l.say("health.disabled")
	}
	for i := range windows {
		p.Strips = append(p.Strips, q.stripOf(&windows[i], &line.Activity, now, zone))
	}
	return q.render(http.StatusOK, "health", p)
}

func (q *request) stripOf(w *window, a *monitor.Windows, now time.Time, zone *time.Location) stripOf {
	l, title, rate := q.lang, q.lang.must(w.Key), percent(w.sum(a))
	spans := spansUntil(now, w.spans(a), w.step, w.count)
	s := stripOf{Name: w.Name, Title: title, Rate: rate, Drawing: l.strip(spans, w.step, zone, l.must("strip.label", "window", title, "rate", rate))}
	for i := range spans {
		if a := &spans[i]; attempted(a) {
			s.Rows = append(s.Rows, figureRow{l.time(a.At, zone), []string{percent(a), grouped(a.Succeeded), grouped(a.Failed)}})
		}
	}
	return s
}

func (q *request) healthTiles(e *monitor.Endpoint, w *window, now time.Time, zone *time.Location) []tile {
	l, sum := q.lang, w.sum(&e.Activity)
	answer := tile{Title: l.must("chart.latency"), Value: "–"}
	if attempted(sum) {
		answer.Value = l.took(sum.Durations.Quantile(0.5))
		answer.Notes = []template.HTML{l.say("health.most", "time", l.took(sum.Durations.Quantile(0.95)))}
	}
	link := deliveriesURL(&e.Endpoint, webhook.Retrying)
	if e.Stats.Retrying == 0 {
		link = deliveriesURL(&e.Endpoint, webhook.Pending)
	}
	waiting := l.waitingTile(e.Stats.Pending+e.Stats.Retrying, e.Stats.Retrying, link)
	if !e.Oldest.IsZero() {
		waiting.Notes = append(waiting.Notes, l.say("overview.oldest", "time", l.ago(e.Oldest, now, zone)))
	}
	if !e.NextRetry.IsZero() && e.Enabled {
		waiting.Notes = append(waiting.Notes, l.say("overview.next", "time", l.until(e.NextRetry, now, zone)))
	}
	return []tile{l.deliveredTile(sum), answer, waiting, l.deadTile(e.Stats.Failed, deliveriesURL(&e.Endpoint, webhook.Failed))}
}
