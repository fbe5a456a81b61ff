package ingress

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestRemoteAddr(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"Peer", "192.0.2.1:1234", nil, "192.0.2.1"},
		{"PeerIPv6", "[2a03:2880::1]:1234", nil, "2a03:2880::1"},
		{"PeerMapped", "[::ffff:192.0.2.1]:1234", nil, "192.0.2.1"},
		{"PeerWithZone", "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"UnixSocket", "@", []string{"198.51.100.1"}, "@"},
		{"NotBelieved", "192.0.2.1:1234", []string{"198.51.100.1"}, "192.0.2.1"},
		{"Proxy", "10.1.2.3:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		{"ProxyMapped", "[::ffff:10.1.2.3]:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		{"ProxyWithoutHeader", "10.1.2.3:1234", nil, "10.1.2.3"},
		{"ProxyIPv6", "[2001:db8::1]:1234", []string{"2a03:2880::1"}, "2a03:2880::1"},
		{"Forged", "10.1.2.3:1234", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"ThroughProxies", "10.1.2.3:1234", []string{"203.0.113.9, 198.51.100.1, 10.9.9.9,2001:db8::2"}, "198.51.100.1"},
		{"SeveralHeaders", "10.1.2.3:1234", []string{"198.51.100.1", "10.9.9.9"}, "198.51.100.1"},
		{"OnlyProxies", "10.1.2.3:1234", []string{"10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"WithPort", "10.1.2.3:1234", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"Brackets", "10.1.2.3:1234", []string{"[2a03:2880::1]"}, "2a03:2880::1"},
		{"BracketsAndPort", "10.1.2.3:1234", []string{"[2a03:2880::1]:443"}, "2a03:2880::1"},
		{"Unknown", "10.1.2.3:1234", []string{"198.51.100.1, unknown"}, "10.1.2.3"},
		{"EmptyElement", "10.1.2.3:1234", []string{"198.51.100.1,"}, "10.1.2.3"},
		{"Commas", "10.1.2.3:1234", []string{",,,"}, "10.1.2.3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
			if got := remoteAddr(r, trusted); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	r := &http.Request{RemoteAddr: "10.1.2.3:1", Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}
	if got := remoteAddr(r, nil); got != "10.1.2.3" {
		t.Errorf("without proxies: %s", got)
	}
}
