package admin

import (
	"context"
	"encoding/json"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

type deliveryView struct {
	ID            webhook.ID      `json:"id"`
	EventID       webhook.ID      `json:"event_id"`
	Event         string          `json:"event"`
	TenantID      uint32          `json:"tenant_id"`
	EndpointID    uint32          `json:"endpoint_id"`
	Status        webhook.Status  `json:"status"`
	AttemptCount  int             `json:"attempt_count"`
	NextAttemptAt instant         `json:"next_attempt_at"`
	CreatedAt     instant         `json:"created_at"`
	FinishedAt    instant         `json:"finished_at"`
	Payload       json.RawMessage `json:"payload,omitempty"`  // absent in lists
	Attempts      *[]attemptView  `json:"attempts,omitempty"` // likewise
}

func viewDelivery(d *webhook.Delivery) *deliveryView {
	return &deliveryView{
		ID: d.ID, EventID: d.EventID(), Event: d.EventType, TenantID: d.TenantID, EndpointID: d.EndpointID(), Status: d.Status,
		AttemptCount: d.AttemptCount, NextAttemptAt: instant(d.NextAttemptAt), CreatedAt: instant(d.ID.Time()), FinishedAt: instant(d.FinishedAt),
	}
}

var deliveryStatuses = []string{webhook.Pending.String(), webhook.Retrying.String(), webhook.Succeeded.String(), webhook.Failed.String()}

func (a *API) listDeliveries(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	status, _ := webhook.ParseStatus(q.OneOf("status", deliveryStatuses...))
	f := webhook.DeliveryFilter{Status: status, EventType: q.OneOf("event", webhook.EventTypes...), EndpointID: q.Number("endpoint"), Range: q.Range()}
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.Deliveries(c.Context(), c.tenant, f, p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, viewDelivery)
}

func (a *API) getDelivery(c *call) (web.Answer, error) {
	id, err := c.id("delivery")
	if err != nil {
		return web.Answer{}, err
	}
	d, e, err := a.store.Delivery(c.Context(), c.tenant, id)
	if err != nil {
		return web.Answer{}, err
	}
	v := viewDelivery(&d)
	v.Payload = rawJSON(e.Payload)
	v.Attempts = new(viewsOf(d.Attempts, viewAttempt))
	return web.OK(v)
}

// retryDelivery makes one delivery due now and answers it as it then stands.
func (a *API) retryDelivery(c *call) (web.Answer, error) {
	id, err := c.id("delivery")
	if err != nil {
		return web.Answer{}, err
	}
	if err := a.Retry(c.Context(), c.tenant, id); err != nil {
		return web.Answer{}, err
	}
	d, _, err := a.store.Delivery(c.Context(), c.tenant, id)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(viewDelivery(&d))
}

// Retry makes one delivery due now: see [Store].
func (a *API) Retry(ctx context.Context, tenant uint32, id webhook.ID) error {
	err := a.store.Retry(ctx, tenant, id)
	if err == nil {
		a.wake(id.Owner())
	}
	return err
}
