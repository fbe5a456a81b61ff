package ingress

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cubeconnect/metrics"
)

// listening is a Handler's listener, with connections to it.
type listening struct {
	*bench
	l   net.Listener
	tcp *net.TCPListener // under it
}

func (b *bench) listen(most int) listening {
	b.t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = l.Close() })
	return listening{b, b.Listener(l, most), l.(*net.TCPListener)}
}

// call connects from an address. Both ends are returned; the server's is nil if it was turned away.
func (l listening) call(from string) (client, server net.Conn) {
	l.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client, err := d.DialContext(l.t.Context(), "tcp4", l.l.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = client.Close() })
	// Accept goes on to the next connection where it turns one away: let it know that there is none.
	if err := l.tcp.SetDeadline(time.Now().Add(time.Second)); err != nil {
		l.t.Fatal(err)
	}
	server, err = l.l.Accept()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return client, nil
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = server.Close() })
	return client, server
}

// open reports whether the server still has a connection.
func open(t *testing.T, server net.Conn) bool {
	t.Helper()
	if err := server.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	_, err := server.Read(make([]byte, 1))
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (l listening) limitedFor(reason string) int {
	l.t.Helper()
	return int(l.counted()[reason])
}

// connections returns how many connections the metric says there are.
func (l listening) connections() int {
	l.t.Helper()
	families, err := l.reg.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "cubeconnect_public_connections" {
			return int(family.Metric[0].GetGauge().GetValue())
		}
	}
	return -1
}

// A stranger with too many connections loses the oldest, others none.
func TestConnectionsOfOneAddress(t *testing.T) {
	l := newBench(t, withSecrets(testSecret)).listen(MaxConnections)
	_, other := l.call("127.0.0.3")
	var servers []net.Conn
	for i := range connectionsOfOne + 2 {
		if i%50 == 0 {
			l.advance(time.Second)
		}
		_, server := l.call("127.0.0.2")
		servers = append(servers, server)
	}
	for i, s := range servers {
		if got, want := open(t, s), i >= 2; got != want {
			t.Errorf("connection %d is open: %t", i, got)
		}
	}
	if !open(t, other) {
		t.Error("another address's was closed")
	}
	if got := l.limitedFor(metrics.LimitedConnections); got != 2 {
		t.Errorf("%d counted", got)
	}
	if got := l.connections(); got != connectionsOfOne+1 {
		t.Errorf("%d connections", got)
	}
	for _, s := range servers {
		_ = s.Close()
		_ = s.Close() // the server may close twice
	}
	if got := l.connections(); got != 1 || len(l.door.visits) != 1 || l.door.waiting.Len() != 1 {
		t.Errorf("%d connections are left", got)
	}
}

// Where all are taken, the oldest connection on which nothing was signed makes room; where there is none,
// nobody else comes in.
func TestConnectionsAltogether(t *testing.T) {
	c := withSecrets(testSecret)
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}
	l := newBench(t, c).listen(4)
	var servers []net.Conn
	for i, from := range []string{"127.0.0.2", "127.0.0.9", "127.0.0.3", "127.0.0.4"} {
		_, s := l.call(from)
		servers = append(servers, s)
		if i == 0 || i == 2 {
			l.sign(s)
		}
	}
	_, fifth := l.call("127.0.0.5")
	_, sixth := l.call("127.0.0.6")
	for i, want := range []bool{true, false, true, false} { // a proxy's is as good as any
		if got := open(t, servers[i]); got != want {
			t.Errorf("connection %d is open: %t", i, got)
		}
	}
	l.sign(fifth)
	l.sign(sixth)
	if client, server := l.call("127.0.0.7"); server != nil {
		t.Error("a fifth connection, and all are of those who sign")
	} else if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("it is open")
	}
	if got := l.limitedFor(metrics.LimitedAll); got != 3 {
		t.Errorf("%d counted", got)
	}
}

