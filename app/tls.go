package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"cubeconnect/certificate"
	"cubeconnect/config"
	"cubeconnect/metrics"
)

// publicTLS is TLS on the public listener; what is nil isn't configured.
type publicTLS struct {
	files  *certificate.Files
	acme   *certificate.ACME
	client *certificate.Client
}

// openTLS reads the certificates that the configuration names.
func (a *App) openTLS() (err error) {
	c := a.config.Load().Public.TLS
	o := certificate.Options{Log: a.log, Metrics: metrics.NewCertificates(a.registry), Now: time.Now}
	metrics.RegisterExpiry(a.registry, a.tls.expiry)
	switch c.Mode {
	case config.TLSFiles:
		if a.tls.files, err = certificate.NewFiles(c.CertFile, c.KeyFile, o); err != nil {
			return fmt.Errorf("public.tls: %w", err)
		}
	case config.TLSACME:
		a.tls.acme = certificate.NewACME(context.Background(), certificate.ACMEOptions{
			Options: o, Domains: c.Domains, Email: c.ACMEEmail, Directory: c.ACMEDirectory, Cache: a.store,
		})
	}
	if c.MetaClientCA != "" {
		if a.tls.client, err = certificate.NewClient(c.MetaClientCA, o); err != nil {
			return fmt.Errorf("public.tls.meta_client_ca: %w", err)
		}
	}
	for _, e := range a.tls.expiry() {
		if e.NotAfter.After(time.Unix(0, 0)) && time.Now().After(e.NotAfter) {
			a.log.Error("a certificate has expired", "use", e.Use, "name", e.Name, "expired", e.NotAfter)
		}
	}
	return nil
}

// config returns what the listener does in a handshake; nil: it does no TLS. Cipher suites, curves and
// session tickets are Go's own choice, which follows what is known to be safe.
func (t *publicTLS) config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case t.files != nil:
		c.GetCertificate = t.files.Get
	case t.acme != nil:
		c.GetCertificate, c.NextProtos = t.acme.Get, append(c.NextProtos, certificate.ChallengeProto)
	default:
		return nil
	}
	if t.client != nil {
		c.ClientAuth = tls.RequestClientCert // whoever shows none, or another, may still ask for the health
	}
	return c
}

// peer returns what a webhook's connection must pass; nil: nothing.
func (t *publicTLS) peer() func(*tls.ConnectionState) error {
	if t.client == nil {
		return nil
	}
	return t.client.Verify
}

func (t *publicTLS) expiry() (list []metrics.CertificateExpiry) {
	if t.files != nil {
		list = append(list, t.files.Expiry()...)
	}
	if t.acme != nil {
		list = append(list, t.acme.Expiry()...)
	}
	if t.client != nil {
		list = append(list, t.client.Expiry()...)
	}
	return list
}

// reload reads files again, and asks the authority again for what it refused.
func (t *publicTLS) reload() {
	if t.files != nil {
		t.files.Reload()
	}
	if t.acme != nil {
		t.acme.Reload()
	}
	if t.client != nil {
		t.client.Reload()
	}
}

// run obtains and renews certificates until ctx ends.
func (t *publicTLS) run(ctx context.Context, background *sync.WaitGroup) {
	if t.acme != nil {
		background.Go(func() { t.acme.Run(ctx) })
	}
}
