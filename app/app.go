// Package app wires the appliance together: it is the program as a value.
//
// [New] opens and binds everything in order of need, so that a taken port or a broken file is an error
// at start; [App.Run] serves until its context ends and then stops in reverse: listeners first, then the
// queue, the store last. Data flows one way:
//
//	Meta → ingress → store → queue → egress → endpoint
//
// No package of these knows the next one: each says in a small interface what it needs, and this one
// hands it over.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cubeconnect/admin"
	"cubeconnect/config"
	"cubeconnect/console"
	"cubeconnect/egress"
	"cubeconnect/ingress"
	"cubeconnect/metrics"
	"cubeconnect/queue"
	"cubeconnect/store"
	"cubeconnect/webhook"
)

// The times of a stop. Their sum stays below the 15 s that are promised.
const (
	closeGrace   = 3 * time.Second  // for requests that are being answered
	attemptGrace = 10 * time.Second // for deliveries under way
)

// DatabaseName and SocketName are the names of the files in the data folder.
const (
	DatabaseName = "cubeconnect.db"
	SocketName   = "cubeconnect.sock"
)

// Options are what an App is made from.
type Options struct {
	Config  *config.Config
	Log     *slog.Logger
	Version Version
	Motion  *FastMotion // nil: real time
}

// App is a running appliance.
type App struct {
	begun    *config.Config // what it was made from: some keys stay what they were
	config   atomic.Pointer[config.Config]
	log      *slog.Logger
	registry *prometheus.Registry
	store    *store.Store
	queue    *queue.Queue
	egress   *egress.Client
	ingress  *ingress.Handler
	admin    *admin.API
	console  *console.Console
	servers  []*server
	tls      publicTLS
	started  time.Time
	queueing atomic.Bool // the queue runs
}

// New opens the database and binds the listeners. It delivers and answers nothing before [App.Run]; if
// that is never called, [App.Close] must be.
func New(o Options) (_ *App, err error) {
	a := &App{begun: o.Config, log: o.Log, registry: metrics.NewRegistry(o.Version.Version, o.Version.Commit), started: time.Now()}
	a.config.Store(o.Config)
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	now := time.Now
	if o.Motion != nil {
		now = o.Motion.Now
	}
	path := filepath.Join(o.Config.DataDir, DatabaseName)
	ring, made, err := OpenRing(o.Config)
	if err != nil {
		return nil, err
	}
	if made {
		o.Log.Warn("made the master key that seals secrets in the database: keep a copy of the file, apart from backups, for they can't be read without it", "file", ring.Path())
	}
	if a.store, err = store.Open(store.Options{
		Path:    path,
		Ring:    ring,
		Log:     o.Log,
		Metrics: metrics.NewStore(a.registry),
		Now:     now,
		NoSync:  o.Motion != nil,
		Keep:    retention(o.Config),
		OnFresh: func(fresh []webhook.Due) { a.queue.Offer(fresh) },
		RawOf:   (&rawFinder{parse: a.parse}).find,
		Redact:  ingress.Redact,
	}); err != nil {
		return nil, err
	}
	if err := store.RemoveUnfinished(path); err != nil {
		o.Log.Warn("what an interrupted backup left in the data folder can't be removed", "error", err)
	}
	metrics.RegisterSnapshot(a.registry, a.store.Snapshot)
	metrics.NewFlows(a.registry)
	if err = a.openTLS(); err != nil {
		return nil, err
	}
	a.egress = egress.New(egressOptions(o.Config))
	a.queue = queue.New(queue.Options{
		Store: a.store, Sender: o.Motion.sender(a.egress), Config: queueConfig(o.Config), Log: o.Log, Metrics: metrics.NewQueue(a.registry), Now: now, Grace: attemptGrace,
	})
	a.ingress = ingress.New(ingress.Options{
		Directory: directory{a.store}, Acceptor: a.store, Activity: a.store, Metrics: metrics.NewIngress(a.registry), Log: o.Log, Now: now, Config: ingressConfig(o.Config),
		Peer: a.tls.peer(),
	})
	a.admin = admin.New(admin.Options{
		Store: a.store, Sender: a.egress, Log: o.Log, BootstrapKey: o.Config.Admin.APIKey, ForbiddenHeader: egress.ForbiddenHeader,
		Defaults: a.deliveryDefaults, Parse: a.parse, Wake: a.queue.Wake, Reread: a.queue.Reread, Now: now,
		Session: func(r *http.Request) (admin.Identity, bool) {
			return admin.Identity{Name: "console"}, a.console.SignedIn(r)
		},
	})
	a.console = console.New(console.Options{
		Store: a.store, Admin: a.admin, Installation: a.installation, Strangers: a.strangers, Header: a.egress.Header, Match: egress.Match, Log: o.Log,
	})
	return a, a.listen()
}

