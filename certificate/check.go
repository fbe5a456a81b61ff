package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// CheckFiles says what is wrong with a certificate's file, and with its key's: nil if nothing. Unlike
// [NewFiles] it takes no certificate that has expired.
func CheckFiles(certFile, keyFile string, now time.Time) (ofCert, ofKey error) {
	certPEM, ofCert := readFile(certFile)
	keyPEM, ofKey := readFile(keyFile)
	if ofCert == nil {
		ofCert = checkChain(certPEM, now)
	}
	if ofCert != nil || ofKey != nil {
		return ofCert, ofKey
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
		ofKey = fmt.Errorf("does not serve the certificate: %w", withoutPrefix(err))
	}
	return nil, ofKey
}

// CheckAuthorities says what is wrong with a file of authorities: nil if nothing.
func CheckAuthorities(file string, now time.Time) error {
	content, err := readFile(file)
	if err != nil {
		return err
	}
	certs, err := parseAuthorities(content)
	if err != nil {
		return err
	}
	for _, cert := range certs {
		if err = checkTime(cert, now); err == nil {
			return nil // one that holds is enough: the next, or the one before, may be there too
		}
	}
	return err
}

func checkChain(content []byte, now time.Time) error {
	parts, err := blocks(content)
	if err != nil {
		return err
	}
	for _, b := range parts {
		if b.Type != "CERTIFICATE" {
			continue // a key, or parameters
		}
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return err
		}
		return checkTime(cert, now)
	}
	return errNoPEM
}

func checkTime(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("the certificate expired on %s", cert.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("the certificate holds from %s on only", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// readFile reads a file. Its errors don't name it: whoever asks shows the key that does.
func readFile(file string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s can't be read: %w", file, pe.Err)
	}
	return content, err
}
