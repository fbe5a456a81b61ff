package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"

	"cubeconnect/webhook"
)

// refusal is why a URL or an address is not used, in a sentence for the person who entered it. It is a
// [webhook.ErrInvalid].
type refusal string

func (r refusal) Error() string { return string(r) }

// Is makes a refusal a [webhook.ErrInvalid].
func (refusal) Is(err error) bool { return err == webhook.ErrInvalid }

func isRefusal(err error) bool {
	_, ok := errors.AsType[refusal](err)
	return ok
}

// What the guard says. It doesn't say which of the ranges an address is in: a tenant is not to learn by
// trial what this machine's network looks like.
const (
	refusedAddress refusal = "this address is not allowed: it points into a private network or is not a public address"
	refusedPort    refusal = "this port is not allowed: use the standard port, 443 for https"
)

// publicV6 is what IANA gives out as global unicast; nothing else of IPv6 can be public.
var publicV6 = netip.MustParsePrefix("2000::/3")

// refusedRanges are not public although they are unicast addresses, from IANA's registries of special-purpose
// addresses. The forms of IPv6 that carry an IPv4 address for a translator are refused whole, whatever they
// carry: a translator on our side of the network would lead back into it.
var refusedRanges = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),         // this network
	netip.MustParsePrefix("10.0.0.0/8"),        // private
	netip.MustParsePrefix("100.64.0.0/10"),     // carrier-grade NAT
	netip.MustParsePrefix("127.0.0.0/8"),       // loopback
	netip.MustParsePrefix("168.63.129.16/32"),  // a cloud's host service
	netip.MustParsePrefix("169.254.0.0/16"),    // link-local, cloud metadata
	netip.MustParsePrefix("172.16.0.0/12"),     // private
	netip.MustParsePrefix("192.0.0.0/24"),      // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),      // documentation
	netip.MustParsePrefix("192.31.196.0/24"),   // AS112
	netip.MustParsePrefix("192.52.193.0/24"),   // AMT
	netip.MustParsePrefix("192.88.99.0/24"),    // 6to4 relays
	netip.MustParsePrefix("192.168.0.0/16"),    // private
	netip.MustParsePrefix("192.175.48.0/24"),   // AS112
	netip.MustParsePrefix("198.18.0.0/15"),     // benchmarking
	netip.MustParsePrefix("198.51.100.0/24"),   // documentation
	netip.MustParsePrefix("203.0.113.0/24"),    // documentation
	netip.MustParsePrefix("224.0.0.0/4"),       // multicast
	netip.MustParsePrefix("240.0.0.0/4"),       // reserved, broadcast
	netip.MustParsePrefix("2001::/23"),         // protocol assignments, Teredo, ORCHID
	netip.MustParsePrefix("2001:db8::/32"),     // documentation
	netip.MustParsePrefix("2002::/16"),         // 6to4
	netip.MustParsePrefix("2620:4f:8000::/48"), // AS112
	netip.MustParsePrefix("3fff::/20"),         // documentation
}

// public reports whether an address, unmapped and without zone, is one of the public internet.
func public(addr netip.Addr) bool {
	if addr.Is6() && (!publicV6.Contains(addr) || isISATAP(addr)) {
		return false
	}
	return addr.IsValid() && !contains(refusedRanges[:], addr)
}

// isISATAP reports whether the interface id is one that carries an IPv4 address.
func isISATAP(addr netip.Addr) bool {
	b := addr.As16()
	return (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// unmapped returns the prefixes in the form in which addresses are judged.
func unmapped(prefixes []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.IsValid() {
			out = append(out, p.Masked())
		}
	}
	return out
}

// guard decides which addresses are connected to. Its authority is [guard.dial]; everything else that asks
// it does so for a message.
type guard struct {
	allowed   []netip.Prefix // exempt
	own       []netip.Prefix // the operator's list
	machine   *ownAddresses
	ports     []int
	allowHTTP bool
}

func newGuard(opts Options, machine *ownAddresses) *guard {
	return &guard{allowed: opts.AllowNetworks, own: opts.OwnAddresses, machine: machine, ports: opts.AllowPorts, allowHTTP: opts.AllowHTTP}
}

// Judge returns nil if the address and port may be connected to, else why not.
func (g *guard) Judge(addr netip.Addr, port uint16) error {
	addr = addr.Unmap().WithZone("")
	switch {
	case g.exempt(addr):
		return nil
	case !public(addr), contains(g.own, addr), g.machine.contain(addr):
		return refusedAddress
	case port != 443 && (port != 80 || !g.allowHTTP) && !slices.Contains(g.ports, int(port)):
		return refusedPort
	}
	return nil
}

// exempt reports whether the operator allowed the address's network.
func (g *guard) exempt(addr netip.Addr) bool {
	return contains(g.allowed, addr.Unmap().WithZone(""))
}

// control judges what a socket is about to connect to.
func (g *guard) control(network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return refusedAddress
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusedAddress
	}
	return g.Judge(ap.Addr(), ap.Port())
}

// errUnreachable stands for the errors of the allowed ones among a name's addresses where the dialer
// reported the refusal of another.
var errUnreachable = errors.New("no allowed address of this name can be reached")

// dial returns a dial function that connects to nothing the guard refuses.
func (g *guard) dial(base net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var allowed atomic.Bool // addresses of both families are tried at the same time
		d := base
		d.ControlContext = func(_ context.Context, network, address string, _ syscall.RawConn) error {
			err := g.control(network, address)
			if err == nil {
				allowed.Store(true)
			}
			return err
		}
		conn, err := d.DialContext(ctx, network, address)
		switch {
		case err != nil && allowed.Load() && isRefusal(err):
			// A refused address beside an allowed one that is down for a moment is no reason to give up.
			return nil, errUnreachable
		case err != nil:
			return nil, err
		case g.reachedItself(conn.LocalAddr(), conn.RemoteAddr()):
			conn.Close()
			return nil, refusedAddress
		}
		return conn, nil
	}
}

// reachedItself reports whether a connection leads from an address to the same address. It catches one that
// came up since the interfaces were read, and those of a machine that doesn't let us read them (a service
// without AF_NETLINK), before a byte was sent.
func (g *guard) reachedItself(local, remote net.Addr) bool {
	from, to := addrOf(local), addrOf(remote)
	return from.IsValid() && from == to && !g.exempt(to)
}
