package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// listenAddr is where a listener stands.
type listenAddr struct {
	host string
	port uint16
}

// parseListen reads host:port. The host is an address, a name, or empty for all addresses.
func parseListen(s string) (listenAddr, error) {
	host, port, err := net.SplitHostPort(s)
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || !isListenHost(host) {
		return listenAddr{}, fmt.Errorf("%q is not an address such as 127.0.0.1:8080", s)
	}
	return listenAddr{strings.ToLower(host), uint16(n)}, nil
}

func isListenHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	return isHostName(host)
}

// collides reports whether both can't be listened on. Port 0 is a free one each time.
func (a listenAddr) collides(b listenAddr) bool {
	return a.port == b.port && a.port != 0 && (a.host == b.host || a.covers(b) || b.covers(a))
}

// covers reports whether a stands for all addresses, b's included: the empty host and [::] for those of
// both families.
func (a listenAddr) covers(b listenAddr) bool {
	if a.host == "" {
		return true
	}
	addr, err := netip.ParseAddr(a.host)
	if err != nil || !addr.IsUnspecified() {
		return false
	}
	other, err := netip.ParseAddr(b.host)
	return addr.Is6() || err != nil || other.Is4()
}

// isHostName reports whether s is made of DNS labels, and not of numbers as a mistyped address is.
func isHostName(s string) bool {
	const maxName, maxLabel = 253, 63
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if len(label) > maxLabel || !isBare(label) || strings.Trim(label, "-") != label {
			return false
		}
	}
	return len(s) <= maxName && strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// isDomain reports whether a certificate can be had for s.
func isDomain(s string) bool {
	return strings.Contains(s, ".") && isHostName(s) && !strings.Contains(s, "_")
}
