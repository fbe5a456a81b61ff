package web

import (
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"
)

// Request is a request on its way through a handler.
type Request struct {
	*http.Request
	// Pattern is the route's: a name of bounded variety, for logs and metrics.
	Pattern string

	w      http.ResponseWriter
	params httprouter.Params
	notes  []any
}

// Param returns the part of the path that stands for {name}.
func (r *Request) Param(name string) string {
	value := r.params.ByName(name)
	if len(value) > 0 && value[0] == '/' {
		return value[1:] // of "{name...}"; no other parameter can hold a slash
	}
	return value
}

// Note adds key-value pairs to the request's line in the log.
func (r *Request) Note(pairs ...any) { r.notes = append(r.notes, pairs...) }

// Extend moves the time by which the request must have ended, for a handler that may take longer than the
// server allows. Without that limit it changes nothing.
func (r *Request) Extend(d time.Duration) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return
	}
	until := time.Now().Add(d)
	c := http.NewResponseController(r.w)
	if server.ReadTimeout > 0 {
		_ = c.SetReadDeadline(until) // passing it would cancel the request's context
	}
	if server.WriteTimeout > 0 {
		_ = c.SetWriteDeadline(until) // without a limit, nobody would take it back for the next request
	}
}
