package acmetest

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubeconnect/app"
	"cubeconnect/certificate/certtest"
	"cubeconnect/config"
)

const month = 30 * 24 * 3600

func TestCertificates(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, newFront(t), month)
	a := start(t, ca, func(c *config.TLS) { c.Domains = []string{domain, "WWW.example.com"} })
	one, other := a.serves(domain, ""), a.serves("www.example.com", "")
	if one == other || a.serves("Hooks.Example.COM", "") != one {
		t.Error("the domains have one certificate, or a name has two")
	}
	ca.ordered(2)
	if status, body := a.request("GET", "https://"+domain+"/api/health"); status != 200 {
		t.Errorf("health: %d %s", status, body)
	}

	// Strangers lead to no order, whatever they ask for.
	requests := ca.requests.Load()
	for _, name := range []string{"example.com", "other.example.com", "hooks.example.com.example.com", "localhost", "127.0.0.1", "xn--nxasmq6b.example.com", "account"} {
		if _, err := a.shake(name); err == nil || name != "127.0.0.1" && !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*tls.Config){
		"no name":     func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = "", true },
		"a challenge": func(c *tls.Config) { c.NextProtos = []string{"acme-tls/1"} },
		"RSA certificates only": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		},
		"a challenge and another": func(c *tls.Config) { c.ServerName, c.NextProtos = "other.example.com", []string{"acme-tls/1", "h2"} },
	} {
		if _, err := a.shake(domain, change); err == nil {
			t.Errorf("%s: the handshake succeeds", name)
		}
	}
	if got := ca.requests.Load(); got != requests {
		t.Errorf("strangers caused %d requests to the authority", got-requests)
	}
	for series, want := range map[string]string{
		`cubeconnect_certificate_updates_total{result="succeeded",source="acme"}`: "2",
		`cubeconnect_certificate_updates_total{result="failed",source="acme"}`:    "0",
	} {
		if got := a.metric(series); got != want {
			t.Errorf("%s is %s, want %s", series, got, want)
		}
	}
	a.metric(`cubeconnect_certificate_expiry_timestamp_seconds{name="www.example.com",use="server"}`)

	// A restart asks for nothing. What it needs is sealed meanwhile.
	requests = ca.requests.Load()
	a.stop()
	database, err := os.ReadFile(filepath.Join(a.config.DataDir, app.DatabaseName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(database, []byte(ca.directory)) || bytes.Contains(database, []byte("PRIVATE KEY")) || bytes.Contains(database, []byte("CERTIFICATE")) {
		t.Error("there is no certificate in the database, or it is not sealed")
	}
	a.open()
	if a.serves(domain, "") != one || a.serves("www.example.com", "") != other {
		t.Error("other certificates after a restart")
	}
	if got := ca.requests.Load(); got != requests {
		t.Errorf("a restart caused %d requests to the authority", got-requests)
	}

	// Another domain is ordered under the same account, another authority's certificates are its own.
	a.stop()
	a.config.Public.TLS.Domains = []string{domain, "third.example.com"}
	a.open()
	a.serves("third.example.com", "")
	ca.ordered(3)
	if _, err := a.shake("www.example.com"); err == nil {
		t.Error("a domain that is not listed any more is served")
	}
	a.stop()
	next := newAuthority(t, ca.front, month)
	a.authority, a.config.Public.TLS.ACMEDirectory = next, next.directory
	a.open()
	a.serves(domain, one)
	ca.ordered(3)
}

// A certificate is renewed by itself.
func TestRenewal(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, newFront(t), 7)
	a := start(t, ca)
	first := a.serves(domain, "")
	second := a.serves(domain, first)
	if strings.Contains(a.log.String(), "level=ERROR") {
		t.Errorf("%s", a.log.String())
	}

	// A stop is no reason to keep a certificate that is due, nor to lose one.
	a.stop()
	a.open()
	a.serves(domain, second)
}

// While the authority is down the service runs, and asks again by itself.
func TestAuthorityDown(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, newFront(t), month)
	ca.down.Store(true)
	a := start(t, ca)
	eventually(t, func() error {
		if !strings.Contains(a.log.String(), "no certificate obtained") {
			return fmt.Errorf("nothing in the log:\n%s", a.log.String())
		}
		return nil
	})
	if status, body := a.request("GET", a.program.AdminURL()+"/api/health"); status != 200 {
		t.Errorf("health: %d %s", status, body)
	}
	if _, err := a.shake(domain); err == nil {
		t.Error("there is a certificate")
	}
	series := `cubeconnect_certificate_expiry_timestamp_seconds{name="hooks.example.com",use="server"}`
	if got := a.metric(series); got != "0" {
		t.Errorf("%s is %s, want 0", series, got)
	}
	if got := a.metric(`cubeconnect_certificate_updates_total{result="failed",source="acme"}`); got == "0" {
		t.Error("the failure is not counted")
	}
	ca.down.Store(false)
	a.serves(domain, "")
	ca.ordered(1)
}

// Where the domain leads elsewhere the log says what to do, nothing is tried again for long, and a reload
// tries at once.
func TestDomainLeadsElsewhere(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, newFront(t), month)
	ca.front.down.Store(true)
	a := start(t, ca)
	eventually(t, func() error {
		log := a.log.String()
		if !strings.Contains(log, "prove the domain") || !strings.Contains(log, "port 443 must lead to public.listen") || !strings.Contains(log, "again=15m0s") {
			return fmt.Errorf("nothing in the log:\n%s", log)
		}
		return nil
	})
	orders := ca.orders.Load()
	for range 20 { // nobody who connects can change that
		if _, err := a.shake(domain); err == nil {
			t.Fatal("there is a certificate")
		}
	}
	ca.ordered(orders)
	ca.front.down.Store(false)
	a.program.Reload(&a.config)
	a.serves(domain, "")
}

// Meta's client certificate can be demanded with certificates of an authority, too.
func TestMetaClientCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, newFront(t), month)
	file := filepath.Join(t.TempDir(), "meta.pem")
	certtest.Put(t, file, certtest.New(t, "Meta's authority").PEM())
	a := start(t, ca, func(c *config.TLS) { c.MetaClientCA = file })
	a.serves(domain, "")
	if status, body := a.request("POST", "https://"+domain+"/api/webhooks/whatsapp"); status != 403 || !strings.Contains(body, "client certificate") {
		t.Errorf("a webhook of nobody: %d %s", status, body)
	}
	if status, body := a.request("GET", "https://"+domain+"/api/health"); status != 200 {
		t.Errorf("health: %d %s", status, body)
	}
}
