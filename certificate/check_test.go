package certificate_test

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cubeconnect/certificate"
	"cubeconnect/certificate/certtest"
)

func TestCheck(t *testing.T) {
	ca := certtest.New(t, "authority")
	cert := ca.Server("a.example")
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		certtest.Put(t, file, content)
		return file
	}
	certFile, keyFile := put("cert", certtest.CertPEM(cert)), put("key", certtest.KeyPEM(t, cert))
	old := ca.Server("a.example", func(c *x509.Certificate) { c.NotAfter = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
	early := ca.Server("a.example", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	none := filepath.Join(dir, "none")
	for name, tc := range map[string]struct{ cert, key, ofCert, ofKey string }{
		"good":            {certFile, keyFile, "", ""},
		"neither":         {none, none + "2", "none can't be read: no such file", "none2 can't be read: no such file"},
		"folder":          {dir, keyFile, "is a directory", ""},
		"expired":         {put("old", certtest.CertPEM(old)), put("oldkey", certtest.KeyPEM(t, old)), "expired on 2026-01-02T03:04:05Z", ""},
		"early":           {put("early", certtest.CertPEM(early)), put("earlykey", certtest.KeyPEM(t, early)), "holds from", ""},
		"not fitting":     {certFile, put("other", certtest.KeyPEM(t, old)), "", "does not serve the certificate: private key does not match"},
		"no key":          {certFile, certFile, "", "does not serve the certificate"},
		"no certificate":  {keyFile, keyFile, "no certificate in PEM form", ""},
		"certificate cut": {put("cut", certtest.CertPEM(cert)[:200]), keyFile, "ends in the middle", ""},
	} {
		ofCert, ofKey := certificate.CheckFiles(tc.cert, tc.key, time.Now())
		says(t, name+", certificate", ofCert, tc.ofCert)
		says(t, name+", key", ofKey, tc.ofKey)
	}
	expired := put("expired", certtest.CertPEM(old)[:len(certtest.CertPEM(old))-len(ca.PEM())])
	for file, want := range map[string]string{
		put("ca", ca.PEM()): "",
		none:                "none can't be read: no such file",
		keyFile:             "there is a PRIVATE KEY in it",
		put("empty", nil):   "no certificate in PEM form",
		expired:             "expired on 2026-01-02T03:04:05Z",
		put("both", append(certtest.CertPEM(old)[:0:0], certtest.CertPEM(old)...)): "", // an old one beside a good one
	} {
		says(t, file, certificate.CheckAuthorities(file, time.Now()), want)
	}
}

func says(t *testing.T, what string, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}
