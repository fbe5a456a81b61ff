package admin

import (
	"errors"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// monitorView is how deliveries stand, for all that a key may see.
type monitorView struct {
	GeneratedAt instant             `json:"generated_at"`
	Totals      monitorTotals       `json:"totals"`
	Tenants     []monitorTenantView `json:"tenants"`
}

type monitorTotals struct {
	Tenants   int `json:"tenants"`
	Endpoints int `json:"endpoints"`
	Disabled  int `json:"disabled"`
	Failing   int `json:"failing"`
	figures
}

type monitorTenantView struct {
	ID        uint32                `json:"id"`
	Name      string                `json:"name"`
	Endpoints []monitorEndpointView `json:"endpoints"`
}

type monitorEndpointView struct {
	ID             uint32     `json:"id"`
	URL            string     `json:"url"`
	Description    string     `json:"description"`
	State          string     `json:"state"`
	DisabledReason nullString `json:"disabled_reason"`
	figures
	FailingSince instant    `json:"failing_since"`
	LastSuccess  instant    `json:"last_success"`
	LastError    nullString `json:"last_error"`
}

// figures count deliveries by their status. Failed ones are dead letters.
type figures struct {
	Pending   uint64 `json:"pending"`
	Retrying  uint64 `json:"retrying"`
	Succeeded uint64 `json:"succeeded"`
	Failed    uint64 `json:"failed"`
}

func (f *figures) add(g figures) {
	f.Pending += g.Pending
	f.Retrying += g.Retrying
	f.Succeeded += g.Succeeded
	f.Failed += g.Failed
}

// The states of an endpoint.
const (
	stateDisabled = "disabled"
	stateFailing  = "failing" // nothing succeeded since something failed
	stateHealthy  = "healthy"
	stateUnused   = "unused" // nothing was ever delivered
)

func stateOf(e *webhook.Endpoint, st *webhook.EndpointStats) string {
	switch {
	case !e.Enabled:
		return stateDisabled
	case !st.FailingSince.IsZero():
		return stateFailing
	case st.LastSuccess.IsZero():
		return stateUnused
	}
	return stateHealthy
}

func (a *API) monitor(c *call) (web.Answer, error) {
	q := c.Query()
	tenant := q.Number("tenant")
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	tenant, err := c.narrow(tenant)
	if err != nil {
		return web.Answer{}, err
	}
	tenants, err := a.tenants(c, tenant)
	if err != nil {
		return web.Answer{}, err
	}
	stats, err := a.store.EndpointStats(c.Context())
	if err != nil {
		return web.Answer{}, err
	}
	v := monitorView{GeneratedAt: instant(a.now()), Tenants: []monitorTenantView{}}
	for i := range tenants {
		t := monitorTenantView{ID: tenants[i].ID, Name: tenants[i].Name, Endpoints: []monitorEndpointView{}}
		err := a.eachEndpoint(c.Context(), t.ID, func(e *webhook.Endpoint) {
			st := stats[e.ID]
			t.Endpoints = append(t.Endpoints, v.Totals.count(e, &st))
		})
		if errors.Is(err, webhook.ErrNotFound) {
			continue // deleted meanwhile
		} else if err != nil {
			return web.Answer{}, err
		}
		v.Totals.Tenants++
		v.Tenants = append(v.Tenants, t)
	}
	return web.OK(v)
}

// tenants returns one tenant, or (0) all of them.
func (a *API) tenants(c *call, id uint32) (tenants []webhook.Tenant, err error) {
	if id != 0 {
		t, err := a.store.Tenant(c.Context(), id)
		return []webhook.Tenant{t}, err
	}
	err = each(func(p webhook.Page) (webhook.List[webhook.Tenant], error) { return a.store.Tenants(c.Context(), p) },
		func(t *webhook.Tenant) { tenants = append(tenants, *t) })
	return tenants, err
}

// count adds an endpoint to the totals and returns its own line.
func (m *monitorTotals) count(e *webhook.Endpoint, st *webhook.EndpointStats) monitorEndpointView {
	v := monitorEndpointView{
		ID: e.ID, URL: e.URL, Description: e.Description, State: stateOf(e, st), DisabledReason: nullString(e.DisabledReason),
		figures:      figures{st.Pending, st.Retrying, st.Succeeded, st.Failed},
		FailingSince: instant(st.FailingSince), LastSuccess: instant(st.LastSuccess), LastError: nullString(st.LastError),
	}
	m.Endpoints++
	m.add(v.figures)
	switch v.State {
	case stateDisabled:
		m.Disabled++
	case stateFailing:
		m.Failing++
	}
	return v
}
