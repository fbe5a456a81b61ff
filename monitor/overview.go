package monitor

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// Show narrows an overview to endpoints of one kind.
type Show string

// What an overview can be narrowed to.
const (
	ShowAll         Show = ""
	ShowAttention   Show = "attention" // failing, or disabled and not by a person
	ShowDeadLetters Show = "dead-letters"
	ShowWaiting     Show = "waiting" // something waits for them
	ShowHealthy     Show = "healthy"
	ShowUnused      Show = "unused"
	ShowDisabled    Show = "disabled"
)

// Shows are those that can be asked for.
var Shows = []Show{ShowAll, ShowAttention, ShowDeadLetters, ShowWaiting, ShowHealthy, ShowUnused, ShowDisabled}

// Query is what an overview is asked for.
type Query struct {
	Tenant uint32 // 0: all
	Show   Show
	Search string // part of a URL, a description or a tenant's name, in either case; empty: any
	// Offset and Limit are the part of the endpoints that is wanted, Tenants how many of the tenants.
	Offset, Limit, Tenants int
	Series                 Window // zero: none; of the overview as a whole
}

// Overview is how all is that was asked for, and how a part of it is in detail.
type Overview struct {
	At       time.Time
	Totals   Totals // of all endpoints, whatever the query leaves of them
	Inbound  Windows
	Attempts Windows
	// Endpoints are a part of those that match, those in need of attention first. Matching counts all
	// of these.
	Endpoints []Line
	Matching  int
	Tenants   []TenantLine // those with endpoints in need of attention first
}

// Line is an endpoint in an overview.
type Line struct {
	Endpoint
	Tenant string // its name
}

// TenantLine is a tenant in an overview. The oldest of its totals is not known.
type TenantLine struct {
	webhook.Tenant
	Totals            Totals
	Inbound, Attempts Windows
}

// Overview returns how things are now. It is [webhook.ErrNotFound] if a tenant was asked for that doesn't
// exist.
func (m *Monitor) Overview(ctx context.Context, q Query) (*Overview, error) {
	o := &Overview{At: m.now().UTC()}
	tenants, err := m.tenants(ctx, q.Tenant)
	if err != nil {
		return nil, err
	}
	stats, err := m.store.EndpointStats(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.record(ctx); err != nil {
		return nil, err
	}
	var lines []*Endpoint // those that match
	search := strings.ToLower(q.Search)
	for _, id := range m.store.EndpointIDs() {
		e := m.store.LookupEndpoint(id)
		if e == nil || tenants[e.TenantID] == nil {
			continue // deleted meanwhile, or another tenant's
		}
		t, st := tenants[e.TenantID], stats[id]
		line := &Endpoint{Endpoint: *e, State: StateOf(e, &st), Stats: st}
		o.Totals.count(line)
		t.Totals.count(line)
		if line.shown(q.Show) && (search == "" || contains(search, e.URL, e.Description, t.Name)) {
			lines = append(lines, line)
		}
	}
	o.Totals.Tenants, o.Matching = len(tenants), len(lines)
	slices.SortFunc(lines, urgency)
	for _, line := range part(lines, q.Offset, q.Limit) {
		if line.Waiting, err = m.store.Waiting(ctx, line.ID); err != nil {
			return nil, err
		}
		if line.Activity, err = m.windows(ctx, webhook.OfEndpoint(line.ID), o.At, Window{}); err != nil {
			return nil, err
		}
		o.Endpoints = append(o.Endpoints, Line{*line, tenants[line.TenantID].Name})
	}
	for _, t := range part(sorted(tenants), 0, q.Tenants) {
		if t.Inbound, t.Attempts, err = m.both(ctx, t.ID, o.At, Window{}); err != nil {
			return nil, err
		}
		o.Tenants = append(o.Tenants, *t)
	}
	if o.Totals.Oldest, err = m.store.Oldest(ctx, q.Tenant); err != nil {
		return nil, err
	}
	o.Inbound, o.Attempts, err = m.both(ctx, q.Tenant, o.At, q.Series)
	return o, err
}

// tenants returns one tenant or, with 0, all.
func (m *Monitor) tenants(ctx context.Context, id uint32) (map[uint32]*TenantLine, error) {
	all := map[uint32]*TenantLine{}
	add := func(t webhook.Tenant) error { all[t.ID] = &TenantLine{Tenant: t}; return nil }
	if id == 0 {
		return all, each(func(p webhook.Page) (webhook.List[webhook.Tenant], error) { return m.store.Tenants(ctx, p) }, add)
	}
	t, err := m.store.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	return all, add(t)
}

// sorted lists tenants: those with endpoints in need of attention first, then by name.
func sorted(tenants map[uint32]*TenantLine) []*TenantLine {
	list := make([]*TenantLine, 0, len(tenants))
	for _, t := range tenants {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *TenantLine) int {
		return cmp.Or(cmp.Compare(b.Totals.Attention(), a.Totals.Attention()), strings.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func part[T any](list []T, offset, limit int) []T {
	offset = min(max(offset, 0), len(list))
	return list[offset:min(offset+max(limit, 0), len(list))]
}

func contains(lower string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), lower) })
}

