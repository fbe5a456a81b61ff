package admin

import (
	"encoding/json"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// messageView is the state of one WhatsApp message.
type messageView struct {
	WAMID     string          `json:"wamid"`
	TenantID  uint32          `json:"tenant_id"`
	AccountID uint32          `json:"account_id"`
	Direction string          `json:"direction"`
	Customer  string          `json:"customer"`
	Status    string          `json:"status"`
	Errors    json.RawMessage `json:"errors"`
	UpdatedAt instant         `json:"updated_at"`
	History   []stepView      `json:"history"`
}

// stepView is one status that Meta reported.
type stepView struct {
	Status      string  `json:"status"`
	At          instant `json:"at"`
	Participant string  `json:"participant,omitempty"` // of a group
}

func viewMessage(m *webhook.Message) messageView {
	v := messageView{
		WAMID: m.WAMID, TenantID: m.TenantID, AccountID: m.AccountID, Direction: "outbound", Customer: m.Customer,
		Status: m.Status.String(), Errors: rawJSON(m.Errors), UpdatedAt: instant(m.UpdatedAt), History: viewsOf(m.History, viewStep),
	}
	if m.Inbound {
		v.Direction = "inbound"
	}
	return v
}

func viewStep(s *webhook.MessageStep) stepView {
	return stepView{s.Status.String(), instant(s.At), s.Participant}
}

// getMessage answers the message with Meta's id. Should several tenants have one, an administrator gets
// the one that changed last, or names the tenant.
func (a *API) getMessage(c *call) (web.Answer, error) {
	q := c.Query()
	tenant := q.Number("tenant")
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	tenant, err := c.narrow(tenant)
	if err != nil {
		return web.Answer{}, err
	}
	messages, err := a.store.Messages(c.Context(), tenant, c.Param("wamid"))
	if err != nil {
		return web.Answer{}, err
	}
	if len(messages) == 0 {
		return web.Answer{}, webhook.ErrNotFound
	}
	last := &messages[0]
	for i := range messages {
		if messages[i].UpdatedAt.After(last.UpdatedAt) {
			last = &messages[i]
		}
	}
	return web.OK(viewMessage(last))
}
