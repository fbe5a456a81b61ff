package app

import (
	"context"
	"net"
	"strings"

	"cubeconnect/config"
	"cubeconnect/console"
)

// SetUpURL returns the link that sets the console's first password. Empty: one is set.
func (a *App) SetUpURL(ctx context.Context) (string, error) {
	path, err := a.console.SetUpPath(ctx)
	if err != nil || path == "" {
		return "", err
	}
	return browserURL(a.AdminURL()) + path, nil
}

// browserURL puts a host into an address that names none: one of all addresses is no place to go to.
func browserURL(addr string) string {
	scheme, host, _ := strings.Cut(addr, "://")
	name, port, err := net.SplitHostPort(host)
	if ip := net.ParseIP(name); err == nil && ip != nil && ip.IsUnspecified() {
		host = net.JoinHostPort("localhost", port)
	}
	return scheme + "://" + host
}

// invite tells the log where to set the console's password, while there is none.
func (a *App) invite(ctx context.Context) {
	link, err := a.SetUpURL(context.WithoutCancel(ctx)) // a stop that comes early is no fault
	if err != nil {
		a.log.Error("console password not looked up", "error", err)
	} else if link != "" {
		a.log.Warn("the console has no password yet: open the link to set one", "link", link, "valid", console.SetUpLife.String())
	}
}

// installation is what the console may know of the configuration.
func (a *App) installation() console.Installation {
	c := a.config.Load()
	in := console.Installation{AppSecret: len(c.Meta.AppSecrets) > 0, VerifyToken: !c.Meta.VerifyToken.IsZero()}
	if t := c.Public.TLS; t.Mode == config.TLSACME && len(t.Domains) > 0 {
		in.Host = t.Domains[0]
	}
	return in
}
