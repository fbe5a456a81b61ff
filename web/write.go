package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// WriteJSON answers with {"success":true,"data":...}. Nothing has been written if it returns an error.
func WriteJSON(w http.ResponseWriter, status int, data any) error {
	return write(w, status, struct {
		Success bool `json:"success"`
		Data    any  `json:"data"`
	}{true, data})
}

// write encodes the whole answer before its first byte goes out, so that a value that can't be encoded
// still becomes an error with a status.
func write(w http.ResponseWriter, status int, body any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // payloads are shown as they are sent
	if err := e.Encode(body); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that has gone is nobody's error
	return nil
}
