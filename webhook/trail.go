package webhook

import (
	"context"
	"strconv"
	"time"
)

// Actor is who does something.
type Actor struct {
	Kind       ActorKind
	KeyID      uint32 // of an API key
	KeyName    string // likewise
	RemoteAddr string // empty: this machine's command line
}

// ActorKind says in which way somebody is known.
type ActorKind string

// The kinds of actors.
const (
	ByConsole   ActorKind = "console"   // signed in to the console
	ByKey       ActorKind = "key"       // an API key
	ByBootstrap ActorKind = "bootstrap" // the key in the configuration
	ByLocal     ActorKind = "local"     // the command line, or whoever may open the local socket
	BySetUp     ActorKind = "setup"     // whoever has the set-up link
	ByNobody    ActorKind = "nobody"    // not known: a sign-in that failed
	ByItself    ActorKind = "appliance" // nobody told it to: an endpoint that only fails is disabled
)

// ActorKinds lists the kinds.
var ActorKinds = []ActorKind{ByConsole, ByKey, ByBootstrap, ByLocal, BySetUp, ByNobody, ByItself}

type actorKey struct{}

// WithActor says on whose behalf something is done. It travels in the context, as nothing else does: no step
// depends on it, and the trail is whole only if nobody on the way can forget to pass it on.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns who is behind a context; not ok: it is the appliance's own work.
func ActorOf(ctx context.Context) (a Actor, ok bool) {
	a, ok = ctx.Value(actorKey{}).(Actor)
	return a, ok
}

// Action is what an administrator, or a tenant's key, did.
type Action string

// The actions.
const (
	TenantCreated    Action = "tenant.create"
	TenantUpdated    Action = "tenant.update"
	TenantDeleted    Action = "tenant.delete"
	AccountCreated   Action = "account.create"
	AccountUpdated   Action = "account.update"
	AccountDeleted   Action = "account.delete"
	EndpointCreated  Action = "endpoint.create"
	EndpointUpdated  Action = "endpoint.update"
	EndpointDeleted  Action = "endpoint.delete"
	SecretChanged    Action = "endpoint.secret"
	EndpointTested   Action = "endpoint.test"
	DeliveryRetried  Action = "delivery.retry"
	Replayed         Action = "delivery.replay"
	AuditDerived     Action = "audit.reprocess"
	CustomerErased   Action = "customer.erase"
	BackupTaken      Action = "backup.take"
	KeyCreated       Action = "key.create"
	KeyDeleted       Action = "key.delete"
	SignedIn         Action = "session.begin"
	SignedOut        Action = "session.end"
	SignInRefused    Action = "session.refuse"
	PasswordSet      Action = "password.set"
	MasterKeyRotated Action = "master_key.rotate"
	MasterKeysPruned Action = "master_key.prune"
)

// Actions lists the actions, those on one thing together.
var Actions = []Action{
	TenantCreated, TenantUpdated, TenantDeleted, AccountCreated, AccountUpdated, AccountDeleted, EndpointCreated, EndpointUpdated, EndpointDeleted,
	SecretChanged, EndpointTested, DeliveryRetried, Replayed, AuditDerived, CustomerErased, BackupTaken, KeyCreated, KeyDeleted, SignedIn, SignedOut, SignInRefused, PasswordSet,
	MasterKeyRotated, MasterKeysPruned,
}

// TrailEntry is a line of the trail: who did what to which thing, and when. It holds no secret, and no
// customer's number.
type TrailEntry struct {
	ID       ID // tells the time
	Actor    Actor
	Action   Action
	TenantID uint32 // whose the thing is, or the tenant itself; 0: nobody's
	ObjectID string // of the thing; empty: there is none
	Name     string // what it was called then: a name, or the host of a URL
	// Details are the members that were changed, by the API's names and without their values, or what was
	// asked for, such as "status=failed".
	Details []string
}

// TrailFilter narrows the trail. Zero members don't narrow.
type TrailFilter struct {
	TenantID uint32
	Action   Action
	Actor    ActorKind
	Range
}

// Entry returns the line that a replay leaves.
func (r *Replay) Entry(tenant uint32) TrailEntry {
	e := TrailEntry{Action: Replayed, TenantID: tenant, Details: []string{"status=" + r.Status.String()}}
	if r.Missing {
		e.Details[0] = "status=missing"
	}
	if r.EventType != "" {
		e.Details = append(e.Details, "event="+r.EventType)
	}
	if r.EndpointID != 0 {
		e.Details = append(e.Details, "endpoint="+strconv.FormatUint(uint64(r.EndpointID), 10))
	}
	if r.Conversation != 0 {
		e.Details = append(e.Details, "conversation")
	}
	e.Details = append(e.Details, r.Range.details()...)
	return e
}

// Entry returns the line that a reprocessing leaves.
func (r *Reprocess) Entry() TrailEntry {
	e := TrailEntry{Action: AuditDerived, Details: r.Range.details()}
	if !r.ID.IsZero() {
		e.ObjectID = r.ID.String()
	}
	return e
}

func (r Range) details() (list []string) {
	if !r.Since.IsZero() {
		list = append(list, "since="+r.Since.UTC().Format(time.RFC3339))
	}
	if !r.Until.IsZero() {
		list = append(list, "until="+r.Until.UTC().Format(time.RFC3339))
	}
	return list
}
