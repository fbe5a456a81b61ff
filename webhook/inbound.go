package webhook

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Inbound is one signed POST from Meta and what was understood of it.
type Inbound struct {
	ReceivedAt time.Time
	RemoteAddr string
	Headers    map[string]string // those worth keeping
	Body       []byte            // raw, as it was signed
	Items      []Item            // in the order of the body
	Tenants    []uint32          // every tenant it was routed to, ascending
	// Unparsed: the body is no JSON object. Unrouted: a change belongs to no known account.
	Unparsed, Unrouted bool
}

// Stranger is what a change names that belongs to no known account. One of the ids can be empty.
type Stranger struct{ WABAID, PhoneNumberID string }

// Item is one element of an inbound POST that may change something for a tenant.
type Item struct {
	TenantID  uint32
	AccountID uint32
	// Exactly one of these is set; it also names the item for deduplication.
	Message  *MessageItem
	Status   *StatusItem
	Template *TemplateItem
	Account  *AccountItem
	// Event is what the item means to the tenant's endpoints, without ids; nil if nothing.
	Event *Event
}

// MessageItem is an element of messages[]: a repeat has the same PhoneNumberID and MessageID.
type MessageItem struct {
	PhoneNumberID string
	MessageID     string
	Customer      string
	At            time.Time
}

// StatusItem is an element of statuses[] with a known status: a repeat has the same PhoneNumberID,
// MessageID, Status and Participant.
type StatusItem struct {
	PhoneNumberID string
	MessageID     string
	Status        MessageStatus
	Participant   string // of a group, or empty
	Customer      string
	At            time.Time
	Errors        []byte // Meta's errors[] as JSON, or nil
}

// TemplateItem is a template's status change: a repeat has the same WABAID, TemplateID, Language, Status
// and EntryTime. Without a TemplateID the name stands for it.
type TemplateItem struct {
	WABAID     string
	TemplateID string
	Name       string
	Language   string
	Category   string
	Status     string
	Reason     string
	EntryTime  int64
	At         time.Time
}

// AccountItem is what Meta reported of an account. Nil members were not reported. It is new if it
// changes anything, which one that was sent before the last does not; a repeat says the same of the same
// at the same time.
type AccountItem struct {
	WABAID             string
	PhoneNumberID      string // of the one number concerned, or empty: every number of the WABA
	DisplayPhoneNumber string // likewise
	Quality            *string
	MessagingLimit     *string
	Review             *string
	Restricted         *bool
	Ban                *string
	NameReview         *string
	At                 time.Time
}

// AuditOutcome is what became of an inbound POST.
type AuditOutcome string

// The outcomes of a signed POST.
const (
	Accepted  AuditOutcome = "accepted"  // something in it was new
	Duplicate AuditOutcome = "duplicate" // nothing but repeats
	Ignored   AuditOutcome = "ignored"   // nothing that the relay acts on
	Unrouted  AuditOutcome = "unrouted"  // nothing for a known account
	Unparsed  AuditOutcome = "unparsed"  // not a JSON object
)

// AuditOutcomes lists the outcomes.
var AuditOutcomes = []AuditOutcome{Accepted, Duplicate, Ignored, Unrouted, Unparsed}

// Audit is the record of one inbound POST.
type Audit struct {
	ID         ID
	ReceivedAt time.Time
	RemoteAddr string
	Size       int // of the body as it came
	Outcome    AuditOutcome
	TenantIDs  []uint32
	Foreign    bool // some of the body belongs to no known account
	EventIDs   []ID
	ErasedAt   time.Time         // when the body last lost what it said of an erased customer; zero: it is as it came
	Headers    map[string]string // nil in lists
	Body       []byte            // nil in lists
}

// MessageStatus is a message's place on its way, ordered so that a greater one wins.
type MessageStatus uint8

// The statuses. Failed is final unless delivered or read follows.
const (
	MessageSent MessageStatus = iota + 1
	MessageFailed
	MessageDelivered
	MessageRead
	// MessageInbound is the only status of a message that a customer sent.
	MessageInbound
)

var messageStatusNames = [...]string{MessageSent: "sent", MessageFailed: "failed", MessageDelivered: "delivered", MessageRead: "read", MessageInbound: "received"}

// String returns Meta's word, or "received" for a customer's message.
func (s MessageStatus) String() string {
	if s >= MessageSent && int(s) < len(messageStatusNames) {
		return messageStatusNames[s]
	}
	return "unknown"
}

// ParseMessageStatus returns the status for Meta's word, and false for words that are audited only.
func ParseMessageStatus(word string) (MessageStatus, bool) {
	switch word {
	case "sent":
		return MessageSent, true
	case "delivered":
		return MessageDelivered, true
	case "read":
		return MessageRead, true
	case "failed":
		return MessageFailed, true
	}
	return 0, false
}

// Message is the state of one WhatsApp message.
type Message struct {
	WAMID     string
	TenantID  uint32
	AccountID uint32
	Inbound   bool
	Customer  string
	Status    MessageStatus // never moves backwards
	Errors    []byte        // Meta's errors[] of the failure, as JSON, or nil
	UpdatedAt time.Time
	History   []MessageStep // in the order of arrival
}

// MessageStep is one status that Meta reported.
type MessageStep struct {
	Status      MessageStatus
	At          time.Time // Meta's time
	Participant string    // of a group, or empty
}

// Template is the state of one message template.
type Template struct {
	TenantID  uint32
	AccountID uint32
	WABAID    string
	MetaID    string
	Name      string
	Language  string
	Category  string
	Status    string
	Reason    string
	UpdatedAt time.Time
}

// HashSize is the length of [Hash]'s result.
const HashSize = 16

// Hash returns a short name for a list of strings; lists that differ have different names for all
// practical purposes (128 bits of SHA-256, each part with its length in front).
func Hash(parts ...string) (h [HashSize]byte) {
	buf := make([]byte, 0, 256)
	for _, p := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(p)))
		buf = append(buf, p...)
	}
	sum := sha256.Sum256(buf)
	copy(h[:], sum[:])
	return h
}
