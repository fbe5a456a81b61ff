package webhook

import "time"

// Status is where a delivery stands.
type Status uint8

// A delivery begins as Pending and ends as Succeeded or Failed; a Failed one is a dead letter.
const (
	Pending  Status = iota + 1 // no attempt has ended yet
	Retrying                   // an attempt failed, another will follow
	Succeeded
	Failed
)

var statusNames = [...]string{Pending: "pending", Retrying: "retrying", Succeeded: "succeeded", Failed: "failed"}

// String returns the word that the API uses.
func (s Status) String() string {
	if s >= Pending && int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "unknown"
}

// Ended reports whether no attempt will follow by itself.
func (s Status) Ended() bool { return s == Succeeded || s == Failed }

// MarshalText implements [encoding.TextMarshaler].
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseStatus is the inverse of [Status.String].
func ParseStatus(name string) (Status, bool) {
	for s, n := range statusNames {
		if n == name && n != "" {
			return Status(s), true
		}
	}
	return 0, false
}

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID            ID // the event's id, owned by the endpoint
	TenantID      uint32
	EventType     string
	Status        Status
	Conversation  Conversation
	AttemptCount  int       // attempts ever made, replays included
	Round         int       // attempts since the delivery was made or last replayed: the place in the schedule
	NextAttemptAt time.Time // zero once ended, and while an earlier delivery of the conversation is unfinished
	FinishedAt    time.Time // zero until ended
	Attempts      []Attempt // the last [MaxAttemptsKept]; nil in lists
	Raw           bool      // its body has Meta's own object, whatever the endpoint wants by now: all attempts send the same
}

// EndpointID returns the endpoint that the delivery goes to.
func (d *Delivery) EndpointID() uint32 { return d.ID.Owner() }

// EventID returns the id of the delivery's event.
func (d *Delivery) EventID() ID { return d.ID.OfTenant(d.TenantID) }

// Bounds of the attempt log.
const (
	MaxAttemptsKept  = 60
	MaxResponseBytes = 4 << 10
)

// Attempt is one HTTP request of a delivery.
type Attempt struct {
	Number       int
	StartedAt    time.Time
	Duration     time.Duration
	StatusCode   int        // 0: no answer
	Error        ErrorClass // empty: success
	ResponseBody []byte     // the first [MaxResponseBytes]
}

// ErrorClass says in one word of a closed set why an attempt failed.
type ErrorClass string

// The error classes.
const (
	ErrorDNS     ErrorClass = "dns"
	ErrorRefused ErrorClass = "refused"
	ErrorTimeout ErrorClass = "timeout"
	ErrorTLS     ErrorClass = "tls"
	ErrorReset   ErrorClass = "reset"
	ErrorBlocked ErrorClass = "blocked"
	ErrorStatus  ErrorClass = "status"
	ErrorOther   ErrorClass = "other"
)

// ErrorClasses lists the error classes, for metrics to start each series at zero.
var ErrorClasses = []ErrorClass{ErrorDNS, ErrorRefused, ErrorTimeout, ErrorTLS, ErrorReset, ErrorBlocked, ErrorStatus, ErrorOther}

// Claim is a delivery taken for one attempt, with all that the attempt needs.
type Claim struct {
	ID       ID // the delivery's
	EventID  ID
	Type     string
	Number   int // of this attempt, from 1, replays included
	Round    int // of this attempt, from 1, since the delivery was made or last replayed
	Endpoint *Endpoint
	Body     []byte
}

// Verdict says what an attempt's outcome means for its delivery.
type Verdict uint8

const (
	// Delivered: the endpoint has it.
	Delivered Verdict = iota + 1
	// Retry: it failed; the schedule decides whether another attempt follows.
	Retry
	// Refused: it failed and another attempt would fail the same way: a dead letter at once.
	Refused
	// Gone: the endpoint answered 410 and wants no more: it is disabled, the delivery waits with the rest.
	Gone
)

// Outcome is what [Claim]'s attempt led to.
type Outcome struct {
	Attempt    Attempt
	Verdict    Verdict
	RetryAfter time.Duration // what the endpoint asked for; 0: nothing
}

// Due is a delivery that waits for an attempt.
type Due struct {
	ID           ID // the delivery's
	Conversation Conversation
	// Event is the delivery's event if it is at hand, for a first attempt. Nil: it must be read.
	Event *Event
	Raw   bool // its body has Meta's own object; known with Event only
}

// DueList is what an endpoint's schedule holds.
type DueList struct {
	// Ready are deliveries that may start, in order.
	Ready []Due
	// Behind are deliveries that must wait: an older one of their conversation is held. They are to be
	// parked.
	Behind []Due
	// More says that further ones are due, which the limit left out.
	More bool
	// Held says that some conversation of the endpoint is held.
	Held bool
	// Next is when the first one that is not due yet will be; zero: there is none.
	Next time.Time
	// Last is the greatest id of a fresh delivery that was met.
	Last ID
}

// Settlement is the outcome of an attempt on its way to disk.
type Settlement struct {
	ID       ID
	TenantID uint32
	Outcome  Outcome
	Next     time.Time // of the next attempt if this one failed; zero: there is none
}

// Finished is what the end of an attempt changed.
type Finished struct {
	Status Status // zero: the delivery was gone, or had ended before
	// Held says that the delivery's conversation must wait for it.
	Held bool
	// Due is when this delivery, or the one that was parked behind it, is due; zero: neither.
	Due time.Time
	// FailingSince is the first failure of the endpoint since its last success; zero: it works.
	FailingSince time.Time
}
