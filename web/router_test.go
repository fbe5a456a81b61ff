package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

// serve answers one request of a route table and returns the log beside it.
func serve(t *testing.T, r *http.Request, routes ...Route) (*httptest.ResponseRecorder, string) {
	t.Helper()
	var log bytes.Buffer
	h := New(Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, routes)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, log.String()
}

// failing is a route whose handler returns an error.
func failing(err error) Route {
	return Route{Method: "GET", Pattern: "/x", Handler: func(http.ResponseWriter, *Request) error { return err }}
}

func TestStatus(t *testing.T) {
	const secret = "sekret-cause"
	cause := errors.New(secret)
	for name, tt := range map[string]struct {
		err    error
		status int
		code   string
		says   string
		level  string
	}{
		"not found":          {webhook.ErrNotFound, 404, CodeNotFound, "nothing", "DEBUG"},
		"wrapped":            {fmt.Errorf("read tenant: %w", webhook.ErrNotFound), 404, CodeNotFound, "nothing", "DEBUG"},
		"conflict":           {fmt.Errorf("waba_id 1 belongs to another tenant: %w", webhook.ErrConflict), 409, CodeConflict, `"Waba_id 1 belongs to another tenant."`, "DEBUG"},
		"conflict, in front": {fmt.Errorf("%w: taken", webhook.ErrConflict), 409, CodeConflict, `"Taken."`, "DEBUG"},
		"bare conflict":      {webhook.ErrConflict, 409, CodeConflict, `"Conflict."`, "DEBUG"},
		"fields":             {webhook.FieldErrors{"name": {"is required"}}, 422, CodeValidation, `"details":{"name":["is required"]}`, "DEBUG"},
		"invalid":            {fmt.Errorf("no such thing: %w", webhook.ErrInvalid), 422, CodeValidation, "No such thing.", "DEBUG"},
		"full":               {fmt.Errorf("%w: %w", webhook.ErrFull, cause), 503, CodeDegraded, "space", "WARN"},
		"closed":             {webhook.ErrClosed, 503, CodeDegraded, "stopping", "WARN"},
		"late":               {context.DeadlineExceeded, 503, CodeDegraded, "in time", "WARN"},
		"forbidden":          {Forbidden("No."), 403, CodeForbidden, "No.", "DEBUG"},
		"no key":             {Unauthenticated(CodeAuthenticationRequired, "Who?"), 401, CodeAuthenticationRequired, "Who?", "DEBUG"},
		"too often":          {RateLimited("Wait.", time.Second), 429, CodeRateLimited, "Wait.", "DEBUG"},
		"degraded":           {Degraded("Ill.", map[string]bool{"database": false}), 503, CodeDegraded, `"details":{"database":false}`, "WARN"},
		"undetailed":         {Degraded("Ill.", func() {}), 503, CodeDegraded, `"Ill."`, "WARN"},
		"too large":          {&http.MaxBytesError{Limit: 9}, 413, CodeValidation, "larger than 9 bytes", "DEBUG"},
		"anything else":      {cause, 500, CodeInternal, "Something went wrong", "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			w, log := serve(t, httptest.NewRequest("GET", "/x", nil), failing(tt.err))
			var body struct {
				Success *bool
				Error   struct{ Code, Message string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || body.Success == nil || *body.Success {
				t.Fatalf("answer %s: %v", w.Body, err)
			}
			if w.Code != tt.status || body.Error.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s, want %d %s with %s", w.Code, w.Body, tt.status, tt.code, tt.says)
			}
			if strings.Contains(w.Body.String(), secret) {
				t.Error("the client sees the cause")
			}
			if strings.Count(log, "\n") != 1 || !strings.Contains(log, "level="+tt.level) || errors.Is(tt.err, cause) && !strings.Contains(log, secret) {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	w, _ := serve(t, httptest.NewRequest("GET", "/x", nil), failing(RateLimited("Wait.", 1500*time.Millisecond)))
	for name, want := range map[string]string{
		"Retry-After": "2", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	w, _ = serve(t, httptest.NewRequest("GET", "/x", nil), failing(Unauthenticated(CodeInvalidAPIKey, "")))
	if got := w.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
		t.Errorf("WWW-Authenticate: %q", got)
	}
}

func TestRouting(t *testing.T) {
	echo := func(names ...string) Handler {
		return JSON(func(r *Request) (Answer, error) {
			got := []string{r.Pattern}
			for _, name := range names {
				got = append(got, r.Param(name))
			}
			return OK(got)
		})
	}
	routes := []Route{
		{Method: "GET", Pattern: "/a/{id}", Handler: echo("id", "nope")},
		{Method: "DELETE", Pattern: "/a/{id}", Handler: echo("id")},
		{Method: "GET", Pattern: "/a/{id}/b/{sub}", Handler: echo("id", "sub")},
		{Method: "GET", Pattern: "/all/{rest...}", Handler: echo("rest")},
		{Method: "POST", Pattern: "/p", Handler: echo()},
	}
	for _, tt := range []struct {
		method, target string
		status         int
		body, allow    string
	}{
		{"GET", "/a/1", 200, `["/a/{id}","1",""]`, ""},
		{"HEAD", "/a/1", 200, ``, ""},
		{"DELETE", "/a/1", 200, `["/a/{id}","1"]`, ""},
		{"GET", "/a/%C3%BC", 200, `["/a/{id}","ü",""]`, ""},
		{"GET", "/a/1/b/2", 200, `["/a/{id}/b/{sub}","1","2"]`, ""},
		{"GET", "/all/x/y%2Fz==", 200, `["/all/{rest...}","x/y/z=="]`, ""},
		{"GET", "/a/1/", 404, "NOT_FOUND", ""},
		{"GET", "/a/", 404, "NOT_FOUND", ""},
		{"GET", "/a/1%2F2", 404, "NOT_FOUND", ""},
		{"GET", "/A/1", 404, "NOT_FOUND", ""},
		{"GET", "//a/1", 404, "NOT_FOUND", ""},
		{"GET", "/", 404, "NOT_FOUND", ""},
		{"POST", "/p/", 404, "NOT_FOUND", ""},
		{"POST", "/a/1", 405, "METHOD_NOT_ALLOWED", "DELETE, GET, HEAD"},
		{"OPTIONS", "/a/1", 405, "METHOD_NOT_ALLOWED", "DELETE, GET, HEAD"},
		{"GET", "/p", 405, "METHOD_NOT_ALLOWED", "POST"},
		{"HEAD", "/p", 405, ``, "POST"},
		{"BREW", "/p", 405, "METHOD_NOT_ALLOWED", "POST"},
	} {
		t.Run(tt.method+" "+tt.target, func(t *testing.T) {
			w, log := serve(t, httptest.NewRequest(tt.method, tt.target, nil), routes...)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) || w.Header().Get("Allow") != tt.allow {
				t.Errorf("%d %s, Allow %q", w.Code, w.Body, w.Header().Get("Allow"))
			}
			if strings.Count(log, "msg=request") != 1 {
				t.Errorf("log %s", log)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	route := Route{Method: "GET", Pattern: "/x", Handler: func(http.ResponseWriter, *Request) error { panic("boom") }}
	w, log := serve(t, httptest.NewRequest("GET", "/x", nil), route)
	if w.Code != 500 || strings.Contains(w.Body.String(), "boom") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "boom") || !strings.Contains(log, "router_test.go") {
		t.Errorf("log %s", log)
	}
}

func TestAborted(t *testing.T) {
	for name, h := range map[string]Handler{
		"by panic": func(http.ResponseWriter, *Request) error { panic(http.ErrAbortHandler) },
		"error in the middle": func(w http.ResponseWriter, _ *Request) error {
			_, _ = io.WriteString(w, "half")
			return io.ErrUnexpectedEOF
		},
		"panic in the middle": func(w http.ResponseWriter, _ *Request) error { _, _ = io.WriteString(w, "half"); panic("boom") },
		"after a flush":       func(w http.ResponseWriter, _ *Request) error { w.(http.Flusher).Flush(); return io.ErrUnexpectedEOF },
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(New(Options{}, []Route{{Method: "GET", Pattern: "/x", Handler: h}}))
			srv.Config.ErrorLog = nil
			defer srv.Close()
			res, err := srv.Client().Get(srv.URL + "/x")
			if err == nil {
				_, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			if err == nil {
				t.Error("the client takes it for whole")
			}
		})
	}
}

func TestUnencodable(t *testing.T) {
	route := Route{Method: "GET", Pattern: "/x", Handler: JSON(func(*Request) (Answer, error) { return OK(func() {}) })}
	if w, log := serve(t, httptest.NewRequest("GET", "/x", nil), route); w.Code != 500 || !strings.Contains(log, "encode the answer") {
		t.Errorf("%d %s", w.Code, log)
	}
}

func TestClientGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, log := serve(t, httptest.NewRequestWithContext(ctx, "GET", "/x", nil), failing(fmt.Errorf("read: %w", context.Canceled)))
	if !strings.Contains(log, "level=DEBUG") {
		t.Errorf("log %s", log)
	}
}

func TestLogHidesPath(t *testing.T) {
	route := Route{Method: "GET", Pattern: "/m/{id}", Handler: func(_ http.ResponseWriter, r *Request) error {
		r.Note("key", "ops")
		return errors.New("broken")
	}}
	_, log := serve(t, httptest.NewRequest("GET", "/m/966500000000", nil), route)
	if strings.Contains(log, "966500000000") || !strings.Contains(log, "/m/{id}") || !strings.Contains(log, "key=ops") {
		t.Errorf("log %s", log)
	}
}

func TestOwnFail(t *testing.T) {
	route := failing(webhook.ErrNotFound)
	route.Fail = func(w http.ResponseWriter, _ *http.Request, f Failure) { http.Error(w, "a page", f.Status) }
	if w, _ := serve(t, httptest.NewRequest("GET", "/x", nil), route); w.Code != 404 || w.Body.String() != "a page\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWrap(t *testing.T) {
	route := Route{Method: "GET", Pattern: "/x", Handler: Wrap(http.RedirectHandler("/y", http.StatusSeeOther))}
	if w, log := serve(t, httptest.NewRequest("GET", "/x", nil), route); w.Code != 303 || !strings.Contains(log, "status=303") {
		t.Errorf("%d %s", w.Code, log)
	}
}

// pipe is a listener with one connection, whose deadlines keep a bubble's time.
type pipe struct {
	conn chan net.Conn
	done chan struct{}
}

func (p pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conn:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipe) Close() error   { close(p.done); return nil }
func (p pipe) Addr() net.Addr { return &net.TCPAddr{} }

func TestExtend(t *testing.T) {
	for name, tt := range map[string]struct {
		extend time.Duration
		ok     bool
	}{"extended": {time.Hour, true}, "not": {0, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				route := Route{Method: "GET", Pattern: "/x", Handler: func(w http.ResponseWriter, r *Request) error {
					if tt.extend > 0 {
						r.Extend(tt.extend)
					}
					select { // longer than the server allows
					case <-time.After(time.Minute):
					case <-r.Context().Done():
					}
					return WriteJSON(w, 200, r.Context().Err() == nil)
				}}
				client, server := net.Pipe()
				l := pipe{make(chan net.Conn, 1), make(chan struct{})}
				l.conn <- server
				srv := &http.Server{Handler: New(Options{}, []Route{route}), ReadTimeout: time.Second, WriteTimeout: time.Second}
				go func() { _ = srv.Serve(l) }()
				defer srv.Close()
				if _, err := io.WriteString(client, "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				answer, _ := io.ReadAll(client)
				if got := strings.Contains(string(answer), `"data":true`); got != tt.ok {
					t.Errorf("answer %q", answer)
				}
			})
		})
	}
}
