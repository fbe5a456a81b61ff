package console

import (
	"net/http"
	"net/url"
	"strings"

	"cubeconnect/webhook"
)

type tenantsPage struct {
	frame
	Tenants []webhook.Tenant
	Pager   pager
}

// pager leads through a list.
type pager struct {
	Path  string
	First bool   // this is the first page
	Next  string // the cursor of the next; empty: this is the last
}

// NextURL returns where the next page is. Path can have a query of its own.
func (p pager) NextURL() string {
	sep := "?"
	if strings.Contains(p.Path, "?") {
		sep = "&"
	}
	return p.Path + sep + "cursor=" + url.QueryEscape(p.Next)
}

func (q *request) tenants() error {
	p := q.cursor()
	list, err := q.c.store.Tenants(q.Context(), p)
	if err != nil {
		return err
	}
	return q.render(http.StatusOK, "tenants", &tenantsPage{
		frame: q.frame("tenants.title", "/tenants"), Tenants: list.Items, Pager: pager{"/tenants", p.Cursor == "", list.Next},
	})
}

// tenantOf returns the tenant of the path.
func (q *request) tenantOf() (webhook.Tenant, error) {
	id, err := q.number("tenant")
	if err != nil {
		return webhook.Tenant{}, err
	}
	return q.c.store.Tenant(q.Context(), id)
}

// tenantForm returns the path's tenant and what was entered on its page.
func (q *request) tenantForm() (t webhook.Tenant, f form, err error) {
	if t, err = q.tenantOf(); err == nil {
		f, err = q.parseForm()
	}
	return t, f, err
}

type tenantPage struct {
	frame
	Form   form
	Tenant *webhook.Tenant // nil: a new one
	Erase  string          // path; empty: there are no customers
	Delete string          // path; empty: nothing to delete
	Cancel string
}

func (q *request) newTenant() error {
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	p := &tenantPage{frame: q.frame("tenant.new", "/tenants"), Form: f, Cancel: "/tenants"}
	if !q.posted() {
		f.values.Set("timezone", "UTC")
		return q.render(http.StatusOK, "tenant", p)
	}
	var t webhook.Tenant
	f.tenant(&t)
	f.Merge(t.Validate())
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "tenant", p)
	}
	if t, err = q.c.store.CreateTenant(q.Context(), t); err != nil {
		return err
	}
	return q.done(tenantURL(t.ID)+"/webhook", note{Text: "tenant.made"})
}

// tenant puts what was entered into a tenant.
func (f form) tenant(t *webhook.Tenant) {
	t.Name, t.Timezone = f.Text("name"), f.Text("timezone")
}

func (q *request) editTenant() error {
	t, f, err := q.tenantForm()
	if err != nil {
		return err
	}
	at := tenantURL(t.ID)
	p := &tenantPage{frame: q.frameOf(&t, q.lang.must("nav.details"), at+"/details"), Form: f, Tenant: &t, Erase: at + "/erase", Delete: at + "/delete", Cancel: at + "/webhook"}
	if !q.posted() {
		f.values.Set("name", t.Name)
		f.values.Set("timezone", t.Timezone)
		return q.render(http.StatusOK, "tenant", p)
	}
	_, err = q.c.store.UpdateTenant(q.Context(), t.ID, func(t *webhook.Tenant) error {
		f.tenant(t)
		return t.Validate().Err()
	})
	if err == nil {
		return q.done(at+"/details", note{Text: "saved"})
	}
	status, err := f.refused(err)
	if err != nil {
		return err
	}
	return q.render(status, "tenant", p)
}

func (q *request) deleteTenant() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	if q.posted() {
		if err := q.c.store.DeleteTenant(q.Context(), t.ID); err != nil {
			return err
		}
		return q.done("/tenants", note{Text: "tenant.deleted"})
	}
	at := tenantURL(t.ID)
	return q.confirm(&confirmation{
		frame: q.frameOf(&t, q.lang.must("tenant.delete.title", "name", t.Name), at+"/details"),
		Texts: []string{q.lang.must("tenant.delete.all"), q.lang.must("confirm.final")}, Button: q.lang.must("tenant.delete"), Cancel: at + "/details",
	})
}
