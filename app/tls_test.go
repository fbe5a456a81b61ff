package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cubeconnect/certificate"
	"cubeconnect/certificate/certtest"
	"cubeconnect/config"
)

// withFiles starts an appliance that does TLS with files, and speaks with it as somebody who trusts the
// authority.
func withFiles(t *testing.T, change ...func(*config.Config)) (*appliance, *certtest.CA) {
	t.Helper()
	ca := certtest.New(t, "authority")
	certFile, keyFile := certtest.Files(t, t.TempDir(), ca.Server("localhost"))
	a := start(t, append(change, func(c *config.Config) {
		c.Public.TLS.Mode, c.Public.TLS.CertFile, c.Public.TLS.KeyFile = config.TLSFiles, certFile, keyFile
	})...)
	a.client.Transport = transport(ca, nil)
	return a, ca
}

// transport trusts an authority and shows a certificate, if there is one.
func transport(ca *certtest.CA, client *tls.Certificate) *http.Transport {
	c := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"}
	if client != nil {
		// Whatever the server asks for: strangers don't care what it would take.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	return &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}
}

func (a *appliance) address() string { return strings.TrimPrefix(a.public, "https://") }

// dial opens a TLS connection to the public listener.
func (a *appliance) dial(c *tls.Config) (*tls.Conn, error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: c}
	conn, err := d.DialContext(context.Background(), "tcp", a.address())
	if err != nil {
		return nil, err
	}
	a.t.Cleanup(func() { conn.Close() })
	return conn.(*tls.Conn), nil
}

