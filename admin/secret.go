package admin

import (
	"context"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// setSecret makes a signing secret, or sets or removes the one that is given, and answers it: the only
// time that it is shown.
func (a *API) setSecret(c *call) (web.Answer, error) {
	e, err := a.endpoint(c)
	if err != nil {
		return web.Answer{}, err
	}
	b, err := c.OptionalBody()
	if err != nil {
		return web.Answer{}, err
	}
	given := web.Member[string](b, "secret")
	secret := webhook.GenerateSecret()
	if given != nil {
		secret = webhook.NewSecret(*given)
	}
	if !secret.IsZero() {
		b.Check(webhook.ValidateSecret(secret))
	}
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	if err := a.SetSecret(c.Context(), c.tenant, e.ID, secret); err != nil {
		return web.Answer{}, err
	}
	return web.OK(struct {
		Secret string `json:"secret"`
	}{secret.Reveal()})
}

// SetSecret sets an endpoint's signing secret; a zero one removes it.
func (a *API) SetSecret(ctx context.Context, tenant, id uint32, secret webhook.Secret) error {
	_, err := a.store.UpdateEndpoint(ctx, tenant, id, func(e *webhook.Endpoint) error {
		e.Secret = secret
		return nil
	})
	if err == nil {
		a.wake(id)
	}
	return err
}
