package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func wantOutcome(t *testing.T, got webhook.Outcome, verdict webhook.Verdict, status int, class webhook.ErrorClass) {
	t.Helper()
	if got.Verdict != verdict || got.Attempt.StatusCode != status || got.Attempt.Error != class {
		t.Fatalf("verdict %d, status %d, error %q; want %d, %d, %q",
			got.Verdict, got.Attempt.StatusCode, got.Attempt.Error, verdict, status, class)
	}
}

func TestSendPostsTheEvent(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "thanks") })
	c := newTestClient(t)
	claim := newClaim(r.URL + "/in?a=b%20c")
	before := time.Now()
	out := c.Send(t.Context(), claim)

	wantOutcome(t, out, webhook.Delivered, 200, "")
	a := out.Attempt
	if a.Number != 3 || string(a.ResponseBody) != "thanks" || a.Duration <= 0 || a.StartedAt.Before(before) || a.StartedAt.After(time.Now()) {
		t.Errorf("attempt %+v", a)
	}
	got := r.got()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	if got[0].body != testBody || got[0].uri != "/in?a=b%20c" || "http://"+got[0].host != r.URL {
		t.Errorf("request %+v", got[0])
	}
	h := got[0].header
	for name, want := range map[string]string{
		"User-Agent": "CubeConnect-Webhook/1.0", "Content-Type": "application/json", "Accept": "application/json",
		"Content-Length": strconv.Itoa(len(testBody)),
		"X-Webhook-Id":   claim.EventID.String(), "Webhook-Id": claim.EventID.String(),
		"X-Webhook-Timestamp": a.StartedAt.UTC().Format("2006-01-02T15:04:05+00:00"),
		"Webhook-Timestamp":   strconv.FormatInt(a.StartedAt.Unix(), 10),
		"Accept-Encoding":     "",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, h.Get(name), want)
		}
	}
	for name, values := range h {
		if len(values) != 1 {
			t.Errorf("%s is there %d times", name, len(values))
		}
	}
	if err := Verify(testSecret, h, []byte(got[0].body), time.Now(), time.Minute); err != nil {
		t.Error(err)
	}
	if len(h.Get("X-Webhook-Signature")) != 64 || !strings.HasPrefix(h.Get("Webhook-Signature"), "v1,") {
		t.Errorf("signatures %q and %q", h.Get("X-Webhook-Signature"), h.Get("Webhook-Signature"))
	}
}

func TestSendWithoutSecret(t *testing.T) {
	r := newReceiver(t, nil)
	claim := newClaim(r.URL)
	claim.Endpoint.Secret = webhook.Secret{}
	wantOutcome(t, newTestClient(t).Send(t.Context(), claim), webhook.Delivered, 200, "")
	h := r.got()[0].header
	for _, name := range []string{"X-Webhook-Signature", "X-Webhook-Signature-Previous", "Webhook-Signature"} {
		if h[name] != nil {
			t.Errorf("%s: %q", name, h[name])
		}
	}
	if h.Get("Webhook-Id") == "" || h.Get("X-Webhook-Timestamp") == "" {
		t.Errorf("id and timestamp are missing: %v", h)
	}
}

func TestSendWithoutBody(t *testing.T) {
	r := newReceiver(t, nil)
	claim := newClaim(r.URL)
	claim.Body = nil
	wantOutcome(t, newTestClient(t).Send(t.Context(), claim), webhook.Delivered, 200, "")
	if h := r.got()[0].header; h.Get("Content-Length") != "0" || h.Get("Transfer-Encoding") != "" {
		t.Errorf("header %v", h)
	}
}

func TestEachAttemptIsSignedAfresh(t *testing.T) {
	r := newReceiver(t, status(500))
	m := testMachine(nil)
	clock := time.Date(2026, 3, 10, 14, 30, 0, 999, time.FixedZone("", 3*3600))
	m.now = func() time.Time { clock = clock.Add(time.Second); return clock }
	c := open(t, loopback(), m)
	claim := newClaim(r.URL)
	c.Send(t.Context(), claim)
	c.Send(t.Context(), claim)

	first, second := r.got()[0], r.got()[1]
	if first.body != second.body || first.body != testBody {
		t.Errorf("bodies %q and %q", first.body, second.body)
	}
	if got := first.header.Get("X-Webhook-Timestamp"); got != "2026-03-10T11:30:01+00:00" {
		t.Errorf("timestamp %s", got)
	}
	for _, name := range []string{"X-Webhook-Timestamp", "X-Webhook-Signature", "Webhook-Timestamp", "Webhook-Signature"} {
		if a, b := first.header.Get(name), second.header.Get(name); a == b || a == "" {
			t.Errorf("%s: %q, then %q", name, a, b)
		}
	}
	for _, name := range []string{"X-Webhook-Id", "Webhook-Id"} {
		if a, b := first.header.Get(name), second.header.Get(name); a != b || a == "" {
			t.Errorf("%s: %q, then %q", name, a, b)
		}
	}
	for _, got := range r.got() {
		if err := Verify(testSecret, got.header, []byte(got.body), clock, time.Minute); err != nil {
			t.Error(err)
		}
	}
}

