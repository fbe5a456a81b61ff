package admin

import (
	"slices"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// auditView is the record of one POST from Meta.
type auditView struct {
	ID         webhook.ID           `json:"id"`
	ReceivedAt instant              `json:"received_at"`
	RemoteAddr string               `json:"remote_addr"`
	Size       int                  `json:"size"`
	Outcome    webhook.AuditOutcome `json:"outcome"`
	TenantIDs  []uint32             `json:"tenant_ids"`
	EventIDs   []webhook.ID         `json:"event_ids"`
	ErasedAt   instant              `json:"erased_at"`
	Headers    *map[string]string   `json:"headers,omitempty"` // absent in lists
	Body       *[]byte              `json:"body,omitempty"`    // likewise; base64
}

// viewAudit shows a tenant (0: an administrator) no ids of other tenants.
func viewAudit(r *webhook.Audit, tenant uint32) *auditView {
	v := &auditView{
		ID: r.ID, ReceivedAt: instant(r.ReceivedAt), RemoteAddr: r.RemoteAddr, Size: r.Size, Outcome: r.Outcome,
		TenantIDs: []uint32{}, EventIDs: []webhook.ID{}, ErasedAt: instant(r.ErasedAt),
	}
	for _, id := range r.TenantIDs {
		if tenant == 0 || id == tenant {
			v.TenantIDs = append(v.TenantIDs, id)
		}
	}
	for _, id := range r.EventIDs {
		if tenant == 0 || id.Tenant() == tenant {
			v.EventIDs = append(v.EventIDs, id)
		}
	}
	return v
}

func (a *API) listAudits(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	f := webhook.AuditFilter{Outcome: webhook.AuditOutcome(q.OneOf("outcome", auditOutcomes()...)), Range: q.Range()}
	tenant := q.Number("tenant")
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	var err error
	if f.TenantID, err = c.narrow(tenant); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.Audits(c.Context(), f, p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, func(r *webhook.Audit) *auditView { return viewAudit(r, c.who.TenantID) })
}

// narrow returns the tenant that a filter means for this client: the one asked for, or for a tenant's key
// its own.
func (c *call) narrow(tenant uint32) (uint32, error) {
	if tenant == 0 {
		return c.who.TenantID, nil
	}
	if !c.who.sees(tenant) {
		return 0, webhook.ErrNotFound
	}
	return tenant, nil
}

func auditOutcomes() []string { return names(webhook.AuditOutcomes) }

// names returns words as strings.
func names[T ~string](words []T) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = string(w)
	}
	return list
}

// getAudit shows a record with the raw POST. A tenant's key can't have one that carries data of another
// tenant, or of nobody known, too.
func (a *API) getAudit(c *call) (web.Answer, error) {
	id, err := c.id("id")
	if err != nil {
		return web.Answer{}, err
	}
	r, err := a.store.Audit(c.Context(), id)
	if err != nil {
		return web.Answer{}, err
	}
	own := c.who.TenantID
	switch {
	case own == 0:
	case !slices.Contains(r.TenantIDs, own):
		return web.Answer{}, webhook.ErrNotFound
	case len(r.TenantIDs) > 1 || r.Foreign:
		return web.Answer{}, web.Forbidden("This POST carries others' data too: only an administrator can see it.")
	}
	v := viewAudit(&r, own)
	if r.Headers == nil {
		r.Headers = map[string]string{}
	}
	if r.Body == nil {
		r.Body = []byte{}
	}
	v.Headers, v.Body = &r.Headers, &r.Body
	return web.OK(v)
}
