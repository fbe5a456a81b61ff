package admin

import (
	"context"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// maxOverlap bounds how long a secret goes on signing after it was replaced.
const maxOverlap = webhook.Duration(30 * 24 * time.Hour)

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
	given, overlap := web.Member[string](b, "secret"), webhook.Duration(webhook.SecretOverlap)
	if d := web.Member[webhook.Duration](b, "overlap"); d != nil {
		if overlap = *d; overlap < 0 || overlap > maxOverlap {
			b.Fault("overlap", "must be between 0s and %s", maxOverlap)
		}
	}
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
	if e, err = a.changeSecret(c.Context(), c.tenant, e.ID, secret, time.Duration(overlap)); err != nil {
		return web.Answer{}, err
	}
	return web.OK(struct {
		Secret        string  `json:"secret"`
		OldSecretEnds instant `json:"old_secret_ends_at"`
	}{secret.Reveal(), instant(e.OldSecretEnds)})
}

// SetSecret sets an endpoint's signing secret, with [webhook.SecretOverlap] for the one before; a zero one
// removes it.
func (a *API) SetSecret(ctx context.Context, tenant, id uint32, secret webhook.Secret) error {
	_, err := a.changeSecret(ctx, tenant, id, secret, webhook.SecretOverlap)
	return err
}

func (a *API) changeSecret(ctx context.Context, tenant, id uint32, secret webhook.Secret, overlap time.Duration) (webhook.Endpoint, error) {
	e, err := a.store.UpdateEndpoint(ctx, tenant, id, func(e *webhook.Endpoint) error {
		e.SetSecret(secret, overlap, a.now())
		return nil
	})
	if err == nil {
		a.wake(id)
	}
	return e, err
}
