// Package web serves route tables with handlers that return.
//
// It owns the router, the one table from errors to status codes, the form of JSON answers, the decoding
// of JSON bodies and the request log. It promises that every request gets exactly one answer of a known
// form, also when a handler panics, that HEAD works wherever GET does, that nothing is redirected, and
// that the cause of an internal error reaches the log and never the client. It knows no route.
package web
