package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"cubeconnect/egress"
	"cubeconnect/webhook"
)

func listenFlags(f *flags) {
	f.String("addr", ":9000", "`ADDRESS` to listen on")
	f.String("secret", "", "the endpoint's signing `SECRET`")
	f.Int("status", http.StatusOK, "`CODE` to answer with, to see what a failure leads to")
}

const (
	signatureAge    = 5 * time.Minute
	maxListenedBody = 8 << 20
)

func listen(ctx context.Context, env *Env, f *flags) error {
	if err := f.noArgs(); err != nil {
		return err
	}
	secret := f.Lookup("secret").Value.String()
	if secret == "" {
		return usagef("--secret is missing: the endpoint's signing secret, as the service made it")
	}
	status, err := strconv.Atoi(f.Lookup("status").Value.String())
	if err != nil || status < 200 || status > 599 {
		return usagef("--status must be a code from 200 to 599")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", f.Lookup("addr").Value.String())
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintf(env.Stdout, "listening on %s, answering %d; Ctrl-C ends it\n", l.Addr(), status)
	var out sync.Mutex
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxListenedBody))
		if err != nil {
			http.Error(w, "the body can't be read", http.StatusBadRequest)
			return
		}
		verdict, answer := "signature good", status
		if err := egress.Verify(webhook.NewSecret(secret), r.Header, body, time.Now(), signatureAge); err != nil {
			verdict, answer = "SIGNATURE BAD: "+err.Error(), http.StatusUnauthorized
		}
		out.Lock()
		defer out.Unlock()
		fmt.Fprintf(env.Stdout, "\n%s  %s %s  %s  answered %d\nX-Webhook-Id: %s\n%s\n", time.Now().Format("15:04:05.000"), r.Method, r.URL.Path, verdict, answer, r.Header.Get("X-Webhook-Id"), pretty(body))
		w.WriteHeader(answer)
	})}
	return serveUntil(ctx, srv, l)
}

// serveUntil serves until ctx ends.
func serveUntil(ctx context.Context, srv *http.Server, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // its connections are a developer's own
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func pretty(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return strconv.Quote(string(body))
	}
	return b.String()
}
