package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cubeconnect/webhook"
)

// Options say how attempts are made and what they may reach.
type Options struct {
	// Timeout bounds the attempts of endpoints without a timeout of their own. 0: 10 s.
	Timeout time.Duration
	// PerEndpoint is how many attempts one endpoint gets at a time; as many connections are kept for it. 0: 32.
	PerEndpoint int
	// AllowHTTP allows plain http:// endpoints, and port 80 with them.
	AllowHTTP bool
	// AllowNetworks are exempt from the ban on addresses that are not public, and from the rule on ports.
	AllowNetworks []netip.Prefix
	// AllowPorts are allowed beside 443 (and 80).
	AllowPorts []int
	// OwnAddresses lead to this machine although no interface of it has them. They are refused like the
	// interfaces' own.
	OwnAddresses []netip.Prefix
}

// The defaults of [Options].
const (
	DefaultTimeout     = 10 * time.Second
	DefaultPerEndpoint = 32
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.PerEndpoint <= 0 {
		o.PerEndpoint = DefaultPerEndpoint
	}
	o.AllowNetworks = unmapped(o.AllowNetworks)
	o.AllowPorts = slices.Clone(o.AllowPorts)
	o.OwnAddresses = unmapped(o.OwnAddresses)
	return o
}

func (o Options) equal(p Options) bool {
	return o.Timeout == p.Timeout && o.PerEndpoint == p.PerEndpoint && o.AllowHTTP == p.AllowHTTP &&
		slices.Equal(o.AllowNetworks, p.AllowNetworks) && slices.Equal(o.AllowPorts, p.AllowPorts) &&
		slices.Equal(o.OwnAddresses, p.OwnAddresses)
}

// Client makes attempts. It is safe for concurrent use.
type Client struct {
	machine machine
	own     *ownAddresses
	signers *cache[webhook.Secret, *sync.Pool] // of *signer
	mu      sync.Mutex                         // one SetOptions at a time
	current atomic.Pointer[setup]
}

// machine is what the client takes from its surroundings.
type machine struct {
	now        func() time.Time
	interfaces func() ([]net.Addr, error)
	resolver   *net.Resolver
	roots      *x509.CertPool // nil: the system's
}

// setup is what one set of options leads to. It never changes: other options make another one.
type setup struct {
	opts      Options
	guard     *guard
	transport *http.Transport
	urls      *cache[string, parsedURL]
}

// New returns a client. It starts nothing.
func New(opts Options) *Client {
	return newClient(opts, machine{now: time.Now, interfaces: net.InterfaceAddrs, resolver: net.DefaultResolver})
}

// A full cache starts over. These are more endpoints than one process serves at a time.
const cacheSize = 8192

func newClient(opts Options, m machine) *Client {
	c := &Client{
		machine: m,
		own:     &ownAddresses{now: m.now, read: m.interfaces},
		signers: newCache[webhook.Secret, *sync.Pool](cacheSize),
	}
	c.current.Store(c.newSetup(opts.withDefaults()))
	return c
}

// SetOptions replaces the options. Attempts under way end under the old ones. Connections that were made
// under other options are not used again: what they lead to may no longer be allowed.
func (c *Client) SetOptions(opts Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	opts = opts.withDefaults()
	old := c.current.Load()
	if opts.equal(old.opts) {
		return
	}
	// A transport of its own for the new options: closing idle connections alone would leave those that
	// are busy at this moment to be reused.
	c.current.Store(c.newSetup(opts))
	old.transport.CloseIdleConnections()
}

// Close closes the connections that wait for another attempt. It doesn't end attempts under way.
func (c *Client) Close() {
	c.current.Load().transport.CloseIdleConnections()
}

const (
	maxHeaderBytes = 64 << 10
	maxDrainBytes  = 64 << 10 // read and dropped behind what is kept, so that the connection can be reused
)

func (c *Client) newSetup(opts Options) *setup {
	g := newGuard(opts, c.own)
	// The transport detaches a dial from its request, so that another request may use the connection. The
	// dial needs an end of its own then.
	dialTimeout := max(opts.Timeout, DefaultTimeout)
	return &setup{
		opts:  opts,
		guard: g,
		urls:  newCache[string, parsedURL](cacheSize),
		transport: &http.Transport{
			Proxy:                  nil, // not even from the environment: the guard would see the proxy's address only
			DialContext:            g.dial(net.Dialer{Timeout: dialTimeout, Resolver: c.machine.resolver}),
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.machine.roots, ClientSessionCache: tls.NewLRUClientSessionCache(256)},
			TLSHandshakeTimeout:    dialTimeout,
			DisableCompression:     true, // what is kept and counted are the bytes on the wire
			MaxResponseHeaderBytes: maxHeaderBytes,
			MaxIdleConns:           4096,
			MaxIdleConnsPerHost:    8 * opts.PerEndpoint, // endpoints, of several tenants even, can share a host
			IdleConnTimeout:        90 * time.Second,
			WriteBufferSize:        8 << 10, // header and body of a usual payload leave in one write
			ForceAttemptHTTP2:      true,
			HTTP2: &http.HTTP2Config{
				// Without pings a connection whose other side has vanished would fail every attempt until
				// the kernel gives it up, a quarter of an hour later.
				SendPingTimeout:  15 * time.Second,
				PingTimeout:      5 * time.Second,
				WriteByteTimeout: dialTimeout,
				// What an endpoint can make us hold before it is read: the default is 4 MiB an attempt.
				MaxReceiveBufferPerStream:     webhook.MaxResponseBytes + maxDrainBytes,
				MaxReceiveBufferPerConnection: 1 << 20,
			},
		},
	}
}