func TestEndpointHeaders(t *testing.T) {
	r := newReceiver(t, nil)
	claim := newClaim(r.URL)
	claim.Endpoint.Headers = map[string]string{
		"authorization": "Bearer abc", "X-Team": "ops", // these arrive
		"user-agent": "evil", "CONTENT-TYPE": "text/plain", "Accept": "*/*", "Host": "internal", "Content-Length": "3",
		"Transfer-Encoding": "gzip", "Connection": "close", "X-Webhook-Id": "evil", "x-webhook-signature": "evil",
		"webhook-id": "evil", "Webhook-Signature": "evil", "Webhook-Anything": "evil", "Expect": "100-continue",
		"Bad Name": "evil", "X-Split": "a\r\nX-Injected: b", "Idempotency-Key": "evil",
	}
	wantOutcome(t, newTestClient(t).Send(t.Context(), claim), webhook.Delivered, 200, "")
	got := r.got()[0]
	if got.header.Get("Authorization") != "Bearer abc" || got.header.Get("X-Team") != "ops" {
		t.Errorf("added headers are missing: %v", got.header)
	}
	if err := Verify(testSecret, got.header, []byte(got.body), time.Now(), time.Minute); err != nil {
		t.Error(err)
	}
	if "http://"+got.host != r.URL || strings.Contains(fmt.Sprint(got.header), "evil") || got.header.Get("X-Injected") != "" {
		t.Errorf("host %s, header %v", got.host, got.header)
	}
	if ua := got.header.Values("User-Agent"); len(ua) != 1 || ua[0] != "CubeConnect-Webhook/1.0" {
		t.Errorf("User-Agent %q", ua)
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Connection") != "" || got.header.Get("Expect") != "" {
		t.Errorf("header %v", got.header)
	}
}

func TestStatusDecides(t *testing.T) {
	for _, tt := range []struct {
		status  int
		verdict webhook.Verdict
		class   webhook.ErrorClass
	}{
		{200, webhook.Delivered, ""}, {201, webhook.Delivered, ""}, {202, webhook.Delivered, ""}, {204, webhook.Delivered, ""}, {299, webhook.Delivered, ""},
		{300, webhook.Retry, "status"}, {304, webhook.Retry, "status"}, {400, webhook.Retry, "status"}, {401, webhook.Retry, "status"},
		{404, webhook.Retry, "status"}, {408, webhook.Retry, "status"}, {410, webhook.Gone, "status"}, {429, webhook.Retry, "status"},
		{500, webhook.Retry, "status"}, {503, webhook.Retry, "status"}, {599, webhook.Retry, "status"}, {999, webhook.Retry, "status"},
	} {
		t.Run(strconv.Itoa(tt.status), func(t *testing.T) {
			r := newReceiver(t, status(tt.status))
			wantOutcome(t, newTestClient(t).Send(t.Context(), newClaim(r.URL)), tt.verdict, tt.status, tt.class)
			if n := len(r.got()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			other := newReceiver(t, nil)
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", other.URL)
				w.WriteHeader(code)
			})
			wantOutcome(t, newTestClient(t).Send(t.Context(), newClaim(r.URL)), webhook.Retry, code, webhook.ErrorStatus)
			if n := len(other.got()); n != 0 {
				t.Errorf("the other server got %d requests", n)
			}
		})
	}
}

func TestRetryAfterOfAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		status int
		value  string
		want   time.Duration
	}{
		{429, "120", 2 * time.Minute}, {503, "7", 7 * time.Second}, {503, "999999", time.Hour}, {503, "soon", 0},
		{500, "120", 0}, {200, "120", 0}, {302, "120", 0},
	} {
		r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", tt.value)
			w.WriteHeader(tt.status)
		})
		if out := newTestClient(t).Send(t.Context(), newClaim(r.URL)); out.RetryAfter != tt.want {
			t.Errorf("%d with Retry-After %q: %s, want %s", tt.status, tt.value, out.RetryAfter, tt.want)
		}
	}
}

