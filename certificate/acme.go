package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"

	"cubeconnect/metrics"
)

// Cache keeps the account's key and the certificates with their keys over restarts. What it is given is
// secret.
type Cache interface {
	// Certificate returns what was put under a name; nil: nothing.
	Certificate(ctx context.Context, name string) ([]byte, error)
	PutCertificate(ctx context.Context, name string, value []byte) error
}

// ACMEOptions are what an [ACME] needs.
type ACMEOptions struct {
	Options
	Domains   []string
	Email     string // where the authority can reach the operator; may be empty
	Directory string // the authority's address; empty: Let's Encrypt
	Cache     Cache
}

// ACME serves certificates that it obtains from an authority and renews in time, one for each domain. The
// authority proves the domain by TLS-ALPN-01: it connects to port 443 of the domain, which must lead to the
// listener that asks [ACME.Get].
//
// It is golang.org/x/crypto/acme without the autocert package that comes with it. There a handshake for a
// listed name orders a certificate whenever there is none, up to once a minute, so that strangers could use
// up what the authority allows; renewals fail without a word; and its timers can't be ended.
type ACME struct {
	ACMEOptions
	client  *acme.Client // of the account; nil until it is known to the authority
	domains map[string]*domain
	wake    chan struct{}
}

// domain is one name to have a certificate for.
type domain struct {
	name      string
	cert      atomic.Pointer[tls.Certificate] // nil: none yet
	challenge atomic.Pointer[tls.Certificate] // what the authority asks for, while it does

	// Of the goroutine that runs:
	due      time.Time // the next order
	ordered  bool      // the last one reached the authority
	failures int       // orders that failed since the last that didn't
}

// The times of orders.
const (
	orderTimeout = 5 * time.Minute
	longestWait  = time.Hour // between two looks at the clock, which can leap
)

// NewACME takes the certificates it can from the cache. It asks the authority for nothing before
// [ACME.Run].
func NewACME(ctx context.Context, o ACMEOptions) *ACME {
	if o.Directory == "" {
		o.Directory = acme.LetsEncryptURL
	}
	a := &ACME{ACMEOptions: o, domains: map[string]*domain{}, wake: make(chan struct{}, 1)}
	for _, name := range o.Domains {
		d := &domain{name: strings.ToLower(name)}
		if cert, err := a.stored(ctx, d.name); err != nil {
			o.Log.Error("stored certificate not used; another is ordered", "domain", d.name, "error", err)
		} else if cert != nil {
			d.take(cert)
		}
		a.domains[d.name] = d
	}
	return a
}

// stored returns a domain's certificate from the cache, if there is one.
func (a *ACME) stored(ctx context.Context, domain string) (*tls.Certificate, error) {
	b, err := a.Cache.Certificate(ctx, a.cacheName(domain))
	if err != nil || b == nil {
		return nil, err
	}
	return parsePair(b, domain)
}

// take puts a certificate into force. It is renewed when a third of its life is left.
func (d *domain) take(cert *tls.Certificate) {
	d.cert.Store(cert)
	begin, end := cert.Leaf.NotBefore, cert.Leaf.NotAfter
	d.due, d.failures = end.Add(-end.Sub(begin)/3), 0
}

// ChallengeProto is the protocol by which the authority proves a domain. A listener that asks Get must offer
// it.
const ChallengeProto = acme.ALPNProto

// errNotYet is what a client meets until the first order has succeeded.
var errNotYet = errors.New("there is no certificate for this name yet")

// Get returns the certificate of the name that is asked for, or none if it isn't one of ours: the client is
// then told that the name is unknown. It fits [tls.Config].GetCertificate.
func (a *ACME) Get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	d := a.domains[strings.ToLower(hello.ServerName)]
	if d == nil {
		return nil, nil
	}
	cert := &d.cert
	if slices.Equal(hello.SupportedProtos, []string{ChallengeProto}) {
		cert = &d.challenge
	}
	if c := cert.Load(); c != nil {
		return c, nil
	}
	return nil, errNotYet
}

// Expiry returns until when the certificates hold; of a domain without one it says 0.
func (a *ACME) Expiry() (list []metrics.CertificateExpiry) {
	for _, d := range a.domains {
		e := metrics.CertificateExpiry{Use: metrics.ServerCertificate, Name: d.name, NotAfter: time.Unix(0, 0)}
		if cert := d.cert.Load(); cert != nil {
			e.NotAfter = cert.Leaf.NotAfter
		}
		list = append(list, e)
	}
	return list
}

// Reload orders at once what could not be obtained, without the pause after a refusal: somebody may have
// done something about it.
func (a *ACME) Reload() {
	select {
	case a.wake <- struct{}{}:
	default: // one is as good as many
	}
}

// Run obtains and renews certificates, one after the other, until ctx ends.
func (a *ACME) Run(ctx context.Context) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
			for _, d := range a.domains {
				if d.failures > 0 {
					d.due = a.Now()
				}
			}
		case <-timer.C:
		}
		wait := longestWait
		for _, d := range a.domains {
			if !d.due.After(a.Now()) && ctx.Err() == nil {
				a.renew(ctx, d, transport)
			}
			wait = min(wait, max(0, d.due.Sub(a.Now())))
		}
		timer.Reset(wait)
	}
}

// renew obtains a domain's certificate, or says why it can't and when it tries again.
func (a *ACME) renew(ctx context.Context, d *domain, transport http.RoundTripper) {
	order, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	cert, stored, err := a.order(order, d, transport)
	if ctx.Err() != nil && err != nil {
		return // the program stops
	}
	if err != nil {
		a.client = nil // the authority may have forgotten the account
		d.failures++
		wait := pause(err, d.ordered, d.failures)
		d.due = a.Now().Add(wait)
		a.Metrics.Updates.WithLabelValues(metrics.FromACME, metrics.UpdateFailed).Inc()
		pairs := []any{"domain", d.name, "error", err, "again", wait.String()}
		if hint := hintOf(err); hint != "" {
			pairs = append(pairs, "hint", hint)
		}
		if old := d.cert.Load(); old != nil {
			pairs = append(pairs, "expires", old.Leaf.NotAfter)
		}
		a.Log.Error("no certificate obtained", pairs...)
		return
	}
	d.take(cert)
	if now := a.Now(); !d.due.After(now) { // one of the two clocks is wrong
		d.due = now.Add(firstRefusedPause)
	}
	a.Metrics.Updates.WithLabelValues(metrics.FromACME, metrics.UpdateSucceeded).Inc()
	a.Log.Info("certificate obtained", "domain", d.name, "expires", cert.Leaf.NotAfter)
	if err := a.Cache.PutCertificate(context.WithoutCancel(ctx), a.cacheName(d.name), stored); err != nil {
		a.Log.Error("the certificate is used, but not stored: a restart orders another", "domain", d.name, "error", err)
	}
}

// cacheName tells authorities apart: a certificate from one that was only tried must not be used for
// another's.
func (a *ACME) cacheName(name string) string { return a.Directory + " " + name }
