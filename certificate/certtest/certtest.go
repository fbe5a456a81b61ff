// Package certtest makes certificates for tests.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is an authority that signs whatever it is asked to.
type CA struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority that holds for a year around now.
func New(t testing.TB, name string) *CA {
	t.Helper()
	ca := &CA{t: t, key: newKey(t)}
	template := newTemplate(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	ca.cert = ca.sign(template, template, ca.key, ca.key)
	return ca
}

// Between makes an authority that this one has signed.
func (ca *CA) Between(name string, change ...func(*x509.Certificate)) *CA {
	ca.t.Helper()
	template := newTemplate(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	for _, ch := range change {
		ch(template)
	}
	key := newKey(ca.t)
	return &CA{ca.t, ca.sign(template, ca.cert, key, ca.key), key}
}

// Server makes a certificate for a host on loopback.
func (ca *CA) Server(host string, change ...func(*x509.Certificate)) *tls.Certificate {
	ca.t.Helper()
	return ca.issue(host, append([]func(*x509.Certificate){func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = []string{host}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}}, change...))
}

// Client makes a client's certificate.
func (ca *CA) Client(name string, change ...func(*x509.Certificate)) *tls.Certificate {
	ca.t.Helper()
	return ca.issue(name, append([]func(*x509.Certificate){func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}}, change...))
}

func (ca *CA) issue(name string, change []func(*x509.Certificate)) *tls.Certificate {
	ca.t.Helper()
	template := newTemplate(name)
	for _, ch := range change {
		ch(template)
	}
	key := newKey(ca.t)
	leaf := ca.sign(template, ca.cert, key, ca.key)
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, ca.cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// Pool returns a pool that trusts the authority.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// PEM returns the authority's certificate.
func (ca *CA) PEM() []byte { return encode("CERTIFICATE", ca.cert.Raw) }

// Expires returns when the authority's certificate does.
func (ca *CA) Expires() time.Time { return ca.cert.NotAfter }

// CertPEM returns a certificate with its chain.
func CertPEM(c *tls.Certificate) (b []byte) {
	for _, der := range c.Certificate {
		b = append(b, encode("CERTIFICATE", der)...)
	}
	return b
}

// KeyPEM returns a certificate's key.
func KeyPEM(t testing.TB, c *tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return encode("PRIVATE KEY", der)
}

// Put puts content into a file in one step, as tools that renew certificates do.
func Put(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// Files puts a certificate and its key into files of a folder.
func Files(t testing.TB, dir string, c *tls.Certificate) (certFile, keyFile string) {
	t.Helper()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	Put(t, certFile, CertPEM(c))
	Put(t, keyFile, KeyPEM(t, c))
	return certFile, keyFile
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetInt64(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().AddDate(0, -6, 0), NotAfter: time.Now().AddDate(0, 6, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func (ca *CA) sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	ca.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		ca.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatal(err)
	}
	return cert
}
