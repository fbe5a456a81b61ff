package webhook

import "time"

// Activity is what happened to one subject within one span of time.
type Activity struct {
	At time.Time // when the span begins
	// Inbound webhooks, of a tenant or of all.
	Accepted, Duplicate, Ignored, Unrouted, Unparsed uint64
	Unsigned                                         uint64 // refused for their signature; of all only
	Handshakes                                       uint64 // answered; of all only
	// Attempts to deliver, of an endpoint or of several.
	Succeeded, Failed uint64
	DeadLetters       uint64
	Durations         Durations
	// Last is when the latest of these happened; unsigned webhooks and handshakes don't count.
	Last time.Time
}

// Add adds what happened in another span.
func (a *Activity) Add(b *Activity) {
	to, from := a.Counters(), b.Counters()
	for i := range to {
		*to[i] += *from[i]
	}
	if b.Last.After(a.Last) {
		a.Last = b.Last
	}
}

// Counters returns every count, in an order that never changes: new ones come last.
func (a *Activity) Counters() []*uint64 {
	list := append(make([]*uint64, 0, 10+len(a.Durations)),
		&a.Accepted, &a.Duplicate, &a.Ignored, &a.Unrouted, &a.Unparsed, &a.Unsigned, &a.Handshakes,
		&a.Succeeded, &a.Failed, &a.DeadLetters)
	for i := range a.Durations {
		list = append(list, &a.Durations[i])
	}
	return list
}

// Inbound returns how many POSTs bore a good signature.
func (a *Activity) Inbound() uint64 {
	return a.Accepted + a.Duplicate + a.Ignored + a.Unrouted + a.Unparsed
}

// CountInbound counts a POST that was stored.
func (a *Activity) CountInbound(outcome AuditOutcome) {
	switch outcome {
	case Accepted:
		a.Accepted++
	case Duplicate:
		a.Duplicate++
	case Ignored:
		a.Ignored++
	case Unrouted:
		a.Unrouted++
	case Unparsed:
		a.Unparsed++
	}
}

// CountAttempt counts an attempt to deliver that left its delivery with a status.
func (a *Activity) CountAttempt(left Status, took time.Duration) {
	a.Durations.Count(took)
	switch left {
	case Succeeded:
		a.Succeeded++
	case Failed:
		a.DeadLetters++
		fallthrough
	default:
		a.Failed++
	}
}

// Durations counts attempts by how long they took: one counter for each bound of [DurationBounds], and one
// for what took longer than all of them.
type Durations [14]uint64

// DurationBounds are the upper bounds, ascending.
var DurationBounds = [len(Durations{}) - 1]time.Duration{
	2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second,
}

// Count counts one attempt.
func (d *Durations) Count(took time.Duration) {
	for i, bound := range DurationBounds {
		if took <= bound {
			d[i]++
			return
		}
	}
	d[len(d)-1]++
}

// Quantile returns about how long the fraction q of the attempts took at most, 0 if there were none. Within
// a bound and the next they are taken to lie evenly; what took longer than all bounds counts as the last.
func (d *Durations) Quantile(q float64) time.Duration {
	total := uint64(0)
	for _, n := range d {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank, below, lower := q*float64(total), 0.0, time.Duration(0)
	for i, bound := range DurationBounds {
		if n := float64(d[i]); n > 0 && below+n >= rank {
			return (lower + time.Duration(float64(bound-lower)*(rank-below)/n)).Round(time.Microsecond)
		}
		below += float64(d[i])
		lower = bound
	}
	return lower
}

// Subject is whom activity is about.
type Subject struct {
	Kind SubjectKind
	ID   uint32 // of the tenant or endpoint
}

// SubjectKind says what the id of a [Subject] is one of.
type SubjectKind byte

const (
	ofAll        SubjectKind = 'a'
	ofTenant     SubjectKind = 't'
	ofEndpoint   SubjectKind = 'e'
	ofDeliveries SubjectKind = 'd'
)

// Everybody is the installation as a whole: all that Meta sends.
var Everybody = Subject{Kind: ofAll}

// OfTenant is what Meta sends for a tenant.
func OfTenant(id uint32) Subject { return Subject{ofTenant, id} }

// OfEndpoint is what is delivered to an endpoint.
func OfEndpoint(id uint32) Subject { return Subject{ofEndpoint, id} }

// DeliveriesOf is what is delivered to all endpoints of a tenant; 0: of every tenant.
func DeliveriesOf(tenant uint32) Subject { return Subject{ofDeliveries, tenant} }

// Resolution is how long the spans of a series are.
type Resolution time.Duration

// What is kept, and for how long.
const (
	ByMinute = Resolution(time.Minute)
	ByHour   = Resolution(time.Hour)

	KeepMinutes = 48 * time.Hour
	KeepHours   = 90 * 24 * time.Hour
)
