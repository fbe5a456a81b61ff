package web

import "net/http"

// DefaultMaxBody bounds request bodies where a [Route] says nothing else.
const DefaultMaxBody = 1 << 20

// Route is one line of a route table.
type Route struct {
	Method string
	// Pattern is a path such as "/tenants/{tenant}". A part in braces stands for one part of a path and
	// can be read with [Request.Param]; "{name...}" at the end stands for all that is left of it, slashes
	// included. A fixed part and one in braces can't stand in the same place (httprouter's rule).
	Pattern string
	Handler Handler
	// MaxBody bounds the request's body in bytes; 0: [DefaultMaxBody]; negative: the handler does it.
	MaxBody int64
	// Fail writes what a client gets to see of an error; nil: what [Options] say.
	Fail Fail
}

// Handler answers a request, or returns an error without having written anything. An error after the
// first byte cuts the connection, so that the client knows that the answer is not whole.
type Handler func(w http.ResponseWriter, r *Request) error

// Fail writes the answer to a request that failed.
type Fail func(w http.ResponseWriter, r *http.Request, f Failure)

// Answer is what a JSON handler returns.
type Answer struct {
	Status int
	Data   any
}

// OK answers 200.
func OK(data any) (Answer, error) { return Answer{http.StatusOK, data}, nil }

// Created answers 201.
func Created(data any) (Answer, error) { return Answer{http.StatusCreated, data}, nil }

// Accepted answers 202.
func Accepted(data any) (Answer, error) { return Answer{http.StatusAccepted, data}, nil }

// JSON makes a handler of a function that returns its answer. It is written as
// {"success":true,"data":...}.
func JSON(answer func(r *Request) (Answer, error)) Handler {
	return func(w http.ResponseWriter, r *Request) error {
		a, err := answer(r)
		if err != nil {
			return err
		}
		return WriteJSON(w, a.Status, a.Data)
	}
}

// Wrap makes a handler of a standard one. Path parameters are out of its reach.
func Wrap(h http.Handler) Handler {
	return func(w http.ResponseWriter, r *Request) error {
		h.ServeHTTP(w, r.Request)
		return nil
	}
}
