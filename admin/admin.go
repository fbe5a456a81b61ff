// Package admin is the JSON admin API: everything below /api but the webhook and the health check.
//
// It owns the routes, the rights of keys, the objects' JSON form and the checks of what comes in. It
// promises that every answer has one of two forms ({"success":true,"data":...} or
// {"success":false,"error":...}), that a tenant's key finds out nothing about another tenant, that
// secrets are answered once, when they are made, and that what was answered with success is on disk.
// The description that clients can read is openapi.json; a test keeps it and the routes the same.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// Sender makes one attempt, and knows which URLs may be reached at all.
type Sender interface {
	Send(ctx context.Context, c *webhook.Claim) webhook.Outcome
	// CheckURL returns what is wrong with an endpoint's URL, in words for a person.
	CheckURL(ctx context.Context, url string) error
}

// Options are what the API works with. Store and Sender are needed, the rest is not.
type Options struct {
	Store  Store
	Sender Sender
	Log    *slog.Logger // nil: none
	// BootstrapKey is an administrator's key from the configuration. Empty: none.
	BootstrapKey webhook.Secret
	// Session recognises somebody who is logged in to the console. It is asked where a request carries
	// no key; requests that change something must then come from the console's own pages.
	Session func(*http.Request) (Identity, bool)
	// ForbiddenHeader names the headers that endpoints can't have.
	ForbiddenHeader func(name string) bool
	// Defaults returns the installation's retries and timeout, shown for endpoints without their own.
	Defaults func() (webhook.Schedule, time.Duration)
	// Parse says what the POST of an audit record means today.
	Parse func(*webhook.Audit) webhook.Inbound
	// Wake is called after deliveries to an endpoint may have become due in another way than by a new
	// event. It must not block.
	Wake func(endpoint uint32)
	// Reread is called after deliveries may be gone or have changed. It must not block.
	Reread func()
	Now    func() time.Time // nil: [time.Now]
}

// API answers requests. It is safe for concurrent use.
type API struct {
	store     Store
	sender    Sender
	log       *slog.Logger
	bootstrap atomic.Pointer[[32]byte] // hash of the key; nil: none
	session   func(*http.Request) (Identity, bool)
	forbidden func(string) bool
	defaults  func() (webhook.Schedule, time.Duration)
	parse     func(*webhook.Audit) webhook.Inbound
	wake      func(uint32)
	reread    func()
	now       func() time.Time
	throttle  *throttle
	monitor   *monitor.Monitor
	copying   atomic.Bool // a backup is under way

	mu  sync.Mutex
	ids webhook.IDs // of test events, under mu
}

// New makes an API. It starts nothing.
func New(o Options) *API {
	a := &API{
		store: o.Store, sender: o.Sender, log: o.Log, session: o.Session,
		forbidden: o.ForbiddenHeader, defaults: o.Defaults, parse: o.Parse, wake: o.Wake, reread: o.Reread, now: o.Now,
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.forbidden == nil {
		a.forbidden = func(string) bool { return false }
	}
	if a.defaults == nil {
		a.defaults = func() (webhook.Schedule, time.Duration) { return nil, 0 }
	}
	if a.parse == nil {
		a.parse = func(*webhook.Audit) webhook.Inbound { return webhook.Inbound{Unparsed: true} }
	}
	if a.wake == nil {
		a.wake = func(uint32) {}
	}
	if a.reread == nil {
		a.reread = func() {}
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.SetBootstrapKey(o.BootstrapKey)
	a.throttle = newThrottle(a.now)
	a.monitor = monitor.New(a.store, a.now)
	return a
}

// SetBootstrapKey changes the administrator's key from the configuration. Empty: none.
func (a *API) SetBootstrapKey(key webhook.Secret) {
	if key.IsZero() {
		a.bootstrap.Store(nil)
		return
	}
	hash := HashKey(key.Reveal())
	a.bootstrap.Store(&hash)
}

func (a *API) newID(tenant uint32) webhook.ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ids.Next(a.now(), 0).OfTenant(tenant)
}