func TestTimeouts(t *testing.T) {
	const short = 50 * time.Millisecond
	silent := serveRaw(t, func(conn *net.TCPConn) { untilClosed(conn) })
	for name, url := range map[string]string{
		"headers":   silent,
		"handshake": strings.Replace(silent, "http:", "https:", 1),
		"half a header": serveRaw(t, func(conn *net.TCPConn) {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Le")
			untilClosed(conn)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			out := newTestClient(t).Send(t.Context(), withTimeout(newClaim(url), short))
			wantOutcome(t, out, webhook.Retry, 0, webhook.ErrorTimeout)
			if took := time.Since(started); took < short || took > 50*short {
				t.Errorf("took %s", took)
			}
		})
	}
	t.Run("body of a success", func(t *testing.T) {
		url := serveRaw(t, func(conn *net.TCPConn) {
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nso far")
			untilClosed(conn)
		})
		out := newTestClient(t).Send(t.Context(), withTimeout(newClaim(url), short))
		wantOutcome(t, out, webhook.Retry, 200, webhook.ErrorTimeout)
		if string(out.Attempt.ResponseBody) != "so far" {
			t.Errorf("body %q", out.Attempt.ResponseBody)
		}
	})
	t.Run("body of a failure", func(t *testing.T) {
		url := serveRaw(t, func(conn *net.TCPConn) {
			fmt.Fprint(conn, "HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 100\r\n\r\n")
			untilClosed(conn)
		})
		out := newTestClient(t).Send(t.Context(), withTimeout(newClaim(url), short))
		wantOutcome(t, out, webhook.Retry, 503, webhook.ErrorStatus)
		if out.RetryAfter != 9*time.Second {
			t.Errorf("Retry-After %s", out.RetryAfter)
		}
	})
	t.Run("the installation's", func(t *testing.T) {
		opts := loopback()
		opts.Timeout = short
		wantOutcome(t, open(t, opts, testMachine(nil)).Send(t.Context(), newClaim(silent)), webhook.Retry, 0, webhook.ErrorTimeout)
	})
	t.Run("name server", func(t *testing.T) {
		m := testMachine(nil)
		m.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		out := open(t, loopback(), m).Send(t.Context(), withTimeout(newClaim("https://hooks.example.com"), short))
		wantOutcome(t, out, webhook.Retry, 0, webhook.ErrorTimeout)
	})
}

func TestHandedBack(t *testing.T) {
	url := serveRaw(t, func(conn *net.TCPConn) { untilClosed(conn) })
	c := newTestClient(t)
	zero := func(t *testing.T, out webhook.Outcome) {
		t.Helper()
		if out.Verdict != 0 {
			t.Errorf("outcome %+v", out)
		}
	}
	t.Run("cancelled under way", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		arrived := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		zero(t, c.Send(ctx, newClaim(arrived.URL)))
	})
	t.Run("cancelled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		zero(t, c.Send(ctx, newClaim(url)))
	})
	t.Run("the caller's deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		zero(t, c.Send(ctx, newClaim(url)))
	})
	t.Run("not after the answer", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		answered := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "ok")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotFirstResponseByte: func() { time.AfterFunc(100*time.Millisecond, cancel) }, // the header is read by then
		})
		wantOutcome(t, c.Send(ctx, newClaim(answered.URL)), webhook.Delivered, 200, "")
	})
}

func TestBrokenConnections(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	raw := func(answer string) string {
		return serveRaw(t, func(conn *net.TCPConn) { fmt.Fprint(conn, answer) })
	}
	for name, tt := range map[string]struct {
		url     string
		verdict webhook.Verdict
		status  int
		class   webhook.ErrorClass
	}{
		"refused":         {"http://" + closed.Addr().String(), webhook.Retry, 0, webhook.ErrorRefused},
		"reset":           {serveRaw(t, func(conn *net.TCPConn) { _ = conn.SetLinger(0) }), webhook.Retry, 0, webhook.ErrorReset},
		"closed":          {raw(""), webhook.Retry, 0, webhook.ErrorReset},
		"half a header":   {raw("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), webhook.Retry, 0, webhook.ErrorReset},
		"not HTTP":        {raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), webhook.Retry, 0, webhook.ErrorOther},
		"half a body":     {raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), webhook.Delivered, 200, ""},
		"bad chunks":      {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), webhook.Delivered, 200, ""},
		"half an error":   {raw("HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nhalf"), webhook.Retry, 500, webhook.ErrorStatus},
		"no such name":    {"https://gone.example.com", webhook.Retry, 0, webhook.ErrorDNS},
		"HTTP, not HTTPS": {strings.Replace(raw("HTTP/1.1 200 OK\r\n\r\n"), "http:", "https:", 1), webhook.Retry, 0, webhook.ErrorTLS},
		"neither":         {strings.Replace(raw("hello, this is no TLS"), "http:", "https:", 1), webhook.Retry, 0, webhook.ErrorTLS},
	} {
		t.Run(name, func(t *testing.T) {
			wantOutcome(t, newTestClient(t).Send(t.Context(), newClaim(tt.url)), tt.verdict, tt.status, tt.class)
		})
	}
}