func (e *Endpoint) shown(s Show) bool {
	switch s {
	case ShowAttention:
		return e.State == Failing || Stopped(&e.Endpoint)
	case ShowDeadLetters:
		return e.Stats.Failed > 0
	case ShowWaiting:
		return e.Stats.Pending+e.Stats.Retrying > 0
	case ShowHealthy:
		return e.State == Healthy
	case ShowUnused:
		return e.State == Unused
	case ShowDisabled:
		return e.State == Disabled
	}
	return true
}

// urgency orders endpoints: first those where nothing will happen until somebody does something, then
// those that fail, the longest first, those with dead letters, and those with the most that waits.
func urgency(a, b *Endpoint) int {
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		a.Stats.FailingSince.Compare(b.Stats.FailingSince),
		cmp.Compare(b.Stats.Failed, a.Stats.Failed),
		cmp.Compare(b.Stats.Pending+b.Stats.Retrying, a.Stats.Pending+a.Stats.Retrying),
		cmp.Compare(b.ID, a.ID),
	)
}

func rank(e *Endpoint) int {
	switch {
	case Stopped(&e.Endpoint):
		return 0
	case e.State == Failing:
		return 1
	case e.State == Disabled:
		return 4
	case e.State == Unused:
		return 3
	}
	return 2
}

// Endpoint returns how one endpoint is, with a series if one is wanted.
func (m *Monitor) Endpoint(ctx context.Context, e *webhook.Endpoint, series Window) (line Endpoint, at time.Time, err error) {
	at = m.now().UTC()
	stats, err := m.store.EndpointStats(ctx)
	if err == nil {
		err = m.record(ctx)
	}
	if err != nil {
		return line, at, err
	}
	st := stats[e.ID]
	line = Endpoint{Endpoint: *e, State: StateOf(e, &st), Stats: st}
	if line.Waiting, err = m.store.Waiting(ctx, e.ID); err == nil {
		line.Activity, err = m.windows(ctx, webhook.OfEndpoint(e.ID), at, series)
	}
	return line, at, err
}

// Spans sums up a series in spans of equal length, from since on; those in which nothing happened are
// there too.
func Spans(series []webhook.Activity, since time.Time, step time.Duration, count int) []webhook.Activity {
	spans := make([]webhook.Activity, count)
	for i := range spans {
		spans[i].At = since.Add(time.Duration(i) * step)
	}
	for i := range series {
		if at := series[i].At.Sub(since); at >= 0 && at < time.Duration(count)*step {
			spans[at/step].Add(&series[i])
		}
	}
	return spans
}

// The bounds of how long Meta may be silent before that is worth a word. With several days to compare
// with, it is half as long again as the longest silence in them.
const (
	leastSilence = 2 * time.Hour
	mostSilence  = 24 * time.Hour
	enoughPast   = 3 * 24 * time.Hour
)

// Quiet reports whether nothing has come from Meta for longer than it used to in the last week.
func Quiet(inbound *Windows, now time.Time) bool {
	last := inbound.Week.Last
	if last.IsZero() {
		return false // nothing to compare with
	}
	var first, before time.Time
	longest := time.Duration(0)
	for i := range inbound.Hours {
		h := &inbound.Hours[i]
		if h.Inbound() == 0 {
			continue
		}
		if first.IsZero() {
			first = h.At
		} else {
			longest = max(longest, h.At.Sub(before))
		}
		before = h.At
	}
	limit := mostSilence
	if now.Sub(first) >= enoughPast {
		limit = min(max(longest*3/2, leastSilence), mostSilence)
	}
	return now.Sub(last) > limit
}