// Run serves until ctx ends, or a listener fails, and returns when everything has stopped.
func (a *App) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, w := range a.config.Load().Warnings() {
		a.log.Warn(w)
	}
	var background sync.WaitGroup
	working, stop := context.WithCancel(context.Background())
	a.queueing.Store(true)
	background.Go(func() {
		defer a.queueing.Store(false)
		a.queue.Run(working)
	})
	background.Go(func() { a.store.Retain(working) })
	background.Go(func() { a.store.Record(working) })
	a.tls.run(working, &background)
	for _, s := range a.servers {
		background.Go(func() {
			if err := s.serve(); err != nil {
				cancel(fmt.Errorf("serve %s: %w", s.name, err))
			}
		})
	}
	a.invite(ctx)
	a.log.Info("ready", "public", a.PublicURL(), "admin", a.AdminURL(), "data", a.config.Load().DataDir, "after", time.Since(a.started).Round(time.Millisecond).String())

	<-ctx.Done()
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	a.log.Info("stopping")
	err = errors.Join(err, a.closeServers())
	stop()
	background.Wait()
	err = errors.Join(err, a.Close())
	a.log.Info("stopped")
	return err
}

// Close lets go of what [New] opened. [App.Run] does so by itself.
func (a *App) Close() (err error) {
	err = a.closeServers()
	if a.egress != nil {
		a.egress.Close()
	}
	if a.store != nil {
		err = errors.Join(err, a.store.Close())
	}
	return err
}

// Reload puts another configuration into force as far as that goes while running, and returns the keys
// in which it differs from what runs and that need a restart.
func (a *App) Reload(c *config.Config) (restart []string) {
	restart = a.begun.RestartNeeded(c)
	a.store.SetRetention(retention(c))
	a.egress.SetOptions(egressOptions(c))
	a.queue.Configure(queueConfig(c))
	a.ingress.Configure(ingressConfig(c))
	a.admin.SetBootstrapKey(c.Admin.APIKey)
	a.tls.reload()
	a.config.Store(c)
	for _, w := range c.Warnings() {
		a.log.Warn(w)
	}
	return restart
}

// PublicURL returns the address that Meta's webhooks come in at, as bound.
func (a *App) PublicURL() string { return a.servers[0].url() }

// AdminURL returns the address of the API, as bound.
func (a *App) AdminURL() string { return a.servers[1].url() }

func (a *App) deliveryDefaults() (webhook.Schedule, time.Duration) {
	d := a.config.Load().Delivery
	return d.Retries, d.Timeout.Std()
}

func retention(c *config.Config) store.Retention {
	return store.Retention{Audit: c.Retention.Audit.Std(), Deliveries: c.Retention.Deliveries.Std(), Dedupe: c.Retention.Dedupe.Std()}
}

func egressOptions(c *config.Config) egress.Options {
	d := c.Delivery
	return egress.Options{Timeout: d.Timeout.Std(), PerEndpoint: d.PerEndpoint, AllowHTTP: d.AllowHTTP, AllowNetworks: d.AllowNetworks, AllowPorts: d.AllowPorts, OwnAddresses: d.OwnAddresses}
}

func queueConfig(c *config.Config) queue.Config {
	d := c.Delivery
	return queue.Config{Retries: d.Retries, Concurrency: d.Concurrency, PerEndpoint: d.PerEndpoint, DisableAfter: d.DisableAfter.Std()}
}

func ingressConfig(c *config.Config) ingress.Config {
	return ingress.Config{VerifyToken: c.Meta.VerifyToken, AppSecrets: c.Meta.AppSecrets, MaxBody: int64(c.Meta.MaxBody), TrustedProxies: c.Public.TrustedProxies}
}

// directory is the store as ingress asks it.
type directory struct{ store *store.Store }

func (d directory) Account(wabaID, phoneNumberID string) (ingress.Route, bool) {
	tenant, account, zone, ok := d.store.Route(wabaID, phoneNumberID)
	return ingress.Route{Tenant: tenant, Account: account, Location: zone}, ok
}

// server is one listener and what it serves.
type server struct {
	name     string
	scheme   string
	listener net.Listener
	http     *http.Server
}

func (s *server) url() string { return s.scheme + "://" + s.listener.Addr().String() }

func (s *server) serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// closeServers stops listening, and gives requests that are being answered a moment.
func (a *App) closeServers() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	errs := make([]error, len(a.servers))
	var wg sync.WaitGroup
	for i, s := range a.servers {
		wg.Go(func() {
			err := s.http.Shutdown(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				err = s.http.Close()
			}
			if closing := s.listener.Close(); err == nil && !errors.Is(closing, net.ErrClosed) {
				err = closing
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// removeSocket removes a socket that a killed process left behind. A living one is left alone: the
// database's lock has told by now that there is none.
func removeSocket(path string) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path) // if it stays, listening says why
	}
}
