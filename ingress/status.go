package ingress

import (
	"bytes"
	"strings"

	"cubeconnect/webhook"
)

// status turns an element of statuses[] into message.status_updated if its status is one of the four;
// played, deleted, warning and words of the future are audited only.
func (p *parser) status(c *change, people *people, s value) {
	var id, recipientID, recipientUserID, word string
	var participant participant
	var timestamp, errors value
	members(s, func(name string, v value) {
		switch name {
		case "id":
			id = elementID(v)
		case "status":
			word = text(v)
		case "recipient_id":
			recipientID = identifier(v)
		case "recipient_user_id":
			recipientUserID = identifier(v)
		case "timestamp":
			timestamp = v
		case "errors":
			errors = v
		default:
			participant.read(name, v)
		}
	})
	status, known := webhook.ParseMessageStatus(word)
	if id == "" || !known {
		return
	}
	// A status sent to a user id has no recipient_id. A contact helps only if it is surely the one:
	// a value can hold statuses of several people.
	recipient, _ := people.find(recipientID, recipientUserID)
	if recipientID != "" {
		recipient.waID = recipientID
	}
	if recipientUserID != "" {
		recipient.userID = recipientUserID
	}
	at := timeOr(timestamp, p.in.ReceivedAt)
	faults := p.errors(errors)

	out := &p.out
	out.begin(webhook.MessageStatusUpdated, &c.Route, at)
	out.text("message_id", id)
	out.text("status", status.String())
	out.known("recipient", recipient.id())
	if faults == nil {
		out.raw("errors", "null")
	} else {
		out.raw("errors", string(faults))
	}
	out.extra("user_id", recipient.userID)
	out.extra("participant", participant.id())

	made := &struct {
		item  webhook.StatusItem
		event webhook.Event
	}{
		item: webhook.StatusItem{
			PhoneNumberID: c.phoneNumberID,
			MessageID:     strings.Clone(id),
			Status:        status,
			Participant:   strings.Clone(participant.id()),
			Customer:      strings.Clone(recipient.id()),
			At:            at,
			Errors:        faults,
		},
		event: webhook.Event{
			TenantID:     c.Tenant,
			Type:         webhook.MessageStatusUpdated,
			Payload:      out.end(),
			Raw:          out.compact(s.raw()),
			Conversation: webhook.ConversationOf(c.Tenant, recipient.id()),
		},
	}
	p.in.Items = append(p.in.Items, webhook.Item{
		TenantID: c.Tenant, AccountID: c.Account, Status: &made.item, Event: &made.event,
	})
}

// participant is the member of a group whose status it is: such a message has one status of each.
type participant struct{ phone, userID string }

// read takes the members that name a participant; the groups page has the phone's under two names.
func (p *participant) read(name string, v value) {
	switch name {
	case "recipient_participant_id":
		p.phone = identifier(v)
	case "participant_recipient_id":
		if p.phone == "" {
			p.phone = identifier(v)
		}
	case "recipient_participant_user_id":
		p.userID = identifier(v)
	}
}

func (p *participant) id() string {
	if p.phone != "" {
		return p.phone
	}
	return p.userID
}

// errors returns Meta's errors as a JSON array, or nil if there are none. Each has a code and a title:
// older ones lack the title and have a message or details.
func (p *parser) errors(array value) []byte {
	out := &p.out
	out.b = append(out.b[:0], '[')
	elements(array, func(e value) {
		var code, title, message, details value
		members(e, func(name string, v value) {
			switch name {
			case "code":
				code = v
			case "title":
				title = v
			case "message":
				message = v
			case "details":
				details = v
			}
		})
		if len(out.b) > 1 {
			out.b = append(out.b, ',')
		}
		out.b = appendCompact(out.b, e.raw())
		out.b = out.b[:len(out.b)-1] // open the object again
		if code.kind() == absent {
			out.raw("code", "null")
		}
		if title.kind() == absent {
			said := text(message)
			if said == "" {
				said = text(details)
			}
			out.known("title", said)
		}
		out.b = append(out.b, '}')
	})
	if len(out.b) == 1 {
		return nil
	}
	return bytes.Clone(append(out.b, ']'))
}
