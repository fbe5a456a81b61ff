package ingress

import (
	"strings"

	"cubeconnect/webhook"
)

// template turns a message_template_status_update into template.status_changed. Events of the future
// pass; a value without event is something else under this name (Meta's own documentation had the
// quality update so) and audited only.
func (p *parser) template(c *change) {
	var event, id, name, language, category, reason string
	members(c.value, func(member string, v value) {
		switch member {
		case "event":
			event = identifier(v)
		case "message_template_id":
			id = strings.Clone(identifier(v))
		case "message_template_name":
			name = strings.Clone(identifier(v))
		case "message_template_language":
			language = strings.Clone(identifier(v))
		case "message_template_category":
			category = strings.Clone(identifier(v))
		case "reason":
			reason = strings.Clone(text(v))
		}
	})
	if event == "" || id == "" && name == "" {
		return
	}
	status := strings.Clone(strings.ToUpper(event))
	at := timeOr(c.entryTime, p.in.ReceivedAt)

	out := &p.out
	out.begin(webhook.TemplateStatusChanged, &c.Route, at)
	out.known("template_id", id) // a string: its 16 digits are more than a careless reader's float keeps
	out.known("template_name", name)
	out.known("language", language)
	out.known("category", category) // absent in older versions of the webhook
	out.text("status", status)
	out.known("reason", reason)

	story := name
	if story == "" {
		story = id
	}
	p.in.Items = append(p.in.Items, webhook.Item{
		TenantID:  c.Tenant,
		AccountID: c.Account,
		Template: &webhook.TemplateItem{
			WABAID:     strings.Clone(c.wabaID),
			TemplateID: id,
			Name:       name,
			Language:   language,
			Category:   category,
			Status:     status,
			Reason:     reason,
			EntryTime:  unix(c.entryTime),
			At:         at,
		},
		Event: &webhook.Event{
			TenantID:     c.Tenant,
			Type:         webhook.TemplateStatusChanged,
			Payload:      out.end(),
			Raw:          out.compact(c.value.raw()),
			Conversation: webhook.ConversationOf(c.Tenant, "template:"+story),
		},
	})
}
