package egress

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// loopback lets a test reach servers of its own.
func loopback() Options {
	return Options{
		Timeout: 5 * time.Second, AllowHTTP: true,
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	}
}

func testMachine(names lookup) machine {
	return machine{now: time.Now, interfaces: func() ([]net.Addr, error) { return nil, nil }, resolver: names.resolver()}
}

func open(t testing.TB, opts Options, m machine) *Client {
	t.Helper()
	c := newClient(opts, m)
	t.Cleanup(c.Close)
	return c
}

func newTestClient(t testing.TB) *Client {
	t.Helper()
	return open(t, loopback(), testMachine(nil))
}

const testBody = `{"event":"message.received","tenant_id":7}`

func newClaim(url string) *webhook.Claim {
	id, err := webhook.ParseID("01JNZ3VQ0G0000000000000001")
	if err != nil {
		panic(err)
	}
	return &webhook.Claim{
		ID: id.WithOwner(9), EventID: id, Type: webhook.MessageReceived, Number: 3, Round: 2,
		Endpoint: &webhook.Endpoint{ID: 9, TenantID: 7, URL: url, Enabled: true, Secret: testSecret},
		Body:     []byte(testBody),
	}
}

var testSecret = webhook.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

func withTimeout(claim *webhook.Claim, d time.Duration) *webhook.Claim {
	claim.Endpoint.Timeout = webhook.Duration(d)
	return claim
}

// receiver is an endpoint that remembers what it got.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
	conns    atomic.Int32
}

type received struct {
	header http.Header
	host   string
	body   string
	uri    string
	proto  string
}

func newReceiver(t testing.TB, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := newUnstartedReceiver(answer)
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func newUnstartedReceiver(answer http.HandlerFunc) *receiver {
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.requests = append(r.requests, received{req.Header, req.Host, string(body), req.RequestURI, req.Proto})
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			r.conns.Add(1)
		}
	}
	return r
}

func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func (r *receiver) port() int { return r.Listener.Addr().(*net.TCPAddr).Port }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// serveRaw starts a server that hands each connection, its request's header read, to a function and closes
// it afterwards.
func serveRaw(t *testing.T, serve func(conn *net.TCPConn)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				var request [4 << 10]byte
				_, _ = conn.Read(request[:])
				serve(conn.(*net.TCPConn))
			})
		}
	})
	return "http://" + l.Addr().String()
}

// untilClosed waits for the other side to close the connection.
func untilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// lookup is a name server: it answers with the addresses of an absolute name, or that there is no such name.
type lookup func(name string) []string

// resolver returns a resolver that asks the name server and nobody else.
func (l lookup) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		go l.serve(server) // ends with the one exchange that a connection is for
		return client, nil
	}}
}

// serve answers one question over a stream: a length in two bytes, then the message (RFC 1035, 4.1).
func (l lookup) serve(conn net.Conn) {
	defer conn.Close()
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return
	}
	name, end := "", 12
	for query[end] != 0 {
		label := query[end+1 : end+1+int(query[end])]
		name += string(label) + "."
		end += 1 + len(label)
	}
	question := query[12 : end+5]
	const typeA, typeAAAA = 1, 28
	wanted := binary.BigEndian.Uint16(query[end+1:])
	var addrs []string
	if l != nil {
		addrs = l(name)
	}
	var answers []byte
	count := 0
	for _, a := range addrs {
		addr := netip.MustParseAddr(a)
		if addr.Is4() && wanted != typeA || addr.Is6() && wanted != typeAAAA {
			continue
		}
		data := addr.AsSlice()
		answers = append(answers, 0xc0, 12)                            // the question's name
		answers = append(answers, byte(wanted>>8), byte(wanted), 0, 1) // type, class IN
		answers = append(answers, 0, 0, 0, 0, 0, byte(len(data)))      // kept for 0 s
		answers = append(answers, data...)
		count++
	}
	code := byte(0)
	if addrs == nil {
		code = 3 // no such name
	}
	reply := append([]byte{}, query[:2]...)
	reply = append(reply, 0x84|query[2]&1, 0x80|code, 0, 1, 0, byte(count), 0, 0, 0, 0)
	reply = append(reply, question...)
	reply = append(reply, answers...)
	_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
}
