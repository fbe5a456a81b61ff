package egress

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxURL bounds an endpoint's URL, in bytes.
const MaxURL = 2048

// lookupTimeout bounds the look-up when an endpoint is saved: a person waits for it, and it decides nothing.
const lookupTimeout = 2 * time.Second

// What is wrong with a URL.
const (
	refusedLength   refusal = "the URL is longer than 2048 bytes"
	refusedSyntax   refusal = "this is not a valid URL"
	refusedScheme   refusal = "the URL must begin with https://"
	refusedSchemes  refusal = "the URL must begin with https:// or http://"
	refusedNoHost   refusal = "the URL has no host"
	refusedUser     refusal = "the URL must not contain a user name or password: add a header instead"
	refusedFragment refusal = "the URL must not contain a fragment (#)"
	refusedZone     refusal = "the host must not contain a zone (%)"
	refusedNumber   refusal = "the host must be a name, or an IPv4 address of four decimal numbers without leading zeros"
	refusedName     refusal = "the host is not a valid name"
	refusedASCII    refusal = "the host must be written in ASCII: use its xn-- form"
	refusedSingle   refusal = "the host must be a full name such as hooks.example.com"
	refusedPortNo   refusal = "the port must be a number from 1 to 65535"
)

// parsedURL is an endpoint's URL taken apart, or why it can't be used.
type parsedURL struct {
	post         *http.Request // a POST to it, without context, header and body
	host         string        // lower case, without trailing dot, brackets and port
	addr         netip.Addr    // the host, if it is a literal address
	port         uint16
	portStandard bool // or named by the operator
	err          error
}

// CheckURL says in a sentence what keeps a URL from being an endpoint's, as far as that can be known before
// a request is made: what a name leads to is judged again at each dial. A name that can't be resolved now is
// no fault. Errors are [webhook.ErrInvalid].
func (c *Client) CheckURL(ctx context.Context, rawURL string) error {
	s := c.current.Load()
	u := parseURL(rawURL, &s.opts)
	if u.err != nil {
		return u.err
	}
	if u.addr.IsValid() {
		return s.judge(u, u.addr)
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := c.machine.resolver.LookupNetIP(ctx, "ip", u.host)
	if err != nil {
		return nil
	}
	var refused error
	for _, addr := range addrs {
		err := s.judge(u, addr)
		if err == nil {
			return nil
		}
		if refused == nil || err == refusedPort { // then the address is good, and the port easier to change
			refused = err
		}
	}
	return refused
}

// judge asks the guard about one of a URL's addresses.
func (s *setup) judge(u parsedURL, addr netip.Addr) error {
	if err := s.guard.Judge(addr, u.port); err != nil {
		return err
	}
	if !u.portStandard && !s.guard.exempt(addr) {
		return refusedPort // the other scheme's
	}
	return nil
}

// parseURL applies the rules that need no look-up.
func parseURL(raw string, opts *Options) parsedURL {
	var p parsedURL
	u, standard, err := parseScheme(raw, opts)
	if err == nil {
		p.host, p.addr, err = parseHost(u, len(opts.AllowNetworks) > 0)
	}
	if err == nil {
		p.port, err = parsePort(u.Port(), standard)
		p.portStandard = p.port == standard || slices.Contains(opts.AllowPorts, int(p.port))
	}
	if err == nil && !p.portStandard && len(opts.AllowNetworks) == 0 {
		err = refusedPort
	}
	if err != nil {
		return parsedURL{err: err}
	}
	// One spelling for one host, so that its connections are found again.
	u.Host = p.host
	if p.addr.Is6() {
		u.Host = "[" + p.host + "]"
	}
	if p.port != standard {
		u.Host += ":" + strconv.Itoa(int(p.port))
	}
	p.post = &http.Request{Method: http.MethodPost, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return p
}

// parseScheme reads the URL and returns the standard port of its scheme.
func parseScheme(raw string, opts *Options) (u *url.URL, standardPort uint16, err error) {
	if len(raw) > MaxURL {
		return nil, 0, refusedLength
	}
	u, err = url.Parse(raw)
	switch {
	case err != nil:
		return nil, 0, refusedSyntax // url.Parse's error quotes the URL, a password in it too
	case u.Scheme == "https":
		standardPort = 443
	case u.Scheme == "http" && opts.AllowHTTP:
		standardPort = 80
	case opts.AllowHTTP:
		return nil, 0, refusedSchemes
	default:
		return nil, 0, refusedScheme
	}
	switch {
	case u.User != nil:
		return nil, 0, refusedUser
	case strings.Contains(raw, "#"):
		return nil, 0, refusedFragment
	}
	return u, standardPort, nil
}

// parseHost returns the host in the form in which hosts are compared, and as an address if it is one.
func parseHost(u *url.URL, singleLabel bool) (host string, addr netip.Addr, err error) {
	host = u.Hostname()
	for i := range len(host) {
		if host[i] >= 0x80 {
			return "", addr, refusedASCII
		}
	}
	if strings.Contains(host, "%") {
		return "", addr, refusedZone
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	switch {
	case host == "":
		return "", addr, refusedNoHost
	case strings.HasPrefix(u.Host, "["):
		if addr, err = netip.ParseAddr(host); err != nil || !addr.Is6() {
			return "", netip.Addr{}, refusedName
		}
	case endsInNumber(host):
		// Resolvers of other programs read 2130706433, 0x7f.1 and 0177.0.0.1 as addresses.
		if addr, err = netip.ParseAddr(host); err != nil || !addr.Is4() {
			return "", netip.Addr{}, refusedNumber
		}
	case !isHostName(host):
		return "", addr, refusedName
	case !strings.Contains(host, ".") && !singleLabel:
		return "", addr, refusedSingle
	}
	return host, addr, nil
}

// endsInNumber reports whether the last label is a number, decimal or hexadecimal: then the host is meant as
// an IPv4 address. No top-level domain is one.
func endsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

func isHostName(host string) bool {
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			switch c := label[i]; {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return false
			}
		}
	}
	return true
}

func parsePort(port string, standard uint16) (uint16, error) {
	if port == "" {
		return standard, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return 0, refusedPortNo
	}
	return uint16(n), nil
}
