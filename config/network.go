package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// parseNetwork reads a CIDR, or a single address as a network of one. IPv4 in IPv6 form becomes IPv4,
// because that is what the addresses of connections are compared as.
func parseNetwork(s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(s)
	if !strings.Contains(s, "/") {
		var addr netip.Addr
		addr, err = netip.ParseAddr(s)
		prefix = netip.PrefixFrom(addr.WithZone(""), addr.BitLen())
		if addr.Zone() != "" {
			err = fmt.Errorf("zone %q", addr.Zone())
		}
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network such as 10.0.0.0/8 or an address such as 192.0.2.1", s)
	}
	const mapped = 128 - 32
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix.Masked(), nil
}
