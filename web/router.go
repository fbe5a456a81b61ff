package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"
)

// Options say how a route table is served.
type Options struct {
	Log *slog.Logger // nil: none
	// Fail writes what a client gets to see of an error, unknown paths included; nil: [WriteFailure].
	Fail Fail
	// Header is of every answer. A handler can set another value.
	Header map[string]string
}

type router struct {
	log    *slog.Logger
	fail   Fail
	header http.Header
}

// New makes a handler of route tables. It panics if two routes contradict each other.
func New(o Options, tables ...[]Route) http.Handler {
	s := &router{log: o.Log, fail: o.Fail, header: http.Header{"X-Content-Type-Options": {"nosniff"}}}
	for name, value := range o.Header {
		s.header.Set(name, value)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.fail == nil {
		s.fail = WriteFailure
	}
	r := httprouter.New()
	r.RedirectTrailingSlash = false // a redirected POST loses its body in many clients
	r.RedirectFixedPath = false
	r.HandleOPTIONS = false // it would answer ahead of every handler
	r.NotFound = s.standard(s.handle(Route{Handler: notFound}))
	r.MethodNotAllowed = s.standard(s.handle(Route{Handler: methodNotAllowed}))
	for _, table := range tables {
		for _, route := range table {
			h := s.handle(route)
			r.Handle(route.Method, native(route.Pattern), h)
			if route.Method == http.MethodGet {
				r.Handle(http.MethodHead, native(route.Pattern), h)
			}
		}
	}
	return r
}

// native spells a pattern as httprouter does.
func native(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		if rest, ok := strings.CutSuffix(name, "..."); ok {
			parts[i] = "*" + rest
		} else {
			parts[i] = ":" + name
		}
	}
	return strings.Join(parts, "/")
}

func (s *router) standard(h httprouter.Handle) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(w, r, nil) })
}

func notFound(http.ResponseWriter, *Request) error {
	return Failure{Status: http.StatusNotFound, Code: CodeNotFound, Message: "There is nothing at this address."}
}

// methodNotAllowed finds the Allow header set by httprouter, which adds OPTIONS to what is true.
func methodNotAllowed(w http.ResponseWriter, r *Request) error {
	allow := strings.TrimSuffix(strings.Replace(w.Header().Get("Allow"), "OPTIONS, ", "", 1), ", OPTIONS")
	w.Header().Set("Allow", allow)
	return Failure{Status: http.StatusMethodNotAllowed, Code: CodeMethodNotAllowed, Message: "This address knows " + allow + " only."}
}

// handle wraps a route's handler: it limits the body, answers errors and panics, and logs.
func (s *router) handle(route Route) httprouter.Handle {
	limit := route.MaxBody
	if limit == 0 {
		limit = DefaultMaxBody
	}
	fail := route.Fail
	if fail == nil {
		fail = s.fail
	}
	return func(out http.ResponseWriter, in *http.Request, params httprouter.Params) {
		begin := time.Now()
		w := &writer{ResponseWriter: out}
		r := &Request{Request: in, Pattern: route.Pattern, w: w, params: params}
		maps.Copy(w.Header(), s.header) // the values are shared: who sets one replaces it
		if limit > 0 {
			in.Body = http.MaxBytesReader(out, in.Body, limit)
		}
		err := call(route.Handler, w, r)
		if errors.Is(err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler)
		}
		cut := err != nil && w.status != 0
		if err != nil && !cut {
			fail(w, in, Status(err))
		}
		s.record(r, w.status, time.Since(begin), err)
		if cut {
			panic(http.ErrAbortHandler)
		}
	}
}

// panicked is the error that a handler's panic becomes.
type panicked struct {
	value any
	stack []byte
}

func (p panicked) Error() string { return fmt.Sprintf("handler panicked: %v", p.value) }

func call(h Handler, w http.ResponseWriter, r *Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			err = http.ErrAbortHandler
		default:
			err = panicked{v, debug.Stack()}
		}
	}()
	return h(w, r)
}

// record writes the request's one line. The path itself appears at debug only: a message's id has a
// phone number in it.
func (s *router) record(r *Request, status int, took time.Duration, err error) {
	level := severity(r, err)
	if !s.log.Enabled(r.Context(), level) {
		return
	}
	pairs := []any{"method", r.Method, "route", r.Pattern, "status", status, "duration", took}
	if level == slog.LevelDebug {
		pairs = append(pairs, "path", r.URL.Path)
	}
	if err != nil {
		pairs = append(pairs, "error", err)
	}
	var p panicked
	if errors.As(err, &p) {
		pairs = append(pairs, "stack", string(p.stack))
	}
	s.log.Log(context.WithoutCancel(r.Context()), level, "request", append(pairs, r.notes...)...)
}

// severity is debug for what worked, for what the client got wrong and for clients that went away.
func severity(r *Request, err error) slog.Level {
	switch {
	case err == nil:
	case errors.As(err, new(panicked)):
		return slog.LevelError
	case r.Context().Err() != nil:
	case Status(err).Status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	case Status(err).Status >= 500:
		return slog.LevelError
	}
	return slog.LevelDebug
}
