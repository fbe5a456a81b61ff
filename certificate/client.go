package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"cubeconnect/metrics"
)

// MetaName is the name in Meta's client certificate
// (https://developers.facebook.com/docs/graph-api/webhooks/getting-started).
const MetaName = "client.webhooks.fbclientcerts.com"

// Client tells whether a client's certificate is Meta's. The authorities that may sign it come from a
// file, which is read again when it changes.
//
// It looks at requests rather than handshakes: a client without a certificate, or with another one, can
// still ask for what is everybody's, and a refused webhook is an answer, a log line and a metric. The
// handshake has then proved that the client has the certificate's key.
type Client struct {
	*watch
	authorities atomic.Pointer[authorities]
	seen        atomic.Pointer[proof] // the last good one
}

// proof is what was found out about a certificate. It saves checking the same signatures for each webhook.
type proof struct {
	leaf         *x509.Certificate
	by           *authorities
	since, until time.Time // what the whole chain holds for
}

type authorities struct {
	pool *x509.CertPool
	last time.Time // the expiry of the one that lasts longest
}

// NewClient reads the file of authorities: PEM, one or more.
func NewClient(file string, o Options) (*Client, error) {
	c := new(Client)
	c.watch = &watch{Options: o, source: metrics.FromClientCA, files: []string{file}, read: func() error {
		certs, err := readAuthorities(file)
		if err != nil {
			return err
		}
		a := &authorities{pool: x509.NewCertPool()}
		for _, cert := range certs {
			a.pool.AddCert(cert)
			if cert.NotAfter.After(a.last) {
				a.last = cert.NotAfter
			}
		}
		c.authorities.Store(a)
		return nil
	}}
	return c, c.start()
}

var errNoCertificate = errors.New("the client showed no certificate")

// Verify returns nil if the client of a connection is Meta, and else why it isn't taken for it. The
// clock and the authorities count each time: a resumed session proves no more than its certificate does today.
func (c *Client) Verify(s *tls.ConnectionState) error {
	c.refresh()
	if s == nil || len(s.PeerCertificates) == 0 {
		return errNoCertificate
	}
	leaf, by, now := s.PeerCertificates[0], c.authorities.Load(), c.Now()
	if p := c.seen.Load(); p != nil && p.by == by && p.leaf.Equal(leaf) && !now.Before(p.since) && !now.After(p.until) {
		return nil
	}
	between := x509.NewCertPool()
	for _, cert := range s.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: by.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("the client's certificate is not good: %w", err)
	}
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) { // verified also if it says nothing
		return errors.New("the client's certificate is not one for clients (extended key usage)")
	}
	if leaf.Subject.CommonName != MetaName {
		return fmt.Errorf("the client's certificate is %q's, not %s's", leaf.Subject.CommonName, MetaName)
	}
	p := &proof{leaf: leaf, by: by, since: leaf.NotBefore, until: leaf.NotAfter}
	for _, cert := range chains[0] {
		if cert.NotBefore.After(p.since) {
			p.since = cert.NotBefore
		}
		if cert.NotAfter.Before(p.until) {
			p.until = cert.NotAfter
		}
	}
	c.seen.Store(p)
	return nil
}

// Expiry returns until when the authorities hold, the longest of them, and the client certificate that was
// last seen.
func (c *Client) Expiry() []metrics.CertificateExpiry {
	c.refresh()
	list := []metrics.CertificateExpiry{{Use: metrics.ClientCA, NotAfter: c.authorities.Load().last}}
	if p := c.seen.Load(); p != nil {
		list = append(list, metrics.CertificateExpiry{Use: metrics.ClientCertificate, Name: MetaName, NotAfter: p.leaf.NotAfter})
	}
	return list
}

var errNoPEM = errors.New("there is no certificate in PEM form in it")

// readAuthorities reads a file that holds nothing but certificates. Its errors name the file.
func readAuthorities(file string) ([]*x509.Certificate, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	certs, err := parseAuthorities(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return certs, nil
}

func parseAuthorities(content []byte) (certs []*x509.Certificate, err error) {
	parts, err := blocks(content)
	if err != nil {
		return nil, err
	}
	for i, b := range parts {
		if b.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("there is a %s in it: only certificates belong there", b.Type)
		}
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errNoPEM
	}
	return certs, nil
}
