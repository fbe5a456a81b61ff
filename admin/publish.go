package admin

import (
	"encoding/json"
	"errors"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

const idempotencyHeader = "Idempotency-Key"

// publish stores an event of the platform's own. What it answers is on disk, with its deliveries.
func (a *API) publish(c *call) (web.Answer, error) {
	t, err := a.store.Tenant(c.Context(), c.tenant)
	if err != nil {
		return web.Answer{}, err
	}
	p, err := a.readPublication(c, &t)
	if err != nil {
		return web.Answer{}, err
	}
	id, err := a.store.Publish(c.Context(), p)
	if err != nil {
		return web.Answer{}, err
	}
	return web.Accepted(struct {
		EventID webhook.ID `json:"event_id"`
	}{id})
}

func (a *API) readPublication(c *call, t *webhook.Tenant) (webhook.Publication, error) {
	b, err := c.Body()
	if err != nil {
		return webhook.Publication{}, err
	}
	var eventType string
	if name := web.Member[string](b, "event"); name != nil {
		eventType = *name
	}
	data, null := web.NullableMember[json.RawMessage](b, "data")
	if null {
		data = new(json.RawMessage("null"))
	} else if data == nil {
		data = new(json.RawMessage)
	}
	p, account, err := webhook.NewPublication(t, eventType, *data, a.now())
	if faults := (webhook.FieldErrors)(nil); errors.As(err, &faults) {
		b.Check(faults)
	}
	if keys := c.Header.Values(idempotencyHeader); len(keys) > 0 {
		p.IdempotencyKey = keys[0]
		b.Check(webhook.ValidateIdempotencyKey(keys[0]))
		if len(keys) > 1 {
			b.Fault(idempotencyHeader, "is given %d times", len(keys))
		}
	}
	if err := b.Err(); err != nil {
		return p, err
	}
	return p, a.checkAccount(c, account)
}

// checkAccount refuses an account that is not the tenant's.
func (a *API) checkAccount(c *call, account uint32) error {
	if account == 0 {
		return nil
	}
	_, err := a.store.Account(c.Context(), c.tenant, account)
	if errors.Is(err, webhook.ErrNotFound) {
		return webhook.FieldErrors{"data.whatsapp_account_id": {"is not an account of this tenant"}}
	}
	return err
}
