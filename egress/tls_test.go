package egress

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// newTLSReceiver starts a server whose certificate is for example.com and the loopback addresses, and returns
// a client that trusts it.
func newTLSReceiver(t *testing.T, config *tls.Config, http2 bool, answer http.HandlerFunc) (*receiver, *Client) {
	t.Helper()
	r := newUnstartedReceiver(answer)
	r.TLS = config
	r.EnableHTTP2 = http2
	r.StartTLS()
	t.Cleanup(r.Close)
	m := testMachine(func(string) []string { return []string{"127.0.0.1"} })
	m.roots = x509.NewCertPool()
	m.roots.AddCert(r.Certificate())
	return r, open(t, loopback(), m)
}

func TestTLS(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2=%t", http2), func(t *testing.T) {
			r, c := newTLSReceiver(t, nil, http2, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
			for _, host := range []string{"127.0.0.1", "example.com", "EXAMPLE.com."} {
				out := c.Send(t.Context(), newClaim("https://"+host+":"+strconv.Itoa(r.port())))
				wantOutcome(t, out, webhook.Delivered, 200, "")
				if string(out.Attempt.ResponseBody) != "ok" {
					t.Errorf("body %q", out.Attempt.ResponseBody)
				}
			}
			if proto := r.got()[0].proto; http2 != (proto == "HTTP/2.0") {
				t.Errorf("spoke %s", proto)
			}
			if n := r.conns.Load(); n != 2 {
				t.Errorf("%d connections to 2 hosts", n)
			}
			if got := r.got()[2]; got.host != "example.com:"+strconv.Itoa(r.port()) || got.body != testBody {
				t.Errorf("host %s, body %s", got.host, got.body)
			}
			if err := Verify(testSecret, r.got()[0].header, []byte(testBody), time.Now(), time.Minute); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTLSErrors(t *testing.T) {
	send := func(t *testing.T, c *Client, host string, r *receiver) {
		t.Helper()
		wantOutcome(t, c.Send(t.Context(), newClaim("https://"+host+":"+strconv.Itoa(r.port()))), webhook.Retry, 0, webhook.ErrorTLS)
		if len(r.got()) != 0 {
			t.Error("the server got a request")
		}
	}
	t.Run("self-signed", func(t *testing.T) {
		r, _ := newTLSReceiver(t, nil, true, nil)
		send(t, newTestClient(t), "127.0.0.1", r)
	})
	t.Run("another host's", func(t *testing.T) {
		r, c := newTLSReceiver(t, nil, true, nil)
		send(t, c, "hooks.example.net", r)
	})
	t.Run("TLS 1.1", func(t *testing.T) {
		r, c := newTLSReceiver(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false, nil)
		send(t, c, "127.0.0.1", r)
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run("wants a client certificate, "+tls.VersionName(version), func(t *testing.T) {
			r, c := newTLSReceiver(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: version, MaxVersion: version}, false, nil)
			send(t, c, "127.0.0.1", r)
		})
	}
}

func TestHTTP2(t *testing.T) {
	url := func(r *receiver) string { return "https://127.0.0.1:" + strconv.Itoa(r.port()) }
	t.Run("timeout", func(t *testing.T) {
		r, c := newTLSReceiver(t, nil, true, func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
		wantOutcome(t, c.Send(t.Context(), withTimeout(newClaim(url(r)), 50*time.Millisecond)), webhook.Retry, 0, webhook.ErrorTimeout)
	})
	t.Run("stream reset", func(t *testing.T) {
		r, c := newTLSReceiver(t, nil, true, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		wantOutcome(t, c.Send(t.Context(), newClaim(url(r))), webhook.Retry, 0, webhook.ErrorReset)
	})
	t.Run("endless body", func(t *testing.T) {
		r, c := newTLSReceiver(t, nil, true, func(w http.ResponseWriter, req *http.Request) {
			for req.Context().Err() == nil {
				fmt.Fprint(w, strings.Repeat("more", 1024))
			}
		})
		out := c.Send(t.Context(), newClaim(url(r)))
		wantOutcome(t, out, webhook.Delivered, 200, "")
		if len(out.Attempt.ResponseBody) != webhook.MaxResponseBytes {
			t.Errorf("%d bytes kept", len(out.Attempt.ResponseBody))
		}
	})
	t.Run("large header", func(t *testing.T) {
		r, c := newTLSReceiver(t, nil, true, func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("more", 1024))
			}
		})
		out := c.Send(t.Context(), newClaim(url(r)))
		if out.Verdict != webhook.Retry || out.Attempt.StatusCode != 0 {
			t.Errorf("outcome %+v", out)
		}
	})
	t.Run("redirect", func(t *testing.T) {
		other := newReceiver(t, nil)
		r, c := newTLSReceiver(t, nil, true, func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, other.URL, http.StatusTemporaryRedirect)
		})
		wantOutcome(t, c.Send(t.Context(), newClaim(url(r))), webhook.Retry, 307, webhook.ErrorStatus)
		if len(other.got()) != 0 {
			t.Error("followed")
		}
	})
	t.Run("blocked", func(t *testing.T) {
		r, c := newTLSReceiver(t, nil, true, nil)
		wantOutcome(t, c.Send(t.Context(), newClaim(url(r))), webhook.Delivered, 200, "")
		opts := loopback()
		opts.AllowNetworks, opts.AllowPorts = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []int{r.port()}
		c.SetOptions(opts)
		wantOutcome(t, c.Send(t.Context(), newClaim(url(r))), webhook.Refused, 0, webhook.ErrorBlocked)
	})
}
