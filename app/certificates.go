package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// checkCertificates is how often the files are looked at, when connections come in.
const checkCertificates = 10 * time.Second

// certificates serves a certificate from two files, and reads them again when they change. While the new
// ones don't fit together the old one stays.
type certificates struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   string
	checked time.Time
}

func newCertificates(certFile, keyFile string, log *slog.Logger) (*certificates, error) {
	c := &certificates{certFile: certFile, keyFile: keyFile, log: log}
	return c, c.read()
}

func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= checkCertificates {
		c.checked = now
		if c.changed() {
			if err := c.read(); err != nil {
				c.log.Error("the changed certificate can't be used; the old one stays", "error", err)
			} else {
				c.log.Info("certificate read again", "file", c.certFile)
			}
		}
	}
	return c.cert, nil
}

func (c *certificates) changed() bool { return stamp(c.certFile)+stamp(c.keyFile) != c.stamp }

func (c *certificates) read() error {
	seen := stamp(c.certFile) + stamp(c.keyFile)
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	c.cert, c.stamp = &cert, seen
	return nil
}

func stamp(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d/%d ", info.ModTime().UnixNano(), info.Size())
}
