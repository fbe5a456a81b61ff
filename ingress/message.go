package ingress

import (
	"strings"

	"cubeconnect/webhook"
)

// message turns an element of messages[] into message.received, whatever its type. Only the id is
// demanded: users who hide their number have no from, system messages no contact.
func (p *parser) message(c *change, people *people, m value) {
	var id, from, fromUserID, groupID, kind string
	var timestamp, context, object value
	members(m, func(name string, v value) {
		switch name {
		case "id":
			id = elementID(v)
		case "from":
			from = identifier(v)
		case "from_user_id":
			fromUserID = identifier(v)
		case "group_id":
			groupID = identifier(v)
		case "type":
			kind, object = text(v), value{}
		case "timestamp":
			timestamp = v
		case "context":
			context = v
		case kind:
			object = v
		}
	})
	if id == "" {
		return
	}
	if kind == "" {
		kind = "unknown"
	}
	sender := people.sender(from, fromUserID)
	if object.kind() == absent {
		object = member(m, kind) // it stands before the type
	}
	content := contentOf(kind, object)
	at := timeOr(timestamp, p.in.ReceivedAt)

	out := &p.out
	out.begin(webhook.MessageReceived, &c.Route, at)
	out.text("wa_message_id", id)
	out.known("from", sender.id())
	out.known("sender_name", sender.name)
	out.text("type", kind)
	out.text("content", content.text)
	out.extra("user_id", sender.userID)
	if content.isMedia {
		out.media(content.object)
	}
	out.extra("group_id", groupID)
	if context.kind() == isObject {
		out.meta("context", context.raw())
	}
	out.extra("related_message_id", content.relatedID)
	out.extra("reply_id", content.replyID)

	// In a group the conversation is the group's: its statuses name the group as their recipient.
	conversation := groupID
	if conversation == "" {
		conversation = sender.id()
	}
	made := &struct {
		item  webhook.MessageItem
		event webhook.Event
	}{
		item: webhook.MessageItem{
			PhoneNumberID: c.phoneNumberID,
			MessageID:     strings.Clone(id),
			Customer:      strings.Clone(sender.id()),
			At:            at,
		},
		event: webhook.Event{
			TenantID:     c.Tenant,
			Type:         webhook.MessageReceived,
			Payload:      out.end(),
			Raw:          out.compact(m.raw()),
			Conversation: webhook.ConversationOf(c.Tenant, conversation),
		},
	}
	p.in.Items = append(p.in.Items, webhook.Item{
		TenantID: c.Tenant, AccountID: c.Account, Message: &made.item, Event: &made.event,
	})
}

// media writes what a media message refers to: a media id is good for 7 days, the receiver fetches it.
func (p *payload) media(object value) {
	var id, mimeType, sha256, filename string
	members(object, func(name string, v value) {
		switch name {
		case "id":
			id = identifier(v)
		case "mime_type":
			mimeType = text(v)
		case "sha256":
			sha256 = text(v)
		case "filename":
			filename = text(v)
		}
	})
	p.raw("media", "{")
	p.known("id", id)
	p.known("mime_type", mimeType)
	p.known("sha256", sha256)
	p.known("filename", filename)
	p.b = append(p.b, '}')
}
