package webhook

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// Erasure asks for what is kept of a tenant's customer to be removed.
type Erasure struct {
	TenantID uint32
	Customer string // as [ParseCustomer] returns it
}

// Erased is what was removed, or changed because it named the customer.
type Erased struct {
	Messages    int // whose state was forgotten
	LastInbound int // times of the last inbound message, one an account
	Events      int
	Deliveries  int // of these events
	Attempts    int // of these deliveries
	Audits      int // POSTs that lost what they said of the customer
	Mentions    int // other customers' events in which the id stood and stands no more
	// AlsoKnownAs are other ids that Meta's webhooks gave the same person. What is kept under those is still
	// there.
	AlsoKnownAs []string
}

// maxAliases bounds [Erased.AlsoKnownAs].
const maxAliases = 20

var (
	phoneForm  = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)                       // E.164
	userIDForm = regexp.MustCompile(`^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9_-]{1,128}$`) // of users who hide their number
)

// ParseCustomer returns the id that Meta's webhooks have for a customer: a phone number in digits with its
// country code, which people also write with a plus sign, spaces and punctuation, or a business-scoped user
// id. It returns false for what can't be either.
func ParseCustomer(text string) (id string, ok bool) {
	text = strings.TrimSpace(text)
	if userIDForm.MatchString(text) {
		return text, true
	}
	id = strings.TrimPrefix(strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(text), "+")
	return id, phoneForm.MatchString(id)
}

// masked is how much of an id may be read where not everybody may know whose it is.
const masked = 3

// Entry returns the line that an erasure leaves. It has only the end of the customer's id.
func (e *Erasure) Entry() TrailEntry {
	return TrailEntry{Action: CustomerErased, TenantID: e.TenantID, Name: "…" + e.Customer[max(0, len(e.Customer)-masked):]}
}

// Concerns reports whether an event is about the customer, or the conversation with it.
func (e *Erasure) Concerns(ev *Event) bool {
	p := peopleOf(ev)
	return ev.Conversation == ConversationOf(e.TenantID, e.Customer) ||
		slices.ContainsFunc([]string{p.From, p.Recipient, p.Participant, p.UserID, p.UserPhone, p.CustomerPhone}, e.Names)
}

// Names reports whether a value is the customer's id. Only Meta's own objects write numbers without a plus.
func (e *Erasure) Names(value string) bool { return strings.TrimPrefix(value, "+") == e.Customer }

// Aliases adds to a list the other id by which an event knows the customer, if it does.
func (e *Erasure) Aliases(known []string, ev *Event) []string {
	p := peopleOf(ev)
	number := p.From
	if number == "" {
		number = p.Recipient
	}
	other := ""
	switch {
	case number == "" || p.UserID == "" || p.Participant != "": // in a group the recipient is the group
	case e.Names(number):
		other = p.UserID
	case e.Names(p.UserID):
		other = number
	}
	if other == "" || e.Names(other) || len(known) == maxAliases || slices.Contains(known, other) {
		return known
	}
	return append(known, other)
}

// people are the members of payloads that name a customer.
type people struct {
	From          string `json:"from"`
	Recipient     string `json:"recipient"`
	Participant   string `json:"participant"`
	UserID        string `json:"user_id"`
	UserPhone     string `json:"user_phone"`
	CustomerPhone string `json:"customer_phone"`
}

func peopleOf(ev *Event) (p people) {
	_ = json.Unmarshal(ev.Payload, &p) // a member of another type names nobody; the others are read all the same
	return p
}