// sign makes a good request on a connection.
func (l listening) sign(server net.Conn) {
	l.t.Helper()
	body := []byte(`{}`)
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.RemoteAddr = server.RemoteAddr().String()
	r.Header.Set("X-Hub-Signature-256", signatureOf(testSecret, body))
	if w := l.do(r); w.Code != http.StatusOK {
		l.t.Fatalf("signed: %d %s", w.Code, w.Body)
	}
}

// A stranger connects at a bounded rate; a trusted proxy, and who has signed, at any.
func TestConnectsOfOneAddress(t *testing.T) {
	c := withSecrets(testSecret)
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}
	l := newBench(t, c).listen(MaxConnections)
	many := func(from string, n int) (in int) {
		for range n {
			_, server := l.call(from)
			if server == nil {
				return in
			}
			in++
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return in
	}
	const more = connectsAtOnce + 20
	if in := many("127.0.0.9", more); in != more {
		t.Errorf("%d connections of a proxy came in", in)
	}
	_, server := l.call("127.0.0.3")
	l.sign(server)
	if in := many("127.0.0.3", more); in != more {
		t.Errorf("%d connections of somebody who signs came in", in)
	}
	if in := many("127.0.0.2", more); in != connectsAtOnce {
		t.Errorf("%d connections of a stranger came in", in)
	}
	if got := l.limitedFor(metrics.LimitedConnects); got != 1 {
		t.Errorf("%d counted", got)
	}
}

