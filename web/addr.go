package web

import (
	"net/http"
	"net/netip"
)

// RemoteAddr returns the address that a request came from, without its port; empty over a local socket.
func RemoteAddr(r *http.Request) string {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return addr.Addr().Unmap().String()
}

// ClientAddr returns whom a client's failures are counted for: see [Counted].
func ClientAddr(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return Counted(addr.Addr())
}

// Counted returns what stands for an address where something is counted for each: an IPv4 address, or an
// IPv6 network of the size that one customer of a provider gets.
func Counted(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return addr
}
