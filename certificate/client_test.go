package certificate_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cubeconnect/certificate"
	"cubeconnect/certificate/certtest"
)

// shown is a connection whose client showed a certificate.
func shown(c *tls.Certificate) *tls.ConnectionState {
	s := new(tls.ConnectionState)
	for _, der := range c.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			panic(err)
		}
		s.PeerCertificates = append(s.PeerCertificates, cert)
	}
	return s
}

func TestClient(t *testing.T) {
	w, o := newWorld(t)
	ca, stranger := certtest.New(t, "Meta's authority"), certtest.New(t, "Meta's authority")
	between := ca.Between("Meta's authority for webhooks")
	file := filepath.Join(t.TempDir(), "ca.pem")
	certtest.Put(t, file, ca.PEM())
	c, err := certificate.NewClient(file, o)
	ok(t, err)
	if e := c.Expiry(); len(e) != 1 || e[0].Use != "meta_client_ca" || !e[0].NotAfter.Equal(ca.Expires()) {
		t.Errorf("expiry before the first client: %+v", e)
	}
	usage := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	selfSigned := *stranger.Client(certificate.MetaName)
	selfSigned.Certificate = selfSigned.Certificate[:1]
	for name, tc := range map[string]struct {
		conn *tls.ConnectionState
		says string // empty: good
	}{
		"good":                  {shown(ca.Client(certificate.MetaName)), ""},
		"by way of another":     {shown(between.Client(certificate.MetaName)), ""},
		"several usages":        {shown(ca.Client(certificate.MetaName, usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth))), ""},
		"no TLS":                {nil, "showed no certificate"},
		"none":                  {new(tls.ConnectionState), "showed no certificate"},
		"another's name":        {shown(ca.Client("client.webhooks.example.com")), `"client.webhooks.example.com"'s`},
		"a longer name":         {shown(ca.Client(certificate.MetaName + ".example.com")), "fbclientcerts.com.example.com"},
		"a name in front":       {shown(ca.Client("x." + certificate.MetaName)), `"x.client`},
		"another case":          {shown(ca.Client(strings.ToUpper(certificate.MetaName))), "CLIENT"},
		"no name":               {shown(ca.Client("")), `""'s`},
		"the name elsewhere":    {shown(ca.Client("other", func(c *x509.Certificate) { c.DNSNames = []string{certificate.MetaName} })), `"other"'s`},
		"another's authority":   {shown(stranger.Client(certificate.MetaName)), "unknown authority"},
		"without a chain":       {shown(&selfSigned), "unknown authority"},
		"expired":               {shown(ca.Client(certificate.MetaName, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })), "expired"},
		"not yet":               {shown(ca.Client(certificate.MetaName, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })), "not yet valid"},
		"for servers only":      {shown(ca.Client(certificate.MetaName, usage(x509.ExtKeyUsageServerAuth))), "incompatible key usage"},
		"for nothing we know":   {shown(ca.Client(certificate.MetaName, usage())), "not one for clients"},
		"for whatever you like": {shown(ca.Client(certificate.MetaName, usage(x509.ExtKeyUsageAny))), "not one for clients"},
	} {
		if err := c.Verify(tc.conn); (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// What was good is refused as soon as it has expired, on the same connection too.
	soon := ca.Client(certificate.MetaName, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) })
	ok(t, c.Verify(shown(soon)))
	if e := c.Expiry(); len(e) != 2 || e[1].Use != "meta_client" || e[1].Name != certificate.MetaName || !e[1].NotAfter.Equal(soon.Leaf.NotAfter) {
		t.Errorf("expiry of the last client: %+v", e)
	}
	w.time = w.time.Add(2 * time.Hour)
	if err := c.Verify(shown(soon)); err == nil {
		t.Error("an expired certificate is good")
	}

	// So is one whose chain has: a proof is as good as its weakest part.
	w.time = time.Now()
	short := ca.Between("Meta's authority for an hour", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(time.Hour) })
	long := shown(short.Client(certificate.MetaName))
	for range 2 {
		ok(t, c.Verify(long))
	}
	for _, later := range []time.Duration{2 * time.Hour, -24 * 365 * time.Hour} {
		w.time = time.Now().Add(later)
		if err := c.Verify(long); err == nil {
			t.Errorf("a certificate of an expired chain is good %v later", later)
		}
	}
	w.time = time.Now()

	// The authority changes: both for a while, then the new one.
	old, next := shown(ca.Client(certificate.MetaName)), shown(stranger.Client(certificate.MetaName))
	for _, tc := range []struct {
		file      []byte
		old, next bool
		says      string
		succeeded float64
		failed    float64
	}{
		{append(ca.PEM(), stranger.PEM()...), true, true, "", 1, 0},
		{append(ca.PEM(), stranger.PEM()[:400]...), true, true, "ends in the middle", 1, 1},
		{nil, true, true, "no certificate in PEM form", 1, 2},
		{certtest.KeyPEM(t, soon), true, true, "PRIVATE KEY", 1, 3},
		{stranger.PEM(), false, true, "", 2, 3},
	} {
		certtest.Put(t, file, tc.file)
		w.pass()
		if got := c.Verify(old) == nil; got != tc.old {
			t.Errorf("old authority: %v", got)
		}
		if got := c.Verify(next) == nil; got != tc.next {
			t.Errorf("new authority: %v", got)
		}
		w.updates("meta_client_ca", tc.succeeded, tc.failed)
		if tc.says != "" {
			w.logged(tc.says, 1)
		}
	}
	ok(t, os.Remove(file))
	if _, err := certificate.NewClient(file, o); err == nil {
		t.Error("it starts without a file")
	}
}
