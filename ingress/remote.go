package ingress

import (
	"net/http"
	"net/netip"
	"strings"
)

// remoteAddr returns the address that a request came from: see [clientAddr].
func remoteAddr(r *http.Request, trusted []netip.Prefix) string {
	addr, ok := clientAddr(r, trusted)
	if !ok {
		return r.RemoteAddr // a Unix socket's, say
	}
	return addr.String()
}

// clientAddr returns the address that a request came from: the peer's, or, behind trusted proxies, the
// last one in X-Forwarded-For that isn't a trusted proxy's. What stands left of it anybody could have
// written.
func clientAddr(r *http.Request, trusted []netip.Prefix) (netip.Addr, bool) {
	addr, ok := parseAddr(r.RemoteAddr)
	if !ok || !contains(trusted, addr) {
		return addr, ok
	}
	forwarded := strings.Join(r.Header["X-Forwarded-For"], ",")
	for forwarded != "" && contains(trusted, addr) {
		var last string
		if i := strings.LastIndexByte(forwarded, ','); i >= 0 {
			forwarded, last = forwarded[:i], forwarded[i+1:]
		} else {
			forwarded, last = "", forwarded
		}
		before, ok := parseAddr(strings.TrimSpace(last))
		if !ok {
			break
		}
		addr = before
	}
	return addr, true
}

// parseAddr reads an address, with a port or without one.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap().WithZone(""), err == nil
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
