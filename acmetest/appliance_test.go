package acmetest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
)

// domain is what most tests have a certificate for.
const domain = "hooks.example.com"

// patience is how long something that must happen may take on a busy machine.
const patience = time.Minute

// appliance is the whole program, which gets its certificates from an authority.
type appliance struct {
	t         *testing.T
	authority *authority
	config    config.Config
	program   *app.App
	log       output
	cancel    context.CancelFunc
	ended     chan error
}

// start starts an appliance for hooks.example.com. It ends with the test.
func start(t *testing.T, ca *authority, change ...func(*config.TLS)) *appliance {
	t.Helper()
	c := config.Default()
	c.DataDir = t.TempDir()
	c.Public.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Public.TLS = config.TLS{Mode: config.TLSACME, Domains: []string{domain}, ACMEEmail: "hostmaster@example.com", ACMEDirectory: ca.directory}
	for _, ch := range change {
		ch(&c.Public.TLS)
	}
	a := &appliance{t: t, authority: ca, config: c}
	a.open()
	t.Cleanup(a.stop)
	return a
}

func (a *appliance) open() {
	a.t.Helper()
	c := a.config
	p, err := app.New(app.Options{Config: &c, Log: slog.New(slog.NewTextHandler(&a.log, nil))})
	if err != nil {
		a.t.Fatalf("start: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.program, a.cancel, a.ended = p, cancel, make(chan error, 1)
	a.authority.front.lead(strings.TrimPrefix(p.PublicURL(), "https://"))
	go func() { a.ended <- p.Run(ctx) }()
}

// stop ends the program as SIGTERM does.
func (a *appliance) stop() {
	a.t.Helper()
	if a.ended == nil {
		return
	}
	a.cancel()
	if err := <-a.ended; err != nil {
		a.t.Errorf("stop: %v", err)
	}
	a.ended = nil
}

// shake makes a handshake for a name, as a client that trusts the authority.
func (a *appliance) shake(name string, change ...func(*tls.Config)) (tls.ConnectionState, error) {
	c := &tls.Config{ServerName: name, RootCAs: a.authority.roots}
	for _, ch := range change {
		ch(c)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(a.program.PublicURL(), "https://"), c)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// serves waits until a name is served with a certificate that isn't the one with this serial number, and
// returns its own.
func (a *appliance) serves(name, before string) (serial string) {
	a.t.Helper()
	eventually(a.t, func() error {
		s, err := a.shake(name)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, a.log.String())
		}
		if serial = s.PeerCertificates[0].SerialNumber.String(); serial == before {
			return fmt.Errorf("the certificate is still the old one")
		}
		return nil
	})
	return serial
}

// request makes a request to a URL, over connections that lead to the public listener whatever the host.
func (a *appliance) request(method, url string) (status int, body string) {
	a.t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.authority.roots}}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), method, url, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	if host := req.URL.Host; strings.HasPrefix(url, "https:") {
		tr.TLSClientConfig.ServerName = host
		req.URL.Host = strings.TrimPrefix(a.program.PublicURL(), "https://")
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// metric returns the line of a series.
func (a *appliance) metric(series string) (value string) {
	a.t.Helper()
	_, text := a.request("GET", a.program.AdminURL()+"/metrics")
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	a.t.Errorf("there is no %s", series)
	return ""
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// output is a buffer that can be read while it is written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
