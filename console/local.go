package console

import (
	"net/http"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// LocalPasswordPath is where the command line sets the password.
const LocalPasswordPath = "/local/password"

// Local returns the routes for a socket that only administrators can open.
func (c *Console) Local() []web.Route {
	return []web.Route{{Method: http.MethodPost, Pattern: LocalPasswordPath, Handler: web.JSON(c.setPassword)}}
}

// setPassword sets the password, whatever it was, and ends every session.
func (c *Console) setPassword(r *web.Request) (web.Answer, error) {
	b, err := r.Body()
	if err != nil {
		return web.Answer{}, err
	}
	password := ""
	if given := web.Member[string](b, "password"); given != nil {
		password = *given
	}
	b.Check(CheckPassword(password))
	if err := b.Err(); err != nil {
		return web.Answer{}, err
	}
	phc, err := c.hashing.hash(r.Context(), password)
	if err != nil {
		return web.Answer{}, err
	}
	ctx := webhook.WithActor(r.Context(), webhook.Actor{Kind: webhook.ByLocal})
	if err := c.store.UpdateLogin(ctx, func(l *webhook.Login) error { l.SetPassword(phc); return nil }); err != nil {
		return web.Answer{}, err
	}
	c.log.Info("console password set on the command line")
	return web.OK(struct{}{})
}
