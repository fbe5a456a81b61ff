package webhook

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"
)

// The event types. See the event table in docs/events.md for each one's fields.
const (
	MessageStatusUpdated  = "message.status_updated"
	MessageReceived       = "message.received"
	CampaignCreated       = "campaign.created"
	CampaignStarted       = "campaign.started"
	CampaignCompleted     = "campaign.completed"
	TemplateSubmitted     = "template.submitted"
	TemplateStatusChanged = "template.status_changed"
	FlowSessionStarted    = "flow.session_started"
	FlowSessionCompleted  = "flow.session_completed"
	FlowSessionCancelled  = "flow.session_cancelled"
	AccountQualityEvent   = "account.quality_event"
	WebhookTest           = "webhook.test"
)

// EventTypes lists every event type, in the order of the documentation.
var EventTypes = []string{
	MessageStatusUpdated, MessageReceived, CampaignCreated, CampaignStarted, CampaignCompleted, TemplateSubmitted,
	TemplateStatusChanged, FlowSessionStarted, FlowSessionCompleted, FlowSessionCancelled, AccountQualityEvent, WebhookTest,
}

// IsEventType reports whether name is one of [EventTypes].
func IsEventType(name string) bool { return slices.Contains(EventTypes, name) }

// Event is one thing that happened to a tenant.
type Event struct {
	ID       ID
	TenantID uint32
	Type     string
	// Payload is the JSON object that endpoints receive: these very bytes in every attempt.
	Payload []byte
	// Raw is Meta's own object, for endpoints with IncludeRaw. Nil if there is none, or if no endpoint
	// wanted it when the event was stored.
	Raw []byte
	// Conversation is what deliveries of this event keep their order within. Zero: none.
	Conversation Conversation
	AuditID      ID // the inbound POST it came from; zero if it was published
}

// CreatedAt returns when the event was stored.
func (e *Event) CreatedAt() time.Time { return e.ID.Time() }

// MessageID returns the id of the WhatsApp message that the event is about; empty if it is about none.
func (e *Event) MessageID() string {
	var of struct {
		Received string `json:"wa_message_id"`
		Status   string `json:"message_id"`
	}
	_ = json.Unmarshal(e.Payload, &of) // what can't be read is about none
	return cmp.Or(of.Received, of.Status)
}

// Body returns the request body for an endpoint: the payload, with Meta's object as its member "raw"
// where the endpoint asked for it and there is one.
func (e *Event) Body(includeRaw bool) []byte {
	if !includeRaw || len(e.Payload) < 2 {
		return e.Payload
	}
	raw := e.Raw
	if raw == nil {
		raw = []byte("null")
	}
	body := make([]byte, 0, len(e.Payload)+len(raw)+8)
	body = append(body, e.Payload[:len(e.Payload)-1]...)
	body = append(body, `,"raw":`...)
	body = append(body, raw...)
	return append(body, '}')
}

// Conversation names what keeps its order on the way to an endpoint: a tenant's customer, or another
// thing whose events tell a story. It is a hash; zero means no order.
type Conversation uint64

// ConversationOf returns the conversation of a tenant with a customer (a phone number, a
// business-scoped user id or a group id). An empty customer has none.
func ConversationOf(tenant uint32, customer string) Conversation {
	if customer == "" {
		return 0
	}
	h := sha256.Sum256(append(binary.BigEndian.AppendUint32(nil, tenant), customer...))
	return Conversation(binary.BigEndian.Uint64(h[:8]) | 1)
}
