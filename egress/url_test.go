package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// publicNames answers for a few names.
func publicNames(name string) []string {
	switch name {
	case "public.example.com.", "a_b.xn--mnchen-3ya.example.com.":
		return []string{"93.184.215.14", "2606:4700::1"}
	case "private.example.com.", "intranet.":
		return []string{"10.1.2.3"}
	case "metadata.example.com.":
		return []string{"169.254.169.254", "fd00:ec2::254"}
	case "mixed.example.com.":
		return []string{"10.1.2.3", "93.184.215.14"}
	case "mapped.example.com.":
		return []string{"64:ff9b::7f00:1"}
	case "lan.example.com.":
		return []string{"10.9.9.9"}
	}
	return nil
}

func TestCheckURL(t *testing.T) {
	strict := Options{}
	plain := Options{AllowHTTP: true}
	ports := Options{AllowPorts: []int{8443}}
	lan := Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/16")}}
	lanPlain := lan
	lanPlain.AllowHTTP = true
	for _, tt := range []struct {
		opts Options
		url  string
		want error
	}{
		{strict, "https://public.example.com", nil},
		{strict, "https://public.example.com/in?x=1&y=%2F", nil},
		{strict, "HTTPS://PUBLIC.Example.COM./in", nil},
		{strict, "https://public.example.com:443/", nil},
		{strict, "https://public.example.com:/", nil},
		{strict, "https://unknown.example.com", nil}, // may come to be known
		{strict, "https://a_b.xn--mnchen-3ya.example.com", nil},
		{strict, "https://mixed.example.com", nil},
		{strict, "https://93.184.215.14", nil},
		{strict, "https://93.184.215.14./", nil},
		{strict, "https://[2606:4700::1]/", nil},
		{strict, "https://[::ffff:93.184.215.14]/", nil},
		{strict, "https://public.example.com/" + strings.Repeat("a", MaxURL-27), nil},

		{strict, "https://public.example.com/" + strings.Repeat("a", MaxURL-26), refusedLength},
		{strict, "", refusedScheme},
		{strict, "public.example.com", refusedScheme},
		{strict, "//public.example.com", refusedScheme},
		{strict, "http://public.example.com", refusedScheme},
		{strict, "ftp://public.example.com", refusedScheme},
		{strict, "file:///etc/passwd", refusedScheme},
		{strict, "gopher://public.example.com", refusedScheme},
		{plain, "ftp://public.example.com", refusedSchemes},
		{plain, "http://public.example.com", nil},
		{plain, "http://public.example.com:80", nil},
		{plain, "http://public.example.com:443", refusedPort},
		{plain, "https://public.example.com:80", refusedPort},
		{strict, "https://public.example.com\n", refusedSyntax},
		{strict, " https://public.example.com", refusedSyntax},
		{strict, "https://public.example.com /", refusedSyntax},
		{strict, "https://public.example.com:https", refusedSyntax},
		{strict, "https://%31%32%37.0.0.1", refusedSyntax},
		{strict, "https://[127.0.0.1]/", refusedSyntax},
		{strict, "https://[fe80::1", refusedSyntax},
		{strict, "https://fe80::1/", refusedSyntax},
		{strict, "https://user@public.example.com", refusedUser},
		{strict, "https://user:secret@public.example.com", refusedUser},
		{strict, "https://public.example.com@127.0.0.1", refusedUser},
		{strict, "https://@public.example.com", refusedUser},
		{strict, "https://public.example.com/#", refusedFragment},
		{strict, "https://public.example.com/#part", refusedFragment},
		{strict, "https://public.example.com#@127.0.0.1", refusedFragment},
		{strict, "https://", refusedNoHost},
		{strict, "https:///path", refusedNoHost},
		{strict, "https:public.example.com", refusedNoHost},
		{strict, "https://:443/", refusedNoHost},
		{strict, "https://./", refusedNoHost},
		{strict, "https://[fe80::1%25eth0]/", refusedZone},
		{strict, "https://[::1%25]/", refusedSyntax},
		{strict, "https://münchen.example.com", refusedASCII},
		{strict, "https://１２７.0.0.1", refusedASCII},
		{strict, "https://127。0。0。1", refusedASCII},
		{strict, "https://pub\u212aic.example.com", refusedASCII},
		{strict, "https://localhost", refusedSingle},
		{strict, "https://LOCALHOST./", refusedSingle},
		{strict, "https://intranet", refusedSingle},
		{strict, "https://a..example.com", refusedName},
		{strict, "https://public.example.com..", refusedName},
		{strict, "https://.example.com", refusedName},
		{strict, "https://-a.example.com", refusedName},
		{strict, "https://a-.example.com", refusedName},
		{strict, "https://a*b.example.com", refusedName},
		{strict, "https://" + strings.Repeat("a", 64) + ".example.com", refusedName},
		{strict, "https://" + strings.Repeat("abc.", 63) + "example.com", refusedName},

		{strict, "https://2130706433", refusedNumber},
		{strict, "https://0x7f000001", refusedNumber},
		{strict, "https://0x7F.0x0.0x0.0x1", refusedNumber},
		{strict, "https://0177.0.0.1", refusedNumber},
		{strict, "https://127.1", refusedNumber},
		{strict, "https://127.0.1./", refusedNumber},
		{strict, "https://127.0.0.0x1", refusedNumber},
		{strict, "https://0x", refusedNumber},
		{strict, "https://1.2.3.4.5", refusedNumber},
		{strict, "https://256.1.1.1", refusedNumber},
		{strict, "https://93.184.215.014", refusedNumber},
		{strict, "https://example.1", refusedNumber},
		{lan, "https://167903747", refusedNumber},

		{strict, "https://127.0.0.1", refusedAddress},
		{strict, "https://127.0.0.1./", refusedAddress},
		{strict, "https://0.0.0.0", refusedAddress},
		{strict, "https://169.254.169.254/latest/meta-data/", refusedAddress},
		{strict, "https://[::1]/", refusedAddress},
		{strict, "https://[::]/", refusedAddress},
		{strict, "https://[::ffff:127.0.0.1]/", refusedAddress},
		{strict, "https://[::FFFF:7F00:1]/", refusedAddress},
		{strict, "https://[64:ff9b::10.0.0.1]/", refusedAddress},
		{strict, "https://[fd00:ec2::254]/", refusedAddress},
		{strict, "https://127.0.0.1:6379", refusedPort},
		{strict, "https://private.example.com", refusedAddress},
		{strict, "https://metadata.example.com", refusedAddress},
		{strict, "https://mapped.example.com", refusedAddress},

		{strict, "https://public.example.com:8443", refusedPort},
		{strict, "https://public.example.com:0", refusedPortNo},
		{strict, "https://public.example.com:65536", refusedPortNo},
		{strict, "https://public.example.com:99999999999999999999", refusedPortNo},
		{ports, "https://public.example.com:8443", nil},
		{ports, "https://public.example.com:443", nil},
		{ports, "https://public.example.com:8444", refusedPort},
		{ports, "https://private.example.com:8443", refusedAddress},

		{lan, "https://private.example.com", nil},
		{lan, "https://private.example.com:8443", nil},
		{lan, "https://10.1.2.3:1", nil},
		{lan, "https://[::ffff:10.1.2.3]:9443", nil},
		{lan, "https://[fd00::5]:9443", nil},
		{lan, "https://intranet", nil},
		{lan, "https://intranet:8443", nil},
		{lan, "https://unknown:8443", nil},
		{lan, "https://unknown.example.com:8443", nil},
		{lan, "https://public.example.com:8443", refusedPort},
		{lan, "https://mixed.example.com:8443", nil},
		{lan, "https://lan.example.com", refusedAddress},
		{lan, "https://10.2.0.1", refusedAddress},
		{lan, "http://10.1.2.3", refusedScheme},
		{lanPlain, "http://10.1.2.3:8080", nil},
		{lanPlain, "https://public.example.com:80", refusedPort},
		{lanPlain, "https://private.example.com:80", nil},
	} {
		c := open(t, tt.opts, testMachine(publicNames))
		if err := c.CheckURL(t.Context(), tt.url); err != tt.want {
			t.Errorf("%.80q: %v, want %v", tt.url, err, tt.want)
		}
	}
}

