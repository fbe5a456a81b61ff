package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"cubeconnect/egress"
	"cubeconnect/webhook"
)

// receiver plays the tenant's system: it checks every signature and hands on what it got.
type receiver struct {
	url    string
	server *http.Server
	events chan received

	mu     sync.Mutex
	secret webhook.Secret
	fail   int
	out    io.Writer // nil: hand on through events
}

type received struct {
	Event, Status string
	id            string
	at            time.Time
	body          []byte
	err           error
}

func newReceiver(ctx context.Context) (*receiver, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + l.Addr().String() + "/webhooks", events: make(chan received, 100)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: demoPatience}
	go func() { _ = r.server.Serve(l) }() // ends with close
	return r, nil
}

func (r *receiver) close() { _ = r.server.Close() }

func (r *receiver) setSecret(s webhook.Secret) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = s
}

func (r *receiver) failNext(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = n
}

func (r *receiver) print(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = w
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	got := received{id: req.Header.Get("X-Webhook-Id"), at: time.Now()}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxListenedBody))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = egress.Verify(r.secret, req.Header, body, got.at, signatureAge)
	}
	if err == nil {
		err = json.Unmarshal(body, &got)
	}
	got.body, got.err = body, err
	switch {
	case err != nil:
		w.WriteHeader(http.StatusUnauthorized)
	case r.fail > 0:
		r.fail--
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusOK)
	}
	if r.out != nil {
		fmt.Fprintf(r.out, "\n%s  your system got:\n%s\n", got.at.Format("15:04:05.000"), indent(pretty(body)))
		return
	}
	select {
	case r.events <- got:
	default: // nobody looks any more
	}
}

// next waits for the next request and checks it.
func (r *receiver) next() (received, error) {
	select {
	case got := <-r.events:
		return got, got.err
	case <-time.After(demoPatience):
		return received{}, fmt.Errorf("nothing arrived within %s", demoPatience)
	}
}