// The body of a 101 is the connection: to read it would wait for ever.
func TestSwitchedProtocol(t *testing.T) {
	url := serveRaw(t, func(conn *net.TCPConn) {
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		untilClosed(conn)
	})
	wantOutcome(t, newTestClient(t).Send(t.Context(), newClaim(url)), webhook.Retry, 101, webhook.ErrorStatus)
}

func TestEndlessAnswers(t *testing.T) {
	endless := func(start, more string) string {
		return serveRaw(t, func(conn *net.TCPConn) {
			if _, err := fmt.Fprint(conn, start); err != nil {
				return
			}
			chunk := strings.Repeat(more, 4096/len(more))
			for {
				if _, err := fmt.Fprint(conn, chunk); err != nil {
					return // until the client has had enough
				}
			}
		})
	}
	t.Run("body", func(t *testing.T) {
		out := newTestClient(t).Send(t.Context(), newClaim(endless("HTTP/1.1 200 OK\r\n\r\n", "more ")))
		wantOutcome(t, out, webhook.Delivered, 200, "")
		if len(out.Attempt.ResponseBody) != webhook.MaxResponseBytes {
			t.Errorf("%d bytes kept", len(out.Attempt.ResponseBody))
		}
	})
	for name, url := range map[string]string{
		"headers":     endless("HTTP/1.1 200 OK\r\n", "X-More: more\r\n"),
		"one header":  endless("HTTP/1.1 200 OK\r\nX: ", "more"),
		"status line": endless("HTTP/1.1 200 ", "OK"),
		"early hints": endless("HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			wantOutcome(t, newTestClient(t).Send(t.Context(), newClaim(url)), webhook.Retry, 0, webhook.ErrorOther)
		})
	}
}

func TestCompressedAnswerStaysCompressed(t *testing.T) {
	var member bytes.Buffer
	w := gzip.NewWriter(&member)
	_, _ = w.Write(make([]byte, 1<<20))
	_ = w.Close()
	zipped := bytes.Repeat(member.Bytes(), 50) // 50 KB that stand for 50 MB: members one after another are one stream
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zipped)
	})
	out := newTestClient(t).Send(t.Context(), newClaim(r.URL))
	wantOutcome(t, out, webhook.Delivered, 200, "")
	if !bytes.Equal(out.Attempt.ResponseBody, zipped[:webhook.MaxResponseBytes]) {
		t.Error("what was kept are not the bytes that were sent")
	}
}

// Answers up to the bound leave a connection that is used again, longer ones are cut.
func TestAnswersAndConnections(t *testing.T) {
	for _, tt := range []struct {
		size, kept int
		reused     bool
	}{
		{0, 0, true}, {1, 1, true}, {4096, 4096, true}, {4097, 4096, true}, {60_000, 4096, true}, {1 << 20, 4096, false},
	} {
		t.Run(strconv.Itoa(tt.size), func(t *testing.T) {
			body := bytes.Repeat([]byte("0123456789abcdef"), tt.size/16+1)[:tt.size]
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
			c := newTestClient(t)
			for range 3 {
				out := c.Send(t.Context(), newClaim(r.URL))
				wantOutcome(t, out, webhook.Delivered, 200, "")
				if !bytes.Equal(out.Attempt.ResponseBody, body[:tt.kept]) {
					t.Errorf("%d bytes kept", len(out.Attempt.ResponseBody))
				}
			}
			if n := r.conns.Load(); (n == 1) != tt.reused {
				t.Errorf("%d connections", n)
			}
		})
	}
}

