package acmetest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// authority is an ACME server, and the part of the internet through which it reaches the appliance.
type authority struct {
	t         *testing.T
	directory string
	roots     *x509.CertPool
	front     *front

	down     atomic.Bool  // connections are cut
	requests atomic.Int64 // all
	orders   atomic.Int64 // that were taken
}

// newAuthority starts a server whose certificates hold for some seconds.
func newAuthority(t *testing.T, f *front, life uint64) *authority {
	t.Helper()
	a := &authority{t: t, roots: x509.NewCertPool(), front: f}
	quiet := log.New(io.Discard, "", 0)
	memory := db.NewMemoryStore()
	issuer := ca.New(quiet, memory, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: life}})
	prover := va.New(quiet, 0, f.port(), true, resolver(t), memory)
	server := wfe.New(quiet, memory, prover, issuer, []string{"authority.test"}, true, false, 0, 0)
	a.roots.AddCert(issuer.GetRootCert(0).Cert)

	l := listen(t)
	a.directory = "https://" + l.Addr().String() + wfe.DirectoryPath
	handler := server.Handler()
	s := &http.Server{
		ErrorLog:  quiet,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{*directoryCA.Server("localhost", atLoopback)}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.requests.Add(1)
			taken := &status{ResponseWriter: w}
			handler.ServeHTTP(taken, r)
			if r.URL.Path == "/order-plz" && taken.code == http.StatusCreated {
				a.orders.Add(1)
			}
		}),
	}
	serve(t, func() error { return s.ServeTLS(cutter{l, &a.down}, "", "") }, s.Close)
	return a
}

func atLoopback(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }

// ordered checks how many orders there were.
func (a *authority) ordered(want int64) {
	a.t.Helper()
	if got := a.orders.Load(); got != want {
		a.t.Errorf("%d orders, want %d", got, want)
	}
}

// status remembers a response's.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) { s.code = code; s.ResponseWriter.WriteHeader(code) }

// cutter is a listener that cuts connections while it is down.
type cutter struct {
	net.Listener
	down *atomic.Bool
}

func (c cutter) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil && c.down.Load() {
		conn.Close()
	}
	return conn, err
}

// resolver is a name server to which every name is this machine.
func resolver(t *testing.T) (addr string) {
	t.Helper()
	l := listen(t)
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		m := new(dns.Msg).SetReply(question)
		if q := question.Question[0]; q.Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)})
		}
		_ = w.WriteMsg(m) // the server says if it got nothing
	})}
	serve(t, s.ActivateAndServe, l.Close)
	return l.Addr().String()
}

// front is port 443 of every domain. It leads to the appliance.
type front struct {
	listener net.Listener
	target   atomic.Pointer[string]
	down     atomic.Bool // connections are cut
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{listener: listen(t)}
	f.lead("127.0.0.1:1")
	serve(t, f.accept, f.listener.Close)
	return f
}

func (f *front) port() int { return f.listener.Addr().(*net.TCPAddr).Port }

func (f *front) lead(addr string) { f.target.Store(&addr) }

func (f *front) accept() error {
	for {
		in, err := cutter{f.listener, &f.down}.Accept()
		if err != nil {
			return err
		}
		go f.pass(in)
	}
}

func (f *front) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", *f.target.Load())
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(out, in) // an end is an end
		_ = out.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(in, out)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve runs until the test ends.
func serve(t *testing.T, run, end func() error) {
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	t.Cleanup(func() {
		_ = end() // what matters is that it has ended
		if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
}
