// Package monitor owns the figures of the health monitor: how each endpoint is, what it got and what
// waits for it, and what Meta sends. The API and the console show the same report.
//
// A report is made from what the store has counted; making one looks at no delivery. It costs a few
// short reads for each endpoint. An overview has a part of the endpoints only, and costs those reads for
// them alone.
package monitor

import (
	"context"
	"errors"
	"time"

	"cubeconnect/webhook"
)

// Store is what a report is made from.
type Store interface {
	Tenants(ctx context.Context, p webhook.Page) (webhook.List[webhook.Tenant], error)
	Tenant(ctx context.Context, id uint32) (webhook.Tenant, error)
	Endpoints(ctx context.Context, tenant uint32, p webhook.Page) (webhook.List[webhook.Endpoint], error)
	// EndpointStats returns the running figures of every endpoint, by id.
	EndpointStats(ctx context.Context) (map[uint32]webhook.EndpointStats, error)
	// EndpointIDs returns the id of every endpoint, LookupEndpoint one, or nil. It must not be changed.
	EndpointIDs() []uint32
	LookupEndpoint(id uint32) *webhook.Endpoint
	// Oldest returns when the oldest delivery was made that waits for an endpoint that is enabled, of a
	// tenant or, with 0, of all; zero: there is none.
	Oldest(ctx context.Context, tenant uint32) (time.Time, error)
	// Waiting says how long the oldest delivery to an endpoint has waited, and when the next retry is due.
	Waiting(ctx context.Context, endpoint uint32) (webhook.Waiting, error)
	// RecordNow makes what happened in the last seconds part of [Store.Activity].
	RecordNow(ctx context.Context) error
	Activity(ctx context.Context, s webhook.Subject, res webhook.Resolution, since, until time.Time) ([]webhook.Activity, error)
}

// State is how an endpoint is.
type State string

// The states of an endpoint.
const (
	Disabled State = "disabled"
	Failing  State = "failing" // nothing succeeded since something failed
	Healthy  State = "healthy"
	Unused   State = "unused" // nothing was ever delivered
)

// StateOf returns an endpoint's state.
func StateOf(e *webhook.Endpoint, st *webhook.EndpointStats) State {
	switch {
	case !e.Enabled:
		return Disabled
	case !st.FailingSince.IsZero():
		return Failing
	case st.LastSuccess.IsZero():
		return Unused
	}
	return Healthy
}

// Stopped reports whether an endpoint was disabled, and not by a person.
func Stopped(e *webhook.Endpoint) bool { return !e.Enabled && e.DisabledReason != "" }

// Report is how all is that was asked for.
type Report struct {
	At      time.Time
	Totals  Totals
	Inbound Windows // of the tenant that was asked for, or of all
	// Attempts are those at all endpoints of the tenant that was asked for, or of all, those that are
	// deleted by now included.
	Attempts Windows
	Tenants  []Tenant
}

// Totals are sums over all endpoints of a report.
type Totals struct {
	Tenants, Endpoints, Disabled, Failing, Unused int
	Stopped                                       int // of the disabled ones: not by a person
	Pending, Retrying, Succeeded, DeadLetters     uint64
	Oldest                                        time.Time // the oldest delivery that waits for an endpoint that is enabled
}

// Tenant is one tenant's part of a report.
type Tenant struct {
	webhook.Tenant
	Inbound   Windows
	Attempts  Windows // likewise
	Endpoints []Endpoint
}

// Endpoint is one endpoint's part of a report.
type Endpoint struct {
	webhook.Endpoint
	State State
	Stats webhook.EndpointStats
	webhook.Waiting
	Activity Windows
}

// Windows sum up the time before a report.
type Windows struct {
	Hour, Day, Week webhook.Activity
	// Minutes are the spans of the last hour, Hours those of the last week, without those in which nothing
	// happened.
	Minutes, Hours []webhook.Activity
	// Series is the window that was asked for, span by span, without those in which nothing happened; nil if
	// none was.
	Series []webhook.Activity
}

// SuccessRate returns which part of the attempts succeeded; ok says that there were any.
func SuccessRate(a *webhook.Activity) (rate float64, ok bool) {
	n := a.Succeeded + a.Failed
	if n == 0 {
		return 0, false
	}
	return float64(a.Succeeded) / float64(n), true
}

// Window is a length of time that a series is shown for.
type Window struct {
	Name string
	Span time.Duration
	Step webhook.Resolution
}

// SeriesWindows are those that can be asked for.
var SeriesWindows = []Window{
	{"1h", time.Hour, webhook.ByMinute},
	{"24h", 24 * time.Hour, webhook.ByMinute},
	{"7d", 7 * 24 * time.Hour, webhook.ByHour},
	{"90d", webhook.KeepHours, webhook.ByHour},
}

// Since returns when a window that ends at now begins: on a whole step.
func (w Window) Since(now time.Time) time.Time {
	return now.Add(time.Duration(w.Step) - w.Span).Truncate(time.Duration(w.Step))
}

// Options narrow a report.
type Options struct {
	Tenant   uint32 // 0: all
	Endpoint uint32 // 0: all; of Tenant
	Series   Window // zero: none
}

// Monitor makes reports.
type Monitor struct {
	store Store
	now   func() time.Time
}

// New returns a monitor.
func New(s Store, now func() time.Time) *Monitor { return &Monitor{s, now} }

