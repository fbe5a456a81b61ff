package admin

import (
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
	if _, err := a.store.UpdateEndpoint(c.Context(), c.tenant, e.ID, func(e *webhook.Endpoint) error {
		e.Secret = secret
		return nil
	}); err != nil {
		return web.Answer{}, err
	}
	a.wake(e.ID)
	return web.OK(struct {
		Secret string `json:"secret"`
	}{secret.Reveal()})
}