func TestConnectionsOfAnEndpointAreKept(t *testing.T) {
	const parallel = DefaultPerEndpoint
	var all sync.WaitGroup
	all.Add(parallel)
	var waits atomic.Bool
	r := newReceiver(t, func(http.ResponseWriter, *http.Request) {
		if waits.Load() {
			all.Done()
			all.Wait()
		}
	})
	c := newTestClient(t)
	round := func() {
		var sends sync.WaitGroup
		for range parallel {
			sends.Go(func() { c.Send(t.Context(), newClaim(r.URL)) })
		}
		sends.Wait()
	}
	waits.Store(true)
	round() // all at once: as many connections
	waits.Store(false)
	opened := r.conns.Load()
	for range 5 {
		round()
	}
	if n := r.conns.Load(); n != opened {
		t.Errorf("%d connections, then %d", opened, n)
	}
}

// TestMain puts a proxy into the environment of every test: net/http reads it once in a process.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		os.Setenv(name, "http://127.0.0.1:1")
	}
	os.Exit(m.Run())
}

func TestNoProxyFromTheEnvironment(t *testing.T) {
	r := newReceiver(t, nil)
	c := open(t, loopback(), testMachine(func(string) []string { return []string{"127.0.0.1"} }))
	// By a name: net/http asks no proxy for a loopback address in any case.
	claim := newClaim("http://receiver.example.com:" + strconv.Itoa(r.port()))
	wantOutcome(t, c.Send(t.Context(), claim), webhook.Delivered, 200, "")
}

func TestBlockedAddresses(t *testing.T) {
	r := newReceiver(t, nil)
	port := strconv.Itoa(r.port())
	opts := Options{AllowHTTP: true, AllowPorts: []int{r.port()}}
	names := lookup(func(name string) []string {
		switch name {
		case "loopback.example.com.":
			return []string{"127.0.0.1"}
		case "both.example.com.":
			return []string{"127.0.0.1", "::1"}
		}
		return nil
	})
	c := open(t, opts, testMachine(names))
	for _, url := range []string{
		"http://127.0.0.1:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://[::ffff:7f00:1]:" + port,
		"http://0.0.0.0:" + port, "http://[::]:" + port, "http://LOOPBACK.example.com.:" + port, "http://both.example.com:" + port,
		"http://169.254.169.254/latest/meta-data/", "http://[64:ff9b::7f00:1]:" + port,
		// What would not have been saved is refused, too: it may have been saved under other options.
		"http://user@127.0.0.1:" + port, "http://localhost:" + port, "http://2130706433:" + port, "http://0x7f.1:" + port,
		"ftp://127.0.0.1:" + port, "", "::", "http://[fe80::1%25eth0]:" + port,
	} {
		out := c.Send(t.Context(), newClaim(url))
		if out.Verdict != webhook.Refused || out.Attempt.Error != webhook.ErrorBlocked || out.Attempt.StatusCode != 0 {
			t.Errorf("%s: %+v", url, out)
		}
	}
	if r.conns.Load() != 0 {
		t.Errorf("%d connections were made", r.conns.Load())
	}
	t.Run("plain HTTP", func(t *testing.T) {
		opts := loopback()
		opts.AllowHTTP = false
		wantOutcome(t, open(t, opts, testMachine(nil)).Send(t.Context(), newClaim(r.URL)), webhook.Refused, 0, webhook.ErrorBlocked)
	})
	t.Run("port", func(t *testing.T) {
		// 203.0.113.0/24 would be refused itself; a public address on another port must not be dialled either.
		c := open(t, Options{}, testMachine(func(string) []string { return []string{"93.184.215.14"} }))
		wantOutcome(t, c.Send(t.Context(), newClaim("https://public.example.com:6379")), webhook.Refused, 0, webhook.ErrorBlocked)
	})
}

