package admin

import (
	"cubeconnect/web"
	"cubeconnect/webhook"
)

// templateView is the state of one message template.
type templateView struct {
	TenantID   uint32     `json:"tenant_id"`
	AccountID  uint32     `json:"whatsapp_account_id"`
	WABAID     string     `json:"waba_id"`
	TemplateID nullString `json:"template_id"`
	Name       string     `json:"name"`
	Language   string     `json:"language"`
	Category   nullString `json:"category"`
	Status     string     `json:"status"`
	Reason     nullString `json:"reason"`
	UpdatedAt  instant    `json:"updated_at"`
}

func viewTemplate(t *webhook.Template) templateView {
	return templateView{
		TenantID: t.TenantID, AccountID: t.AccountID, WABAID: t.WABAID, TemplateID: nullString(t.MetaID), Name: t.Name, Language: t.Language,
		Category: nullString(t.Category), Status: t.Status, Reason: nullString(t.Reason), UpdatedAt: instant(t.UpdatedAt),
	}
}

func (a *API) listTemplates(c *call) (web.Answer, error) {
	q := c.Query()
	p := q.Page()
	// Statuses are Meta's words: new ones come without notice, so none is refused.
	f := webhook.TemplateFilter{AccountID: q.Number("whatsapp_account_id"), Status: q.String("status")}
	tenant := q.Number("tenant")
	if err := q.Err(); err != nil {
		return web.Answer{}, err
	}
	var err error
	if f.TenantID, err = c.narrow(tenant); err != nil {
		return web.Answer{}, err
	}
	list, err := a.store.Templates(c.Context(), f, p)
	if err != nil {
		return web.Answer{}, err
	}
	return pageOf(list, viewTemplate)
}