// errDeadline tells an attempt's own deadline from the end of its caller's context.
var errDeadline = errors.New("the attempt's deadline has passed")

// Send makes one attempt. The outcome of an attempt that ended because ctx did, before the endpoint
// answered, has no verdict: nothing is known and nothing is to be recorded.
func (c *Client) Send(ctx context.Context, claim *webhook.Claim) webhook.Outcome {
	s := c.current.Load()
	started := c.machine.now()
	timeout := claim.Endpoint.Timeout.Std()
	if timeout <= 0 {
		timeout = s.opts.Timeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errDeadline)
	defer cancel()

	ans := c.exchange(ctx, s, claim, started)
	if ans.handedBack {
		return webhook.Outcome{}
	}
	ended := c.machine.now()
	return webhook.Outcome{
		Attempt: webhook.Attempt{
			Number:       claim.Number,
			StartedAt:    started,
			Duration:     ended.Sub(started),
			StatusCode:   ans.status,
			Error:        ans.class,
			ResponseBody: ans.body,
		},
		Verdict:    Judge(ans.status, ans.class),
		RetryAfter: retryAfter(ans.status, ans.retryAfter, ended),
	}
}

// answer is what came of one exchange.
type answer struct {
	status     int // 0: none came
	class      webhook.ErrorClass
	body       []byte
	retryAfter string
	handedBack bool // the caller's context ended first
}

func (c *Client) exchange(ctx context.Context, s *setup, claim *webhook.Claim, at time.Time) answer {
	req, err := c.request(ctx, s, claim, at)
	if err != nil {
		return answer{class: classify(err)}
	}
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		switch class := classify(err); {
		case ctx.Err() == nil || class == webhook.ErrorBlocked:
			return answer{class: class}
		case context.Cause(ctx) == errDeadline:
			return answer{class: webhook.ErrorTimeout}
		default:
			return answer{handedBack: true}
		}
	}
	defer resp.Body.Close()
	ans := answer{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After")}
	if resp.StatusCode >= 200 {
		// The body of a 101 is the connection itself, which no deadline ends.
		ans.body, err = readBody(resp.Body)
	}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		ans.class = webhook.ErrorStatus
	case err != nil && context.Cause(ctx) == errDeadline:
		ans.class = webhook.ErrorTimeout
		// Of a body that ends early for another reason nothing is missed: the status line has decided.
	}
	return ans
}

func (c *Client) request(ctx context.Context, s *setup, claim *webhook.Claim, at time.Time) (*http.Request, error) {
	u, ok := s.urls.get(claim.Endpoint.URL)
	if !ok {
		u = parseURL(claim.Endpoint.URL, &s.opts)
		s.urls.put(claim.Endpoint.URL, u)
	}
	if u.err != nil {
		return nil, u.err // it was saved under other options
	}
	req := u.post.WithContext(ctx)
	req.Header = c.Header(claim, at)
	req.Body = http.NoBody
	if body := claim.Body; len(body) > 0 {
		req.ContentLength = int64(len(body))
		// Both forms are known to the transport: the length lets it repeat the request if a kept connection
		// turns out to be closed before a byte was written, a plain reader leaves in one write with the header.
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return req, nil
}

// bodyBuffers hold what is read of an answer.
var bodyBuffers = sync.Pool{New: func() any { return new([webhook.MaxResponseBytes]byte) }}

// readBody returns the first [webhook.MaxResponseBytes] of a body and reads a bounded rest of it. A body
// that is longer than that is no error.
func readBody(r io.Reader) (kept []byte, err error) {
	buf := bodyBuffers.Get().(*[webhook.MaxResponseBytes]byte)
	defer bodyBuffers.Put(buf)
	n := 0
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	if n > 0 {
		kept = bytes.Clone(buf[:n])
	}
	for drained := 0; drained < maxDrainBytes && err == nil; {
		var m int
		m, err = r.Read(buf[:])
		drained += m
	}
	if err == io.EOF {
		err = nil
	}
	return kept, err
}