func TestCheckURLKnowsTheMachine(t *testing.T) {
	m := testMachine(publicNames)
	m.interfaces = func() ([]net.Addr, error) {
		return []net.Addr{&net.IPAddr{IP: net.ParseIP("93.184.215.14")}, &net.IPAddr{IP: net.ParseIP("2606:4700::1")}}, nil
	}
	c := open(t, Options{}, m)
	for _, url := range []string{"https://93.184.215.14", "https://[2606:4700::1]", "https://public.example.com"} {
		if err := c.CheckURL(t.Context(), url); err != refusedAddress {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestCheckURLDoesNotWaitForNames(t *testing.T) {
	m := testMachine(nil)
	m.resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := open(t, Options{}, m).CheckURL(ctx, "https://public.example.com"); err != nil {
		t.Error(err)
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, raw := range []string{
		"https://public.example.com/in?x=1", "http://a.example.com", "https://user@a.example.com", "https://[::ffff:127.0.0.1]:443/",
		"https://127.1", "https://0x7f.0.0.1", "https://[fe80::1%25eth0]", "https://a.example.com:8443", "https://１２７.0.0.1", "https://a.b#c", "https:a", "",
	} {
		f.Add(raw)
	}
	m := testMachine(nil)
	m.resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errTest }}
	c := newClient(Options{}, m)
	f.Fuzz(func(t *testing.T, raw string) {
		err := c.CheckURL(t.Context(), raw)
		if err != nil {
			if !errors.Is(err, webhook.ErrInvalid) {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || len(raw) > MaxURL || u.Port() != "" && u.Port() != "443" && strings.TrimLeft(u.Port(), "0") != "443" {
			t.Fatalf("%q passed: %v", raw, err)
		}
		host := strings.TrimSuffix(u.Hostname(), ".")
		if !strings.ContainsAny(host, ".:") || strings.ContainsAny(host, "%/@ ") {
			t.Errorf("host %q passed", host)
		}
		if addr, err := netip.ParseAddr(host); err == nil && !public(addr.Unmap()) {
			t.Errorf("address %s passed", addr)
		}
		// What is sent is the same URL to the same rules.
		p := parseURL(raw, &c.current.Load().opts)
		again := parseURL(p.post.URL.String(), &c.current.Load().opts)
		if again.err == refusedLength {
			return // escaped, it is longer
		}
		if again.err != nil || again.post.URL.String() != p.post.URL.String() {
			t.Errorf("%q becomes %q, and that %v", raw, p.post.URL, again.err)
		}
	})
}
