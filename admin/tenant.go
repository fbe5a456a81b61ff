package admin

import (
	"strings"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

type tenantView struct {
	ID        uint32  `json:"id"`
	Name      string  `json:"name"`
	Timezone  string  `json:"timezone"`
	CreatedAt instant `json:"created_at"`
}

func viewTenant(t *webhook.Tenant) tenantView {
	return tenantView{t.ID, t.Name, t.Timezone, instant(t.CreatedAt)}
}

// readTenant returns the change that a request's body asks for. It can be made more than once.
func readTenant(b *web.Body) func(*webhook.Tenant) {
	name, timezone := web.Member[string](b, "name"), web.Member[string](b, "timezone")
	b.ReadOnly("id", "created_at")
	return func(t *webhook.Tenant) {
		if name != nil {
			t.Name = strings.TrimSpace(*name)
		}
		if timezone != nil {
			t.Timezone = *timezone
		}
	}
}

// listTenants shows a tenant's key its own tenant.
func (a *API) listTenants(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	if c.who.TenantID != 0 {
		t, err := a.store.Tenant(c.Context(), c.who.TenantID)
		if err != nil {
			return web.Answer{}, err
		}
		return pageOf(webhook.List[webhook.Tenant]{Items: []webhook.Tenant{t}}, viewTenant)
	}
	list, err := a.store.Tenants(c.Context(), p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, viewTenant)
}

func (a *API) createTenant(c *call) (web.Answer, error) {
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	t := webhook.Tenant{Timezone: "UTC"}
	readTenant(b)(&t)
	b.Check(t.Validate())
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	if t, err = a.store.CreateTenant(c.Context(), t); err != nil {
		return web.Answer{}, err
	}
	return web.Created(viewTenant(&t))
}

func (a *API) getTenant(c *call) (web.Answer, error) {
	t, err := a.store.Tenant(c.Context(), c.tenant)
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(viewTenant(&t))
}

func (a *API) updateTenant(c *call) (web.Answer, error) {
	b, err := c.Body()
	if err != nil {
		return web.Answer{}, err
	}
	change := readTenant(b)
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	t, err := a.store.UpdateTenant(c.Context(), c.tenant, func(t *webhook.Tenant) error {
		change(t)
		return t.Validate().Err()
	})
	if err != nil {
		return web.Answer{}, err
	}
	return web.OK(viewTenant(&t))
}

func (a *API) deleteTenant(c *call) (web.Answer, error) {
	if err := c.needAdministrator(); err != nil {
		return web.Answer{}, err
	}
	if err := a.store.DeleteTenant(c.Context(), c.tenant); err != nil {
		return web.Answer{}, err
	}
	return removed(c.tenant)
}