// A name that changes its answer after it was checked gains nothing.
func TestRebinding(t *testing.T) {
	r := newReceiver(t, nil)
	addr := "93.184.215.14"
	var mu sync.Mutex
	names := lookup(func(string) []string {
		mu.Lock()
		defer mu.Unlock()
		return []string{addr}
	})
	c := open(t, Options{AllowHTTP: true, AllowPorts: []int{r.port()}}, testMachine(names))
	url := "http://rebind.example.com:" + strconv.Itoa(r.port())
	if err := c.CheckURL(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	addr = "127.0.0.1"
	mu.Unlock()
	wantOutcome(t, c.Send(t.Context(), newClaim(url)), webhook.Refused, 0, webhook.ErrorBlocked)
	if err := c.CheckURL(t.Context(), url); !errors.Is(err, webhook.ErrInvalid) {
		t.Errorf("check: %v", err)
	}
	if r.conns.Load() != 0 {
		t.Errorf("%d connections were made", r.conns.Load())
	}
}

// Of a name with allowed and refused addresses only the allowed ones are connected to, whatever the order.
func TestMixedAnswers(t *testing.T) {
	r := newReceiver(t, nil)
	closed := httptest.NewServer(nil)
	closedPort := closed.Listener.Addr().(*net.TCPAddr).Port
	closed.Close()
	for _, addrs := range [][]string{{"127.0.0.2", "127.0.0.1"}, {"127.0.0.1", "127.0.0.2"}, {"10.0.0.1", "127.0.0.1"}, {"fd00::1", "127.0.0.1"}} {
		t.Run(addrs[0], func(t *testing.T) {
			opts := Options{AllowHTTP: true, AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
			c := open(t, opts, testMachine(func(string) []string { return addrs }))
			wantOutcome(t, c.Send(t.Context(), newClaim("http://mixed.example.com:"+strconv.Itoa(r.port()))), webhook.Delivered, 200, "")
			// A refused address must not make a dead letter of a delivery whose endpoint is down.
			out := c.Send(t.Context(), newClaim("http://mixed.example.com:"+strconv.Itoa(closedPort)))
			if out.Verdict != webhook.Retry || out.Attempt.Error == webhook.ErrorBlocked {
				t.Errorf("endpoint is down: %+v", out)
			}
		})
	}
}

func TestSetOptions(t *testing.T) {
	r := newReceiver(t, nil)
	c := newTestClient(t)
	claim := newClaim(r.URL)
	wantOutcome(t, c.Send(t.Context(), claim), webhook.Delivered, 200, "")
	t.Run("the same keep connections", func(t *testing.T) {
		c.SetOptions(loopback())
		wantOutcome(t, c.Send(t.Context(), claim), webhook.Delivered, 200, "")
		if n := r.conns.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
	t.Run("a kept connection to what is no longer allowed", func(t *testing.T) {
		c.SetOptions(Options{AllowHTTP: true, AllowPorts: []int{r.port()}})
		wantOutcome(t, c.Send(t.Context(), claim), webhook.Refused, 0, webhook.ErrorBlocked)
	})
	t.Run("allowed again", func(t *testing.T) {
		c.SetOptions(loopback())
		wantOutcome(t, c.Send(t.Context(), claim), webhook.Delivered, 200, "")
	})
	t.Run("a busy connection is not used again", func(t *testing.T) {
		arrived, release := make(chan bool), make(chan bool)
		busy := newReceiver(t, func(http.ResponseWriter, *http.Request) {
			arrived <- true
			<-release
		})
		done := make(chan webhook.Outcome)
		go func() { done <- c.Send(t.Context(), newClaim(busy.URL)) }()
		<-arrived
		c.SetOptions(Options{AllowHTTP: true, AllowPorts: []int{busy.port()}})
		release <- true
		wantOutcome(t, <-done, webhook.Delivered, 200, "")
		wantOutcome(t, c.Send(t.Context(), newClaim(busy.URL)), webhook.Refused, 0, webhook.ErrorBlocked)
	})
	t.Run("while attempts are made", func(t *testing.T) {
		c.SetOptions(loopback())
		var sends sync.WaitGroup
		for range 8 {
			sends.Go(func() {
				for range 20 {
					if out := c.Send(t.Context(), claim); out.Verdict != webhook.Delivered {
						t.Errorf("outcome %+v", out)
					}
				}
			})
		}
		for i := range 20 {
			opts := loopback()
			opts.PerEndpoint = 1 + i
			c.SetOptions(opts)
		}
		sends.Wait()
	})
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache[int, int](10)
	for i := range 1000 {
		c.put(i, i)
		if v, ok := c.get(i); !ok || v != i || len(c.values) > 10 {
			t.Fatalf("%d: %d, %t, %d values", i, v, ok, len(c.values))
		}
	}
}

func TestReadBodyOfAnEmptyReader(t *testing.T) {
	if kept, err := readBody(strings.NewReader("")); kept != nil || err != nil {
		t.Errorf("%v, %v", kept, err)
	}
	if _, err := readBody(io.MultiReader(strings.NewReader("abc"), errReader{})); err != errTest {
		t.Errorf("error %v", err)
	}
}

var errTest = errors.New("test")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errTest }
