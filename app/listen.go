package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cubeconnect/admin"
	"cubeconnect/web"
)

// listen binds the two listeners and the local socket.
func (a *App) listen() error {
	c := a.config.Load()
	public, err := bind("public.listen", c.Public.Listen)
	if err != nil {
		return err
	}
	public = a.ingress.Listener(public, connections())
	scheme := "http"
	if c := a.tls.config(); c != nil {
		public, scheme = tls.NewListener(public, c), "https" // outermost, or net/http would not see TLS
	}
	a.add("public", scheme, public, a.ingress.Limit(web.New(web.Options{Log: a.log, Header: publicHeader}, a.publicRoutes())), 30*time.Second)

	private, err := bind("admin.listen", c.Admin.Listen)
	if err != nil {
		return err
	}
	a.add("admin", "http", private, web.New(web.Options{Log: a.log, Fail: a.console.Fail, Header: privateHeader}, a.adminRoutes()), 2*time.Minute)
	a.servers[len(a.servers)-1].http.RegisterOnShutdown(a.console.EndStreams)

	// The command line talks to a running service through a socket that only its own user can open.
	path := filepath.Join(c.DataDir, SocketName)
	removeSocket(path)
	local, err := listenPrivate(path)
	if err != nil {
		a.log.Warn("no local socket; commands such as apikey need the service stopped, or an API key", "error", err)
		return nil
	}
	a.add("local", "unix", local, web.New(web.Options{Log: a.log}, a.admin.Routes(admin.Local), a.console.Local(), a.masterKeyRoutes()), 0)
	return nil
}

func bind(key, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; is another process using it?", key, err)
	}
	return l, nil
}

func (a *App) add(name, scheme string, l net.Listener, h http.Handler, write time.Duration) {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      write, // of the rest, what takes longer asks for it
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		// What one connection can have under way, and make us hold before it is read. net/http ends those that
		// open and reset streams faster than they are answered.
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: 32, MaxReadFrameSize: 16 << 10, MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 128 << 10},
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	a.servers = append(a.servers, &server{name: name, scheme: scheme, listener: l, http: s})
}

func (a *App) publicRoutes() []web.Route {
	return []web.Route{
		{Method: http.MethodGet, Pattern: "/api/webhooks/whatsapp", Handler: web.Wrap(http.HandlerFunc(a.ingress.Handshake))},
		{Method: http.MethodPost, Pattern: "/api/webhooks/whatsapp", Handler: web.Wrap(http.HandlerFunc(a.ingress.Receive)), MaxBody: -1},
		{Method: http.MethodGet, Pattern: "/api/health", Handler: a.health},
	}
}

// adminRoutes are all of the admin listener's.
func (a *App) adminRoutes() []web.Route {
	return slices.Concat([]web.Route{
		{Method: http.MethodGet, Pattern: "/api/health", Handler: a.health},
		{Method: http.MethodGet, Pattern: "/metrics", Handler: a.metrics(promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelError)}))},
		{Method: http.MethodGet, Pattern: "/debug/pprof/{name...}", Handler: a.profiles},
	}, a.admin.Routes(a.admin.Keys), a.console.Routes())
}

// metrics asks for an administrator's key if the configuration says so.
func (a *App) metrics(h http.Handler) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		if a.config.Load().Admin.MetricsAuth {
			who, err := a.admin.Keys(r.Request)
			if err != nil {
				return err
			}
			if who.TenantID != 0 {
				return web.Forbidden("Metrics are for administrators.")
			}
		}
		h.ServeHTTP(w, r.Request)
		return nil
	}
}
