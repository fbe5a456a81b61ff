package ingress

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"cubeconnect/metrics"
	"cubeconnect/webhook"
)

// Acceptor takes an inbound POST over.
type Acceptor interface {
	// Accept returns without an error once the audit record, every change of state and every delivery
	// are on disk; with one ([webhook.ErrFull], [webhook.ErrClosed] or another) nothing of it is. It
	// must not keep in.Body after it returns.
	Accept(ctx context.Context, in *webhook.Inbound) (webhook.AuditOutcome, error)
}

// Activity counts what leads to no audit record.
type Activity interface {
	CountUnsigned()
	CountHandshake()
}

// Options are what a [Handler] needs. All but Config and Peer are demanded.
type Options struct {
	Directory Directory
	Acceptor  Acceptor
	Activity  Activity
	Metrics   *metrics.Ingress
	Log       *slog.Logger
	Now       func() time.Time
	Config    Config
	// Peer says why the client of a connection isn't Meta (nil: it is, or nothing is known against it). It is
	// asked for each webhook, ahead of everything else; nil: no client certificate is demanded. The handshake
	// does without: it gives nothing away to who has not the verify token.
	Peer func(*tls.ConnectionState) error
}

// Config is what can change while the program runs.
type Config struct {
	VerifyToken    webhook.Secret   // empty: every handshake is refused
	AppSecrets     []webhook.Secret // none: every webhook is refused
	MaxBody        int64            // bytes; 0: [DefaultMaxBody]
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For is believed
}

// DefaultMaxBody leaves room above the 3 MB that Meta's overview page names as the most it sends.
const DefaultMaxBody = 4 << 20

// Handler answers Meta. Its methods may be called from many goroutines.
type Handler struct {
	directory Directory
	acceptor  Acceptor
	activity  Activity
	metrics   *metrics.Ingress
	log       *slog.Logger
	now       func() time.Time
	peer      func(*tls.ConnectionState) error
	settings  atomic.Pointer[settings]
	bodies    bodies
	places    places
	door      *door

	// Whoever knows the URL can make these happen, so each is logged at a bounded rate.
	strangers, unsigned, oversize, unavailable, handshakes, limited limiter
}

// New returns a Handler. It starts nothing.
func New(o Options) *Handler {
	h := &Handler{
		directory: o.Directory,
		acceptor:  o.Acceptor,
		activity:  o.Activity,
		metrics:   o.Metrics,
		log:       o.Log,
		now:       o.Now,
		peer:      o.Peer,
		bodies:    bodies{crowd: share{limit: crowd}},
		places:    newPlaces(),
		door:      newDoor(o.Now, o.Metrics),
	}
	h.Configure(o.Config)
	return h
}

// Configure puts another configuration into force for the requests that follow. Requests under way
// keep the one they began with.
func (h *Handler) Configure(c Config) {
	s := &settings{maxBody: c.MaxBody, trusted: slices.Clone(c.TrustedProxies)}
	if s.maxBody <= 0 {
		s.maxBody = DefaultMaxBody
	}
	if !c.VerifyToken.IsZero() {
		sum := sha256.Sum256([]byte(c.VerifyToken.Reveal()))
		s.verifyToken = sum[:]
	}
	for _, secret := range c.AppSecrets {
		if !secret.IsZero() { // an empty key is one that everybody has
			s.appSecrets = append(s.appSecrets, []byte(secret.Reveal()))
		}
	}
	h.settings.Store(s)
}

// settings are a [Config] made ready.
type settings struct {
	verifyToken []byte // its SHA-256; nil if there is none
	appSecrets  [][]byte
	maxBody     int64
	trusted     []netip.Prefix
}

// parse is [Parse], but for its promise to return: should it panic after all, the body must still be
// kept and answered with 200, or Meta would send it for days and others behind it. What it means can
// then be found out from the audit log.
func (h *Handler) parse(body []byte, receivedAt time.Time) (in webhook.Inbound) {
	defer func() {
		if fault := recover(); fault != nil {
			h.log.Error("webhook could not be parsed; it is kept in the audit log",
				"fault", fault, "bytes", len(body), "stack", string(debug.Stack()))
		}
	}()
	in = webhook.Inbound{ReceivedAt: receivedAt, Body: body, Unparsed: true} // what a panic leaves
	in = Parse(body, receivedAt, h.directory)
	return in
}
