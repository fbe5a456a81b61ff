package egress

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func newTestGuard(opts Options, interfaces ...string) *guard {
	own := &ownAddresses{now: time.Now, read: func() (list []net.Addr, err error) {
		for _, a := range interfaces {
			ip, network, err := net.ParseCIDR(a)
			if err != nil {
				return nil, err
			}
			list = append(list, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return list, nil
	}}
	return newGuard(opts.withDefaults(), own)
}

// forbidden are the first and last address of every range that must be refused.
var forbidden = [][2]string{
	{"0.0.0.0", "0.255.255.255"},
	{"10.0.0.0", "10.255.255.255"},
	{"100.64.0.0", "100.127.255.255"},
	{"127.0.0.0", "127.255.255.255"},
	{"168.63.129.16", "168.63.129.16"},
	{"169.254.0.0", "169.254.255.255"},
	{"172.16.0.0", "172.31.255.255"},
	{"192.0.0.0", "192.0.0.255"},
	{"192.0.2.0", "192.0.2.255"},
	{"192.31.196.0", "192.31.196.255"},
	{"192.52.193.0", "192.52.193.255"},
	{"192.88.99.0", "192.88.99.255"},
	{"192.168.0.0", "192.168.255.255"},
	{"192.175.48.0", "192.175.48.255"},
	{"198.18.0.0", "198.19.255.255"},
	{"198.51.100.0", "198.51.100.255"},
	{"203.0.113.0", "203.0.113.255"},
	{"224.0.0.0", "239.255.255.255"},
	{"240.0.0.0", "255.255.255.255"},
	{"::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"::1", "::1"},
	{"::", "::ffff:ffff"},
	{"64:ff9b::", "64:ff9b::ffff:ffff"},
	{"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"},
	{"100::", "100::ffff:ffff:ffff:ffff"},
	{"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"},
	{"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"},
	{"2606:4700::5efe:0:0", "2606:4700::5efe:ffff:ffff"},
	{"2606:4700::200:5efe:0:0", "2606:4700::200:5efe:ffff:ffff"},
}

// permitted are addresses next to those ranges, and some well-known ones.
var permitted = []string{
	"1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
	"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0",
	"192.0.3.0", "192.31.195.255", "192.31.197.0", "192.52.192.255", "192.52.194.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
	"192.169.0.0", "192.175.47.255", "192.175.49.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255",
	"203.0.114.0", "223.255.255.255", "2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::", "2001:db7:ffff:ffff::", "2001:db9::",
	"2003::", "2606:4700:4700::1111", "2620:4f:7fff:ffff::", "2620:4f:8001::", "2a00:1450:4001:82a::200e", "3ffe:ffff::", "3fff:1000::",
	"2606:4700::1:5efe:102:304", "2606:4700::5eff:102:304",
}

// embeddings are the forms in which IPv6 carries an IPv4 address to a translator or a tunnel.
func embeddings(v4 netip.Addr) map[string]netip.Addr {
	a := v4.As4()
	n := binary.BigEndian.Uint32(a[:])
	hi, lo := n>>16, n&0xffff
	forms := map[string]netip.Addr{}
	for name, text := range map[string]string{
		"compatible":       fmt.Sprintf("::%s", v4),
		"translated":       fmt.Sprintf("::ffff:0:%x:%x", hi, lo),
		"NAT64":            fmt.Sprintf("64:ff9b::%s", v4),
		"NAT64, hex":       fmt.Sprintf("64:ff9b::%x:%x", hi, lo),
		"NAT64, local":     fmt.Sprintf("64:ff9b:1::%s", v4),
		"NAT64, local /64": fmt.Sprintf("64:ff9b:1:0:%x:%x:%x::", hi>>8, (hi&0xff)<<8|lo>>8, (lo&0xff)<<8),
		"6to4":             fmt.Sprintf("2002:%x:%x::1", hi, lo),
		"Teredo client":    fmt.Sprintf("2001:0:808:808:0:0:%x:%x", ^hi&0xffff, ^lo&0xffff),
		"Teredo server":    fmt.Sprintf("2001:0:%x:%x::1", hi, lo),
		"ISATAP":           fmt.Sprintf("2606:4700::5efe:%x:%x", hi, lo),
		"ISATAP, global":   fmt.Sprintf("2606:4700::200:5efe:%x:%x", hi, lo),
		"ISATAP, local":    fmt.Sprintf("fe80::5efe:%x:%x", hi, lo),
	} {
		forms[name] = netip.MustParseAddr(text)
	}
	return forms
}

// mapped are IPv4-mapped forms: they are the IPv4 address.
func mapped(v4 netip.Addr) []netip.Addr {
	a := v4.As4()
	n := binary.BigEndian.Uint32(a[:])
	return []netip.Addr{
		netip.MustParseAddr("::ffff:" + v4.String()),
		netip.MustParseAddr(fmt.Sprintf("::ffff:%x:%x", n>>16, n&0xffff)),
		netip.MustParseAddr(fmt.Sprintf("0:0:0:0:0:FFFF:%X:%X", n>>16, n&0xffff)),
		netip.AddrFrom16(v4.As16()).WithZone("eth0"),
	}
}

func TestGuardRefuses(t *testing.T) {
	g := newTestGuard(Options{})
	refuse := func(addr netip.Addr) {
		t.Helper()
		if err := g.Judge(addr, 443); err != refusedAddress {
			t.Errorf("%s: %v", addr, err)
		}
	}
	refuse(netip.Addr{})
	for _, ends := range forbidden {
		for _, text := range ends {
			addr := netip.MustParseAddr(text)
			refuse(addr)
			if addr.Is6() {
				refuse(addr.WithZone("eth0"))
				continue
			}
			for _, m := range mapped(addr) {
				refuse(m)
			}
			for _, e := range embeddings(addr) {
				refuse(e)
			}
		}
	}
}

func TestGuardPermits(t *testing.T) {
	g := newTestGuard(Options{})
	permit := func(addr netip.Addr) {
		t.Helper()
		if err := g.Judge(addr, 443); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, text := range permitted {
		addr := netip.MustParseAddr(text)
		permit(addr)
		if addr.Is4() {
			for _, m := range mapped(addr) {
				permit(m)
			}
			for name, e := range embeddings(addr) {
				if g.Judge(e, 443) == nil {
					t.Errorf("%s of %s is permitted", name, addr)
				}
			}
		}
	}
}

func TestGuardPorts(t *testing.T) {
	public, private := netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("10.1.2.3")
	allowed := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for _, tt := range []struct {
		opts Options
		addr netip.Addr
		port uint16
		want error
	}{
		{Options{}, public, 443, nil},
		{Options{}, public, 80, refusedPort},
		{Options{}, public, 0, refusedPort},
		{Options{}, public, 8443, refusedPort},
		{Options{AllowHTTP: true}, public, 80, nil},
		{Options{AllowHTTP: true}, public, 8080, refusedPort},
		{Options{AllowPorts: []int{8443, 9000}}, public, 8443, nil},
		{Options{AllowPorts: []int{8443, 9000}}, public, 443, nil},
		{Options{AllowPorts: []int{8443, 9000}}, public, 8444, refusedPort},
		{Options{AllowPorts: []int{8443}}, private, 8443, refusedAddress},
		{Options{AllowNetworks: allowed}, private, 6379, nil},
		{Options{AllowNetworks: allowed}, public, 6379, refusedPort},
	} {
		if err := newTestGuard(tt.opts).Judge(tt.addr, tt.port); err != tt.want {
			t.Errorf("%s port %d: %v, want %v", tt.addr, tt.port, err, tt.want)
		}
	}
}

func TestAllowedNetworks(t *testing.T) {
	var networks []netip.Prefix
	for _, text := range []string{"10.1.2.3/16", "::ffff:192.168.0.0/112", "fd00::/8", "fe80::/10"} {
		networks = append(networks, netip.MustParsePrefix(text))
	}
	g := newTestGuard(Options{AllowNetworks: append(networks, netip.Prefix{})})
	for text, want := range map[string]error{
		"10.1.0.0": nil, "10.1.255.255": nil, "::ffff:10.1.0.1": nil, "::ffff:a01:1": nil, "192.168.9.9": nil, "fd12::1": nil, "fe80::1%eth0": nil,
		"10.0.255.255": refusedAddress, "10.2.0.0": refusedAddress, "192.169.0.0": nil, "127.0.0.1": refusedAddress, "fc00::1": refusedAddress,
		// An allowed network allows no translator to it.
		"64:ff9b::10.1.0.1": refusedAddress, "2002:a01:1::": refusedAddress, "::10.1.0.1": refusedAddress,
	} {
		if err := g.Judge(netip.MustParseAddr(text), 443); err != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	interfaces := []string{"127.0.0.1/8", "93.184.215.14/24", "2606:4700::1/64", "fe80::1/64"}
	judge := func(t *testing.T, g *guard, want map[string]error) {
		t.Helper()
		for text, want := range want {
			if err := g.Judge(netip.MustParseAddr(text), 443); err != want {
				t.Errorf("%s: %v, want %v", text, err, want)
			}
		}
	}
	t.Run("interfaces", func(t *testing.T) {
		judge(t, newTestGuard(Options{}, interfaces...), map[string]error{
			"93.184.215.14": refusedAddress, "::ffff:93.184.215.14": refusedAddress, "2606:4700::1": refusedAddress, "2606:4700::1%eth0": refusedAddress,
			"93.184.215.15": nil, "2606:4700::2": nil,
		})
	})
	t.Run("the operator's", func(t *testing.T) {
		own := []netip.Prefix{netip.MustParsePrefix("52.1.2.3/32"), netip.MustParsePrefix("2a00:1::/48")}
		judge(t, newTestGuard(Options{OwnAddresses: own}), map[string]error{
			"52.1.2.3": refusedAddress, "::ffff:52.1.2.3": refusedAddress, "2a00:1::9": refusedAddress, "52.1.2.4": nil, "2a00:2::9": nil,
		})
	})
	t.Run("allowed", func(t *testing.T) {
		nets := []netip.Prefix{netip.MustParsePrefix("93.184.215.14/32"), netip.MustParsePrefix("52.1.2.3/32")}
		judge(t, newTestGuard(Options{AllowNetworks: nets, OwnAddresses: nets}, interfaces...), map[string]error{
			"93.184.215.14": nil, "52.1.2.3": nil, "2606:4700::1": refusedAddress,
		})
	})
}

func TestOwnAddressesAreReadOnceAMinute(t *testing.T) {
	clock, reads := noon, 0
	list, fail := []net.Addr{&net.IPAddr{IP: net.ParseIP("93.184.215.14")}}, error(nil)
	o := &ownAddresses{now: func() time.Time { return clock }, read: func() ([]net.Addr, error) { reads++; return list, fail }}
	first, second := netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr("93.184.215.15")
	check := func(addr netip.Addr, want bool, wantReads int) {
		t.Helper()
		if got := o.contain(addr); got != want || reads != wantReads {
			t.Errorf("%s: %t after %d reads, want %t after %d", addr, got, reads, want, wantReads)
		}
	}
	check(first, true, 1)
	clock = clock.Add(59 * time.Second)
	list = []net.Addr{&net.TCPAddr{IP: net.ParseIP("93.184.215.15")}, &net.UnixAddr{}}
	check(second, false, 1)
	clock = clock.Add(time.Second)
	check(second, true, 2)
	check(first, false, 2)
	clock, fail = clock.Add(time.Minute), errors.New("not permitted")
	check(second, true, 3) // what was known still counts
	check(netip.Addr{}, true, 3)
}

func TestReachedItself(t *testing.T) {
	tcp := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	g := newTestGuard(Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, tt := range []struct {
		local, remote net.Addr
		want          bool
	}{
		{tcp("93.184.215.14"), tcp("93.184.215.14"), true},
		{tcp("2606:4700::1"), tcp("2606:4700::1"), true},
		{tcp("93.184.215.14"), tcp("93.184.215.15"), false},
		{tcp("10.0.0.1"), tcp("10.0.0.1"), false},
		{&net.UnixAddr{}, &net.UnixAddr{}, false},
	} {
		if got := g.reachedItself(tt.local, tt.remote); got != tt.want {
			t.Errorf("%s to %s: %t", tt.local, tt.remote, got)
		}
	}
}

func TestControl(t *testing.T) {
	g := newTestGuard(Options{})
	for _, tt := range []struct {
		network, address string
		want             error
	}{
		{"tcp4", "93.184.215.14:443", nil},
		{"tcp6", "[2606:4700::1]:443", nil},
		{"tcp6", "[::ffff:93.184.215.14]:443", nil},
		{"tcp4", "93.184.215.14:80", refusedPort},
		{"tcp4", "127.0.0.1:443", refusedAddress},
		{"tcp6", "[fe80::1%eth0]:443", refusedAddress},
		{"tcp", "93.184.215.14:443", refusedAddress},
		{"udp4", "93.184.215.14:443", refusedAddress},
		{"unix", "/run/docker.sock", refusedAddress},
		{"", "", refusedAddress},
		{"tcp4", "", refusedAddress},
		{"tcp4", "93.184.215.14", refusedAddress},
		{"tcp4", "93.184.215.14:https", refusedAddress},
		{"tcp4", "example.com:443", refusedAddress},
		{"tcp4", "0x7f.1:443", refusedAddress},
		{"tcp4", "093.184.215.14:443", refusedAddress},
	} {
		if err := g.control(tt.network, tt.address); err != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.network, tt.address, err, tt.want)
		}
	}
}

// What is said of a refused address doesn't tell where it is.
func TestRefusalsNameNoAddress(t *testing.T) {
	if !errors.Is(refusedAddress, webhook.ErrInvalid) || classify(fmt.Errorf("dial: %w", refusedAddress)) != webhook.ErrorBlocked {
		t.Error("a refusal is not an invalid value, or not of class blocked")
	}
	if strings.ContainsAny(string(refusedAddress), "0123456789") {
		t.Errorf("%q", refusedAddress)
	}
}

func FuzzGuard(f *testing.F) {
	for i, ends := range forbidden {
		for _, text := range ends {
			a := netip.MustParseAddr(text).As16()
			f.Add(a[:], uint8(i), "tcp4", text+":443")
			f.Add(a[:], uint8(i), "tcp6", "["+text+"%eth0]:443")
		}
	}
	for _, text := range permitted {
		a := netip.MustParseAddr(text).As16()
		f.Add(a[:], uint8(0), "tcp6", text)
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8, network, address string) {
		g := newTestGuard(Options{})
		if err := g.control(network, address); err != nil && !isRefusal(err) {
			t.Errorf("%q %q: %v", network, address, err)
		}
		var b [16]byte
		copy(b[:], data)
		addr := netip.AddrFrom16(b)
		if err := g.Judge(addr, 443); err == nil {
			a := addr.Unmap()
			if a.IsPrivate() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsUnspecified() || !a.IsGlobalUnicast() {
				t.Errorf("%s is permitted", addr)
			}
		}
		if g.Judge(addr, 443) != g.Judge(addr.WithZone("eth0"), 443) {
			t.Errorf("%s: a zone makes a difference", addr)
		}

		// Any IPv4 address: mapped it is the same, in every other embedding it is refused.
		v4 := netip.AddrFrom4([4]byte(b[12:]))
		for _, m := range mapped(v4) {
			if g.Judge(m, 443) != g.Judge(v4, 443) {
				t.Errorf("%s and %s differ", m, v4)
			}
		}
		for name, e := range embeddings(v4) {
			if g.Judge(e, 443) == nil {
				t.Errorf("%s of %s is permitted: %s", name, v4, e)
			}
		}

		// An address between the ends of a refused range is refused.
		ends := forbidden[int(which)%len(forbidden)]
		first, last := netip.MustParseAddr(ends[0]), netip.MustParseAddr(ends[1])
		if first.Is6() {
			addr = within(first, last, b)
		} else {
			addr = within(netip.AddrFrom16(first.As16()), netip.AddrFrom16(last.As16()), b).Unmap()
		}
		// The range from :: on has the mapped addresses in it, which are judged as what they are.
		if g.Judge(addr, 443) == nil && (first.Is4() || !addr.Is4In6()) {
			t.Errorf("%s between %s and %s is permitted", addr, first, last)
		}
	})
}

// within returns first + n, wrapped round to stay up to last, for ranges whose size is a power of two.
func within(first, last netip.Addr, n [16]byte) netip.Addr {
	lo, hi := first.As16(), last.As16()
	for i := range n {
		lo[i] |= n[i] & (lo[i] ^ hi[i])
	}
	return netip.AddrFrom16(lo)
}
