package ingress

import (
	"net"
	"net/http"
	"net/netip"

	"cubeconnect/metrics"
)

// Listener bounds the connections that come in at l, at most as many as [MaxConnections]. A connection that
// must go is reset, without an answer. Behind trusted proxies nothing is counted for the proxy's address.
func (h *Handler) Listener(l net.Listener, most int) net.Listener {
	h.door.mu.Lock()
	defer h.door.mu.Unlock()
	h.door.most = min(most, MaxConnections)
	return listener{l, h}
}

type listener struct {
	net.Listener
	h *Handler
}

func (l listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := conn.(*net.TCPConn)
		if !ok {
			return conn, nil
		}
		v, reason := l.h.door.enter(tcp, l.h.settings.Load().trusted)
		if v != nil {
			return v, nil
		}
		l.h.logLimited(reason, tcp.RemoteAddr().String())
		_ = tcp.SetLinger(0) // it is only about what the kernel remembers
		_ = tcp.Close()
	}
}

// Limit bounds the requests that next gets from each address which has signed none of them lately: 429 to
// the rest. Whoever has signed, and trusted proxies themselves, are bounded by nothing.
func (h *Handler) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trusted := h.settings.Load().trusted
		client, ok := clientAddr(r, trusted)
		if !ok || contains(trusted, client) || h.door.admit(client) {
			next.ServeHTTP(w, r)
			return
		}
		h.logLimited(metrics.LimitedRequests, client.String())
		if peer, _ := parseAddr(r.RemoteAddr); peer == client { // a proxy's connection is others' too
			w.Header().Set("Connection", "close")
		}
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED", "too many requests without a good signature came from this address")
	})
}

func (h *Handler) logLimited(what, remote string) {
	h.limited.do(h.now(), func(suppressed int) {
		h.log.Warn("too much at the public listener: refused", "what", what, "remote", remote, "suppressed", suppressed)
	})
}

// strangersShares returns what a client's body takes from beside the crowd: nothing if the client signs.
func (h *Handler) strangersShares(client netip.Addr, known bool, s *settings) []*share {
	if !known || contains(s.trusted, client) {
		return nil
	}
	own := h.door.shareOf(client)
	if own == nil {
		return nil
	}
	return []*share{&h.door.share, own}
}
