package certificate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"cubeconnect/metrics"
)

// Files serves a certificate with its chain from one file and its key from another, both PEM, and reads
// them again when they change.
type Files struct {
	*watch
	cert atomic.Pointer[tls.Certificate]
}

// NewFiles reads the files.
func NewFiles(certFile, keyFile string, o Options) (*Files, error) {
	f := new(Files)
	f.watch = &watch{Options: o, source: metrics.FromFiles, files: []string{certFile, keyFile}, read: func() error {
		cert, err := readPair(certFile, keyFile)
		if err == nil {
			f.cert.Store(cert)
		}
		return err
	}}
	return f, f.start()
}

// Get returns the certificate, whatever name is asked for. It fits [tls.Config].GetCertificate.
func (f *Files) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.refresh()
	return f.cert.Load(), nil
}

// Expiry returns until when the certificate holds.
func (f *Files) Expiry() []metrics.CertificateExpiry {
	f.refresh()
	return []metrics.CertificateExpiry{expiryOf(metrics.ServerCertificate, f.cert.Load())}
}

// readPair reads a certificate and its key. Its errors name the file.
func readPair(certFile, keyFile string) (*tls.Certificate, error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("read its key: %w", err)
	}
	if _, err := blocks(certPEM); err != nil { // the chain would be incomplete
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", certFile, keyFile, withoutPrefix(err))
	}
	return &cert, nil
}

func expiryOf(use string, cert *tls.Certificate) metrics.CertificateExpiry {
	name := cert.Leaf.Subject.CommonName
	if len(cert.Leaf.DNSNames) > 0 {
		name = cert.Leaf.DNSNames[0]
	}
	return metrics.CertificateExpiry{Use: use, Name: name, NotAfter: cert.Leaf.NotAfter}
}

// withoutPrefix leaves out the name of the package that an error of crypto/tls begins with.
func withoutPrefix(err error) error {
	const prefix = "tls: "
	if s := err.Error(); len(s) > len(prefix) && s[:len(prefix)] == prefix {
		return errors.New(s[len(prefix):])
	}
	return err
}