// The program can do TLS itself.
func TestTLS(t *testing.T) {
	t.Parallel()
	a, ca := withFiles(t)
	if !strings.HasPrefix(a.public, "https://") {
		t.Errorf("public address %s", a.public)
	}
	a.samples("message-text")
	resp, err := a.client.Get(a.public + "/api/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != 200 {
		t.Errorf("health: %s %s, want HTTP/2", resp.Proto, resp.Status)
	}
	for _, c := range []struct {
		name   string
		config *tls.Config
		ok     bool
	}{
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"TLS 1.2 without forward secrecy", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		{"another protocol", &tls.Config{NextProtos: []string{"ftp"}}, false},
		{"HTTP/2", &tls.Config{NextProtos: []string{"h2"}}, true},
		{"HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}}, true},
	} {
		c.config.RootCAs, c.config.ServerName = ca.Pool(), "localhost"
		if _, err := a.dial(c.config); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	e := a.metrics()
	if got := e.value(`cubeconnect_certificate_expiry_timestamp_seconds{name="localhost",use="server"}`); got < float64(time.Now().Unix()) {
		t.Errorf("the certificate expires at %v", got)
	}
}

// A renewed certificate comes into force without a failed request, whatever moment of the change a client
// meets.
func TestCertificateSwap(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t, "authority")
	dir := t.TempDir()
	certFile, keyFile := certtest.Files(t, dir, ca.Server("localhost"))
	s := serve(t, fmt.Sprintf("[public.tls]\nmode = 'files'\ncert_file = %q\nkey_file = %q\n", certFile, keyFile))
	s.end()
	p, log := s.process()
	s.client.Transport = transport(ca, nil)
	serial := func() string {
		t.Helper()
		conn, err := s.dial(&tls.Config{RootCAs: ca.Pool(), ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	done := make(chan struct{})
	var requests atomic.Int64
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			client := &http.Client{Transport: transport(ca, nil), Timeout: patience}
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				b := text(customer, fmt.Sprintf("wamid.%d.%d", i, n), "x")
				req, err := http.NewRequestWithContext(context.Background(), "POST", s.public+webhookPath, bytes.NewReader(b))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-Hub-Signature-256", hub(appSecret, b))
				resp, err := client.Do(req)
				if err != nil {
					t.Errorf("request %d of client %d: %v", n, i, err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Errorf("request %d of client %d: %s", n, i, resp.Status)
				}
				if i%2 == 0 { // half of them with a handshake for each request
					client.CloseIdleConnections()
				}
				requests.Add(1)
			}
		})
	}
	hangup := func() {
		t.Helper()
		if err := p.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		next := ca.Server("localhost")
		chain, key := certtest.CertPEM(next), certtest.KeyPEM(t, next)
		begun := requests.Load()
		certtest.Put(t, certFile, chain) // it doesn't fit the key that is still there
		hangup()
		if err := os.WriteFile(keyFile, key[:len(key)/2], 0o600); err != nil { // half of it
			t.Fatal(err)
		}
		hangup()
		certtest.Put(t, keyFile, key)
		hangup()
		eventually(t, func() error {
			if got := serial(); got != next.Leaf.SerialNumber.String() {
				return fmt.Errorf("the old certificate is served")
			}
			if requests.Load() < begun+20 {
				return fmt.Errorf("%d requests meanwhile", requests.Load()-begun)
			}
			return nil
		})
	}
	close(done)
	clients.Wait()
	t.Logf("%d requests", requests.Load())
	if !strings.Contains(log.String(), "certificate read again") {
		t.Errorf("nothing in the log:\n%s", log.String())
	}
	s.client.CloseIdleConnections()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// Only Meta may post webhooks if its client certificate is demanded; the health is everybody's.
func TestMetaClientCertificate(t *testing.T) {
	t.Parallel()
	meta := certtest.New(t, "Meta's authority")
	between := meta.Between("Meta's authority for webhooks")
	stranger := certtest.New(t, "Meta's authority")
	caFile := filepath.Join(t.TempDir(), "meta.pem")
	certtest.Put(t, caFile, meta.PEM())
	a, ca := withFiles(t, func(c *config.Config) { c.Public.TLS.MetaClientCA = caFile })
	good := between.Client(certificate.MetaName)
	refused := 0.0
	for _, c := range []struct {
		name    string
		cert    *tls.Certificate
		webhook int
	}{
		{"Meta", good, 200},
		{"nobody", nil, 403},
		{"another's name", meta.Client("client.example.com"), 403},
		{"another authority", stranger.Client(certificate.MetaName), 403},
		{"expired", meta.Client(certificate.MetaName, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), 403},
		{"not for clients", meta.Client(certificate.MetaName, func(c *x509.Certificate) { c.ExtKeyUsage = nil }), 403},
	} {
		tr := transport(ca, c.cert)
		a.client.Transport = tr
		if got := a.post(body(t, "message-text")); got.status != c.webhook {
			t.Errorf("%s: webhook %d %s, want %d", c.name, got.status, got.raw, c.webhook)
		} else if c.webhook == 403 {
			got.refused(403, "FORBIDDEN")
			refused++
		}
		a.request("GET", a.public+"/api/health", nil).ok(200)
		// The handshake gives nothing away, and comes before the certificate is switched on at Meta.
		url := a.public + webhookPath + "?hub.mode=subscribe&hub.challenge=42&hub.verify_token=" + verifyToken
		if r := a.request("GET", url, nil); r.status != 200 || string(r.raw) != "42" {
			t.Errorf("%s: handshake %d %s", c.name, r.status, r.raw)
		}
		tr.CloseIdleConnections()
	}
	e := a.metrics()
	if got := e.value(`cubeconnect_inbound_requests_total{outcome="bad_client_certificate"}`); got != refused {
		t.Errorf("%v counted, want %v", got, refused)
	}
	if got := e.value(`cubeconnect_certificate_expiry_timestamp_seconds{name="` + certificate.MetaName + `",use="meta_client"}`); got != float64(good.Leaf.NotAfter.Unix()) {
		t.Errorf("Meta's certificate expires at %v, want %v", got, good.Leaf.NotAfter)
	}
	e.value(`cubeconnect_certificate_expiry_timestamp_seconds{name="",use="meta_client_ca"}`)

	// A session that is resumed proves no more than its certificate does.
	resuming := transport(ca, meta.Client("client.example.com"))
	resuming.DisableKeepAlives = true
	resuming.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	a.client.Transport = resuming
	for range 2 {
		a.post(body(t, "message-text")).refused(403, "FORBIDDEN")
	}
}

// What strangers send to the TLS port ends in time, and costs nobody else anything.
func TestHostileHandshakes(t *testing.T) {
	t.Parallel()
	a, _ := withFiles(t)
	plain := dialPlain(t, a)
	if _, err := io.WriteString(plain, "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(plain), nil)
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("plain HTTP: %v, %v; want 400", resp, err)
	}
	hello := clientHello(t)
	hanging := map[string]net.Conn{}
	for name, sent := range map[string][]byte{
		"garbage":                  bytes.Repeat([]byte{0xff}, 4096),
		"zeros":                    make([]byte, 4096),
		"a record that is too big": append([]byte{22, 3, 1, 0xff, 0xff}, make([]byte, 70_000)...),
		"a hello of garbage":       append([]byte{22, 3, 1, 0, 100, 1, 0, 0, 96}, bytes.Repeat([]byte{7}, 96)...),
		"SSH":                      []byte("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
		"nothing":                  nil,
		"a byte":                   {22},
		"half a hello":             hello[:len(hello)/2],
		"a hello and no more":      hello,
	} {
		hanging[name] = dialPlain(t, a)
		_, _ = hanging[name].Write(sent) // the server may have had enough before the end
	}
	a.samples("message-text")
	for name, conn := range hanging {
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays open", name)
		}
	}
}

func dialPlain(t *testing.T, a *appliance) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(context.Background(), "tcp", a.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// clientHello returns what a client says first.
func clientHello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		defer client.Close()
		_ = tls.Client(client, &tls.Config{ServerName: "localhost"}).Handshake() // nobody answers
	}()
	b := make([]byte, 16<<10)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// A certificate that can't be used is told where it is named, before the service is started with it.
func TestCheckCertificates(t *testing.T) {
	t.Parallel()
	ca := certtest.New(t, "authority")
	dir := t.TempDir()
	certFile, keyFile := certtest.Files(t, dir, ca.Server("localhost"))
	_, otherKey := certtest.Files(t, t.TempDir(), ca.Server("localhost"))
	oldCert, oldKey := certtest.Files(t, t.TempDir(), ca.Server("localhost", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }))
	caFile := filepath.Join(dir, "ca.pem")
	certtest.Put(t, caFile, ca.PEM())
	none := filepath.Join(dir, "none")
	for _, c := range []struct {
		name, cert, key, ca string
		says                []string
	}{
		{"good", certFile, keyFile, caFile, nil},
		{"no files", none, none, none, []string{":3: public.tls.cert_file", ":4: public.tls.key_file", ":5: public.tls.meta_client_ca"}},
		{"not fitting", certFile, otherKey, caFile, []string{":4: public.tls.key_file: does not serve the certificate"}},
		{"expired", oldCert, oldKey, caFile, []string{":3: public.tls.cert_file: the certificate expired"}},
		{"a key for an authority", certFile, keyFile, keyFile, []string{":5: public.tls.meta_client_ca: there is a PRIVATE KEY"}},
	} {
		file := write(t, "c.toml", fmt.Sprintf("[public.tls]\nmode = 'files'\ncert_file = %q\nkey_file = %q\nmeta_client_ca = %q\n", c.cert, c.key, c.ca))
		_, stderr := run(t, min(len(c.says), 1), nil, "check", "--config", file)
		if strings.Count(stderr, file+":") != len(c.says) {
			t.Errorf("%s: %q", c.name, stderr)
		}
		for _, words := range c.says {
			if !strings.Contains(stderr, file+words) {
				t.Errorf("%s: no %q in %q", c.name, words, stderr)
			}
		}
	}
	c := config.Default()
	c.DataDir, c.Public.Listen, c.Admin.Listen = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	c.Public.TLS = config.TLS{Mode: config.TLSFiles, CertFile: certFile, KeyFile: otherKey}
	if err := tryStart(c); err == nil || !strings.Contains(err.Error(), otherKey) {
		t.Errorf("started with another's key: %v", err)
	}
	c.Public.TLS = config.TLS{Mode: config.TLSFiles, CertFile: certFile, KeyFile: keyFile, MetaClientCA: keyFile}
	if err := tryStart(c); err == nil || !strings.Contains(err.Error(), "meta_client_ca") {
		t.Errorf("started with a key for an authority: %v", err)
	}
}
