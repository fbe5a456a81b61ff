package console

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"cubeconnect/webhook"
)

type keysPage struct {
	frame
	Keys  []keyRow
	Pager pager
}

type keyRow struct {
	webhook.APIKey
	Tenant string // empty: an administrator's
}

func (q *request) keys() error {
	page := q.cursor()
	list, err := q.c.store.APIKeys(q.Context(), page)
	if err != nil {
		return err
	}
	p := &keysPage{frame: q.frame("keys.title", "/api-keys"), Pager: pager{"/api-keys", page.Cursor == "", list.Next}}
	for _, k := range list.Items {
		row := keyRow{APIKey: k}
		if k.TenantID != 0 {
			t, err := q.c.store.Tenant(q.Context(), k.TenantID)
			if err != nil && !errors.Is(err, webhook.ErrNotFound) { // deleted this moment, and its keys with it
				return err
			}
			row.Tenant = t.Name
		}
		p.Keys = append(p.Keys, row)
	}
	return q.render(http.StatusOK, "keys", p)
}

type keyPage struct {
	frame
	Form    form
	Tenants []keyTenant
}

type keyTenant struct{ ID, Name string }

func (q *request) newKey() error {
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	list, err := q.c.store.Tenants(q.Context(), webhook.Page{Limit: webhook.MaxPage})
	if err != nil {
		return err
	}
	p := &keyPage{frame: q.frame("key.new", "/api-keys"), Form: f}
	for _, t := range list.Items {
		p.Tenants = append(p.Tenants, keyTenant{strconv.FormatUint(uint64(t.ID), 10), t.Name})
	}
	if !q.posted() {
		return q.render(http.StatusOK, "key", p)
	}
	var tenant uint64
	if s := f.Value("tenant"); s != "" {
		if tenant, err = strconv.ParseUint(s, 10, 32); err != nil || tenant == 0 {
			f.faults.Add("tenant_id", "is not the id of a tenant")
		}
	}
	f.Merge(webhook.ValidateName(f.Text("name")))
	if f.Wrong() {
		return q.render(http.StatusUnprocessableEntity, "key", p)
	}
	secret, _, err := q.c.admin.CreateKey(q.Context(), f.Text("name"), uint32(tenant))
	if err == nil {
		return q.done("/api-keys", note{Text: "key.made", Secret: secret})
	}
	status, err := f.refused(err)
	if err != nil {
		return err
	}
	return q.render(status, "key", p)
}

func (q *request) deleteKey() error {
	id, err := q.number("key")
	if err != nil {
		return err
	}
	if id == math.MaxUint32 {
		return webhook.ErrNotFound // no list begins above it
	}
	// The list goes from the highest id down.
	list, err := q.c.store.APIKeys(q.Context(), webhook.Page{Limit: 1, Cursor: fmt.Sprint(uint64(id) + 1)})
	if err != nil {
		return err
	}
	if len(list.Items) == 0 || list.Items[0].ID != id {
		return webhook.ErrNotFound
	}
	if q.posted() {
		if err := q.c.store.DeleteAPIKey(q.Context(), id); err != nil {
			return err
		}
		return q.done("/api-keys", note{Text: "key.revoked"})
	}
	return q.confirm(&confirmation{
		frame: q.frame("key.revoke.title", "/api-keys"), Cancel: "/api-keys", Button: q.lang.must("key.revoke"),
		Texts: []string{list.Items[0].Name + " (" + list.Items[0].Prefix + "…)", q.lang.must("key.revoke.text"), q.lang.must("confirm.final")},
	})
}
