package certificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
)

// accountName is where the account's key is kept. It has no dot, so no domain is called so.
const accountName = "account"

// order obtains a certificate with a new key, and returns it ready for use and for the cache.
func (a *ACME) order(ctx context.Context, d *domain, transport http.RoundTripper) (*tls.Certificate, []byte, error) {
	d.ordered = false
	client, err := a.register(ctx, transport)
	if err != nil {
		return nil, nil, fmt.Errorf("register with the authority: %w", err)
	}
	o, err := client.AuthorizeOrder(ctx, acme.DomainIDs(d.name))
	if err != nil {
		return nil, nil, fmt.Errorf("order: %w", err)
	}
	d.ordered = true
	for _, url := range o.AuthzURLs {
		if err := authorize(ctx, client, d, url); err != nil {
			return nil, nil, fmt.Errorf("prove the domain: %w", err)
		}
	}
	if o, err = client.WaitOrder(ctx, o.URI); err != nil {
		return nil, nil, fmt.Errorf("wait for the order: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{d.name}}, key)
	if err != nil {
		return nil, nil, err
	}
	chain, _, err := client.CreateCertFromOrder(ctx, o, request, true)
	if err != nil {
		return nil, nil, fmt.Errorf("fetch the certificate: %w", err)
	}
	stored, err := encodeKey(key)
	if err != nil {
		return nil, nil, err
	}
	for _, der := range chain {
		stored = append(stored, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	cert, err := parsePair(stored, d.name)
	if err != nil {
		return nil, nil, fmt.Errorf("the authority's certificate: %w", err)
	}
	return cert, stored, nil
}

// authorize lets the authority connect and see that the domain leads here.
func authorize(ctx context.Context, client *acme.Client, d *domain, url string) error {
	z, err := client.GetAuthorization(ctx, url)
	if err != nil || z.Status == acme.StatusValid {
		return err
	}
	for _, c := range z.Challenges {
		if c.Type != "tls-alpn-01" {
			continue
		}
		cert, err := client.TLSALPN01ChallengeCert(c.Token, d.name)
		if err != nil {
			return err
		}
		d.challenge.Store(&cert)
		defer d.challenge.Store(nil)
		if _, err := client.Accept(ctx, c); err != nil {
			return err
		}
		_, err = client.WaitAuthorization(ctx, url)
		return err
	}
	return errors.New("the authority does not offer TLS-ALPN-01")
}

// register returns a client whose account the authority knows. The account is made by the first order, and
// its key kept.
func (a *ACME) register(ctx context.Context, transport http.RoundTripper) (*acme.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	stored, err := a.Cache.Certificate(ctx, a.cacheName(accountName))
	if err != nil {
		return nil, err
	}
	key := parseKey(stored)
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
		if stored, err = encodeKey(key); err != nil {
			return nil, err
		}
		if err := a.Cache.PutCertificate(ctx, a.cacheName(accountName), stored); err != nil {
			return nil, err
		}
	}
	client := &acme.Client{
		Key: key, DirectoryURL: a.Directory, UserAgent: "CubeConnect-Webhook", RetryBackoff: backoff,
		HTTPClient: &http.Client{Transport: transport, Timeout: time.Minute},
	}
	account := new(acme.Account)
	if a.Email != "" {
		account.Contact = []string{"mailto:" + a.Email}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, err
	}
	a.client = client
	return client, nil
}

// nonceTries is how often a request is repeated whose nonce the authority doesn't know (RFC 8555, section 6.5).
// That costs the authority nothing, and giving up costs a quarter of an hour.
const nonceTries = 15

// backoff is the pause before one request is repeated within an order; 0: it isn't.
func backoff(n int, _ *http.Request, resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusTooManyRequests: // Run tries again later, and says why
		return 0
	case http.StatusBadRequest: // the nonce alone was refused, and a new one came along
		if n > nonceTries {
			return 0
		}
		return time.Millisecond
	}
	if n > 4 {
		return 0
	}
	return time.Duration(n) * time.Second
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// parseKey returns nil if there is no key that can be read.
func parseKey(stored []byte) *ecdsa.PrivateKey {
	b, _ := pem.Decode(stored)
	if b == nil {
		return nil
	}
	key, _ := x509.ParsePKCS8PrivateKey(b.Bytes)
	ec, _ := key.(*ecdsa.PrivateKey)
	return ec
}

// parsePair reads a key and its certificate with the chain, which must be the domain's.
func parsePair(stored []byte, domain string) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(stored, stored)
	if err != nil {
		return nil, withoutPrefix(err)
	}
	return &cert, cert.Leaf.VerifyHostname(domain)
}
