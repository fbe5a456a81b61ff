package egress

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// ownAddressesAge is how old the list of the interfaces' addresses may be.
const ownAddressesAge = time.Minute

// ownAddresses knows the addresses of this machine's interfaces.
type ownAddresses struct {
	now  func() time.Time
	read func() ([]net.Addr, error)

	mu     sync.Mutex
	readAt time.Time
	addrs  map[netip.Addr]bool
}

// contain reports whether an interface has the address, unmapped and without zone. While the interfaces
// can't be read it answers from what was known before.
func (o *ownAddresses) contain(addr netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := o.now(); o.readAt.IsZero() || now.Sub(o.readAt) >= ownAddressesAge {
		o.readAt = now
		if list, err := o.read(); err == nil {
			o.addrs = make(map[netip.Addr]bool, len(list))
			for _, a := range list {
				o.addrs[addrOf(a)] = true
			}
		}
	}
	return o.addrs[addr]
}

// addrOf returns the address in the form in which addresses are judged, the zero one if it has none.
func addrOf(a net.Addr) netip.Addr {
	var ip net.IP
	switch a := a.(type) {
	case *net.IPNet:
		ip = a.IP
	case *net.IPAddr:
		ip = a.IP
	case *net.TCPAddr:
		ip = a.IP
	}
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