// Report returns how things are now. It is [webhook.ErrNotFound] if a tenant was asked for that doesn't
// exist.
func (m *Monitor) Report(ctx context.Context, o Options) (*Report, error) {
	r := &Report{At: m.now().UTC()}
	stats, err := m.store.EndpointStats(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.record(ctx); err != nil {
		return nil, err
	}
	add := func(t webhook.Tenant) error {
		part, err := m.tenant(ctx, r, t, stats, o)
		if errors.Is(err, webhook.ErrNotFound) && o.Tenant == 0 {
			return nil // deleted meanwhile
		}
		if err == nil {
			r.Totals.Tenants++
			r.Tenants = append(r.Tenants, part)
		}
		return err
	}
	if o.Tenant != 0 {
		t, err := m.store.Tenant(ctx, o.Tenant)
		if err == nil {
			err = add(t)
		}
		if err != nil {
			return nil, err
		}
		r.Inbound, r.Attempts = r.Tenants[0].Inbound, r.Tenants[0].Attempts
		return r, nil
	}
	if r.Inbound, r.Attempts, err = m.both(ctx, 0, r.At, o.Series); err != nil {
		return nil, err
	}
	return r, each(func(p webhook.Page) (webhook.List[webhook.Tenant], error) { return m.store.Tenants(ctx, p) }, add)
}

// record makes the last seconds count. While the disk takes nothing the rest is still worth seeing.
func (m *Monitor) record(ctx context.Context) error {
	if err := m.store.RecordNow(ctx); !errors.Is(err, webhook.ErrFull) {
		return err
	}
	return nil
}

func (m *Monitor) tenant(ctx context.Context, r *Report, t webhook.Tenant, stats map[uint32]webhook.EndpointStats, o Options) (part Tenant, err error) {
	part.Tenant = t
	if part.Inbound, part.Attempts, err = m.both(ctx, t.ID, r.At, o.Series); err != nil {
		return part, err
	}
	err = each(func(p webhook.Page) (webhook.List[webhook.Endpoint], error) { return m.store.Endpoints(ctx, t.ID, p) }, func(e webhook.Endpoint) error {
		if o.Endpoint != 0 && e.ID != o.Endpoint {
			return nil
		}
		st := stats[e.ID]
		line := Endpoint{Endpoint: e, State: StateOf(&e, &st), Stats: st}
		if line.Waiting, err = m.store.Waiting(ctx, e.ID); err != nil {
			return err
		}
		if line.Activity, err = m.windows(ctx, webhook.OfEndpoint(e.ID), r.At, o.Series); err != nil {
			return err
		}
		r.Totals.count(&line)
		part.Endpoints = append(part.Endpoints, line)
		return nil
	})
	return part, err
}

// Attention returns how many endpoints somebody has to look after.
func (t *Totals) Attention() int { return t.Failing + t.Stopped }

func (t *Totals) count(e *Endpoint) {
	t.Endpoints++
	t.Pending += e.Stats.Pending
	t.Retrying += e.Stats.Retrying
	t.Succeeded += e.Stats.Succeeded
	t.DeadLetters += e.Stats.Failed
	switch e.State {
	case Disabled:
		t.Disabled++
		if Stopped(&e.Endpoint) {
			t.Stopped++
		}
		return
	case Failing:
		t.Failing++
	case Unused:
		t.Unused++
	}
	if !e.Oldest.IsZero() && (t.Oldest.IsZero() || e.Oldest.Before(t.Oldest)) {
		t.Oldest = e.Oldest
	}
}

// both returns what came in and what was delivered, of a tenant or, with 0, of all.
func (m *Monitor) both(ctx context.Context, tenant uint32, now time.Time, series Window) (inbound, attempts Windows, err error) {
	from := webhook.Everybody
	if tenant != 0 {
		from = webhook.OfTenant(tenant)
	}
	if inbound, err = m.windows(ctx, from, now, series); err == nil {
		attempts, err = m.windows(ctx, webhook.DeliveriesOf(tenant), now, series)
	}
	return inbound, attempts, err
}

func (m *Monitor) windows(ctx context.Context, s webhook.Subject, now time.Time, series Window) (w Windows, err error) {
	day, week := now.Add(-24*time.Hour), now.Add(-7*24*time.Hour)
	until := now.Add(1) // a span that begins right now counts too
	if w.Minutes, err = m.store.Activity(ctx, s, webhook.ByMinute, now.Add(-time.Hour), until); err != nil {
		return w, err
	}
	for i := range w.Minutes {
		w.Hour.Add(&w.Minutes[i])
	}
	if w.Hours, err = m.store.Activity(ctx, s, webhook.ByHour, week, until); err != nil {
		return w, err
	}
	for i := range w.Hours {
		w.Week.Add(&w.Hours[i])
		if !w.Hours[i].At.Before(day) {
			w.Day.Add(&w.Hours[i])
		}
	}
	if series.Span > 0 {
		w.Series, err = m.store.Activity(ctx, s, series.Step, series.Since(now), until)
		if w.Series == nil {
			w.Series = []webhook.Activity{}
		}
	}
	return w, err
}

// each goes through all pages of a list.
func each[T any](list func(webhook.Page) (webhook.List[T], error), visit func(T) error) error {
	for p := (webhook.Page{Limit: webhook.MaxPage}); ; {
		page, err := list(p)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := visit(item); err != nil {
				return err
			}
		}
		if p.Cursor = page.Next; p.Cursor == "" {
			return nil
		}
	}
}
