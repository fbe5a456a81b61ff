package admin

import (
	"encoding/json"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

type eventView struct {
	ID         webhook.ID       `json:"id"`
	TenantID   uint32           `json:"tenant_id"`
	Event      string           `json:"event"`
	CreatedAt  instant          `json:"created_at"`
	Payload    json.RawMessage  `json:"payload"`
	AuditID    *webhook.ID      `json:"audit_id"`             // null: published, or of the flow engine
	Deliveries *[]*deliveryView `json:"deliveries,omitempty"` // absent in lists
}

func viewEvent(e *webhook.Event) *eventView {
	v := &eventView{ID: e.ID, TenantID: e.TenantID, Event: e.Type, CreatedAt: instant(e.CreatedAt()), Payload: rawJSON(e.Payload)}
	if !e.AuditID.IsZero() {
		v.AuditID = &e.AuditID
	}
	return v
}

func (a *API) listEvents(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	f := webhook.EventFilter{Type: q.OneOf("event", webhook.EventTypes...), Range: q.Range()}
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.Events(c.Context(), c.tenant, f, p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, viewEvent)
}

func (a *API) getEvent(c *call) (web.Answer, error) {
	id, err := c.id("event")
	if err != nil {
		return web.Answer{}, err
	}
	e, deliveries, err := a.store.Event(c.Context(), c.tenant, id)
	if err != nil {
		return web.Answer{}, err
	}
	v := viewEvent(&e)
	v.Deliveries = new(viewsOf(deliveries, viewDelivery))
	return web.OK(v)
}
