package ingress

import "net/http"

var accepted = []byte(`{"success":true}` + "\n")

// accept answers exactly 200: Meta takes no other status for success, 202 and 204 included.
func accept(w http.ResponseWriter) {
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write(accepted) // nobody is left to tell
}

// refuse answers an error in the form of the whole HTTP API. Code and message need no escaping.
func refuse(w http.ResponseWriter, status int, code, message string) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	var body payload
	body.b = append(body.b, `{"success":false,"error":{`...)
	body.text("code", code)
	body.text("message", message)
	body.raw("details", "{}")
	body.b = append(body.b, "}}\n"...)
	_, _ = w.Write(body.b)
}
