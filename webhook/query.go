package webhook

import "time"

// Page asks for part of a list. Lists are newest first.
type Page struct {
	Limit  int    // 1 to [MaxPage]
	Cursor string // where the part before ended; empty: from the newest on
}

// Bounds of a page.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// List is part of a list. It can hold fewer items than were asked for and still have a Next: a filter
// looks at a bounded number of records at a time.
type List[T any] struct {
	Items []T
	Next  string // the cursor of the part that follows; empty: this is the last
}

// Range is a span of time: from Since, inclusive, to Until, exclusive. A zero bound is open.
type Range struct{ Since, Until time.Time }

// MaxScan bounds the records that one part of a list looks at, whatever its filter passes over: one or two ms
// of reading. The cursor leads on from there.
const MaxScan = 10_000

// EventFilter narrows a list of events. Zero members don't narrow.
type EventFilter struct {
	Type         string
	Conversation Conversation
	Range
}

// DeliveryFilter narrows a list of deliveries. Zero members don't narrow.
type DeliveryFilter struct {
	Status       Status
	EventType    string
	EndpointID   uint32
	Conversation Conversation
	Range
}

// AuditFilter narrows the audit log. Zero members don't narrow.
type AuditFilter struct {
	TenantID uint32
	Outcome  AuditOutcome
	Range
}

// TemplateFilter narrows the template table. Zero members don't narrow.
type TemplateFilter struct {
	TenantID  uint32
	AccountID uint32
	Status    string
}

// Replay asks for deliveries to be made again.
type Replay struct {
	Status       Status // Succeeded or Failed; ignored if Missing
	Missing      bool   // instead: make deliveries for events that the endpoint never got
	EventType    string
	EndpointID   uint32       // 0: every endpoint of the tenant
	Conversation Conversation // 0: all
	Range
	DryRun bool // count, change nothing
}

// Publication is an event that the platform itself publishes.
type Publication struct {
	Event Event // without id
	// IdempotencyKey makes a repeat within [IdempotencyPeriod] answer the first one's id. Empty: none.
	IdempotencyKey string
	// Fingerprint tells whether a repeat says the same.
	Fingerprint [HashSize]byte
}

// IdempotencyPeriod is how long an idempotency key is remembered.
const IdempotencyPeriod = 24 * time.Hour

// APIKey is a key to the admin API. Its secret is kept as a hash only.
type APIKey struct {
	ID        uint32
	Name      string
	TenantID  uint32 // 0: an administrator's key
	Prefix    string // the first characters, to recognise it by
	Hash      [32]byte
	CreatedAt time.Time
}

// Waiting is what waits for an endpoint.
type Waiting struct {
	Oldest    time.Time // when the oldest event was made whose delivery has not ended; zero: none waits
	NextRetry time.Time // when the next retry is due; zero: none is
}

// EndpointStats are an endpoint's running figures.
type EndpointStats struct {
	Pending, Retrying, Succeeded, Failed uint64    // Failed: dead letters that are kept
	FailingSince                         time.Time // of the first failure since the last success; zero: not failing
	LastSuccess                          time.Time
	LastError                            ErrorClass
	LastStatus                           int // of the answer that was the last error; 0: there was none
}