// A stranger's requests are bounded, whatever they are, by the address that they come from; those of an
// address that signs are not, nor a proxy's own.
func TestLimit(t *testing.T) {
	c := withSecrets(testSecret)
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	b := newBench(t, c)
	h := b.Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			b.Receive(w, r)
		}
	}))
	request := func(peer, forwarded string, signed bool) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if signed {
			r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{}`))
			r.Header.Set("X-Hub-Signature-256", signatureOf(testSecret, []byte(`{}`)))
		}
		r.RemoteAddr = peer + ":1234"
		if strings.Contains(peer, ":") {
			r.RemoteAddr = "[" + peer + "]:1234"
		}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	use := func(peer, forwarded string) {
		t.Helper()
		for i := range requestsAtOnce {
			if w := request(peer, forwarded, false); w.Code != http.StatusOK {
				t.Fatalf("request %d: %d", i, w.Code)
			}
		}
	}
	use("192.0.2.1", "10.9.9.9") // a header that is not believed
	w := request("192.0.2.1", "", false)
	wantRefusal(t, w, http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED")
	if w.Header().Get("Retry-After") != "1" || w.Header().Get("Connection") != "close" {
		t.Errorf("headers %v", w.Header())
	}
	if w := request("192.0.2.2", "", false); w.Code != http.StatusOK {
		t.Errorf("another address: %d", w.Code)
	}
	if w := request("10.0.0.1", "192.0.2.1", false); w.Code != http.StatusTooManyRequests || w.Header().Get("Connection") != "" {
		t.Errorf("the same through a proxy: %d %v", w.Code, w.Header())
	}
	if w := request("10.0.0.1", "192.0.2.3", false); w.Code != http.StatusOK {
		t.Errorf("another through the same proxy: %d", w.Code)
	}
	for range 2 * requestsAtOnce {
		if w := request("10.0.0.1", "", false); w.Code != http.StatusOK {
			t.Fatalf("the proxy itself: %d", w.Code)
		}
	}
	use("2001:db8:1:2::1", "")
	if w := request("2001:db8:1:2:ffff::2", "", false); w.Code != http.StatusTooManyRequests {
		t.Errorf("another address of the same IPv6 network: %d", w.Code)
	}

	b.advance(time.Second)
	if w := request("192.0.2.1", "", true); w.Code != http.StatusOK {
		t.Fatalf("signed, a second later: %d %s", w.Code, w.Body)
	}
	for i := range 2 * requestsAtOnce {
		if w := request("192.0.2.1", "", i%2 == 0); w.Code != http.StatusOK {
			t.Fatalf("from an address that has signed: %d", w.Code)
		}
	}
	b.advance(signerLife)
	use("192.0.2.1", "")
	if w := request("192.0.2.1", "", false); w.Code != http.StatusTooManyRequests {
		t.Errorf("a day later: %d", w.Code)
	}
	if got := int(b.counted()[metrics.LimitedRequests]); got != 4 {
		t.Errorf("%d counted", got)
	}
	if got := b.log.lines("WARN"); len(got) != 2 {
		t.Errorf("log %v", got)
	}
}

// What is remembered of strangers is bounded, and who signs isn't forgotten for them.
func TestDoorIsBounded(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	meta := netip.MustParseAddr("192.0.2.1")
	b.door.signed(meta, "")
	for i := range 2 * maxStrangers {
		b.door.admit(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if got := b.door.strangers.Len(); got != maxStrangers {
		t.Errorf("%d strangers", got)
	}
	if b.door.shareOf(meta) != nil {
		t.Error("who has signed is a stranger")
	}
	for i := range 2 * maxSigners {
		b.door.signed(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), "")
	}
	if got := b.door.signers.Len(); got != maxSigners {
		t.Errorf("%d who sign", got)
	}
}

// One stranger's bodies leave the others some room, and who signs has its own.
func TestReceiveStrangersBodies(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	large := bytes.Repeat([]byte(" "), DefaultMaxBody)
	b.door.stranger(netip.MustParseAddr("192.0.2.1")).share.taken.Store(shareOfOne)
	post := func(from string, body []byte, secret string) int {
		r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(bytes.NewReader(body)))
		r.RemoteAddr = from + ":1"
		r.Header.Set("X-Hub-Signature-256", signatureOf(secret, body))
		return b.do(r).Code
	}
	for i, want := range []struct {
		from   string
		body   []byte
		secret string
		status int
	}{
		{"192.0.2.1", large, "wrong", 503},
		{"192.0.2.1", large, testSecret, 503}, // it isn't known yet who that is: Meta repeats it
		{"192.0.2.2", large, "wrong", 401},
		{"192.0.2.1", []byte(`{}`), testSecret, 200},
		{"192.0.2.1", large, testSecret, 200},
		{"192.0.2.1", large, "wrong", 401},
	} {
		if got := post(want.from, want.body, want.secret); got != want.status {
			t.Errorf("step %d: %d, want %d", i, got, want.status)
		}
	}
	if got := b.counted(); got["memory"] != 2 || got["unavailable"] != 2 {
		t.Errorf("counted %v", got)
	}
	if b.bodies.crowd.taken.Load() != 0 || b.door.share.taken.Load() != 0 {
		t.Error("something is still taken")
	}
}

func FuzzForwardedFor(f *testing.F) {
	for _, peer := range []string{"10.1.2.3:1", "192.0.2.1:1", "[2001:db8::1]:1", "@", ""} {
		for _, forwarded := range []string{"", "198.51.100.1", "203.0.113.9, 198.51.100.1", "[2a03:2880::1]:443", ",,,", "unknown", "10.0.0.1,10.0.0.2", "::ffff:10.0.0.1", "fe80::1%eth0"} {
			f.Add(peer, forwarded)
		}
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		addr, ok := clientAddr(r, trusted)
		own, isAddr := parseAddr(peer)
		if ok != isAddr {
			t.Errorf("an address: %t, want %t", ok, isAddr)
		}
		if !ok {
			return
		}
		if addr != addr.Unmap().WithZone("") {
			t.Errorf("%s is not in the form in which addresses are compared", addr)
		}
		if !contains(trusted, own) && addr != own {
			t.Errorf("%s was believed", peer)
		}
		// What a client writes ahead of what a proxy adds changes nothing.
		const client = "198.51.100.7"
		r.Header.Set("X-Forwarded-For", forwarded+", "+client)
		if got, _ := clientAddr(r, trusted); contains(trusted, own) && got.String() != client {
			t.Errorf("behind a proxy: %s, want %s", got, client)
		}
		if remoteAddr(r, trusted) == "" {
			t.Errorf("no address of %q", peer)
		}
	})
}
