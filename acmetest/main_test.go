// Package acmetest runs the whole appliance against pebble, Let's Encrypt's own server for tests: what it
// issues, it has proved by TLS-ALPN-01 over a connection to the public listener.
package acmetest

import (
	"log"
	"os"
	"path/filepath"
	"testing"

	"cubeconnect/certificate/certtest"
)

// directoryCA signs the certificate of the ACME server's own address. The program trusts it as it trusts what
// the system does.
var directoryCA *certtest.CA

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "acmetest")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	directoryCA = certtest.New(setUp{}, "the directory's authority")
	file := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(file, directoryCA.PEM(), 0o600); err != nil {
		log.Fatal(err)
	}
	for name, value := range map[string]string{
		"SSL_CERT_FILE": file, "SSL_CERT_DIR": dir,
		"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0", // each order is proved anew
		"PEBBLE_WFE_NONCEREJECT": "33", // one in three requests must be repeated
	} {
		if err := os.Setenv(name, value); err != nil {
			log.Fatal(err)
		}
	}
	return m.Run()
}

// setUp stands in for a test before there is one.
type setUp struct{ testing.TB }

func (setUp) Helper()           {}
func (setUp) Fatal(args ...any) { log.Fatal(args...) }
