package admin

import (
	"context"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// eraseTime is enough to read some ten gigabytes.
const eraseTime = 10 * time.Minute

type erasedView struct {
	Messages    int      `json:"messages"`
	LastInbound int      `json:"last_inbound"`
	Events      int      `json:"events"`
	Deliveries  int      `json:"deliveries"`
	Attempts    int      `json:"attempts"`
	Audits      int      `json:"audit_records"`
	Mentions    int      `json:"mentions"`
	AlsoKnownAs []string `json:"also_known_as"`
}

// eraseCustomer removes a customer's data and answers how much there was.
func (a *API) eraseCustomer(c *call) (web.Answer, error) {
	customer, ok := webhook.ParseCustomer(c.Param("phone"))
	if !ok {
		return web.Answer{}, webhook.FieldErrors{"phone": {"must be a phone number with its country code, such as 966501234567, or a business-scoped user id"}}
	}
	c.Extend(eraseTime)
	done, err := a.Erase(c.Context(), webhook.Erasure{TenantID: c.tenant, Customer: customer})
	if err != nil {
		return web.Answer{}, err
	}
	v := erasedView{done.Messages, done.LastInbound, done.Events, done.Deliveries, done.Attempts, done.Audits, done.Mentions, []string{}}
	v.AlsoKnownAs = append(v.AlsoKnownAs, done.AlsoKnownAs...)
	return web.OK(v)
}

// Erase removes what is kept of a tenant's customer: see [Store]. Nothing of it is sent once this returns.
func (a *API) Erase(ctx context.Context, e webhook.Erasure) (webhook.Erased, error) {
	done, err := a.store.Erase(ctx, e)
	if done.Events+done.Mentions > 0 {
		a.reread()
		a.wakeAll(context.WithoutCancel(ctx), e.TenantID, 0) // in a group, others may have waited behind it
	}
	return done, err
}
