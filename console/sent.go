package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// sentHeader is a line of a request's header, as far as it may be shown.
type sentHeader struct {
	Name, Value string
	Hidden      bool // a custom one: its value can be a token
}

// headerOrder is what every request has, in the order of the documentation.
var headerOrder = []string{
	"User-Agent", "Content-Type", "Accept", "X-Webhook-Id", "X-Webhook-Timestamp", "X-Webhook-Signature", "X-Webhook-Signature-Previous",
	"webhook-id", "webhook-timestamp", "webhook-signature",
}

// sent lists the header of an attempt as it would be made at an instant with what the endpoint is now; nil:
// it is gone, and what depends on it is left out.
func (q *request) sent(d *webhook.Delivery, e *webhook.Endpoint, body []byte, at time.Time) (lines []sentHeader) {
	claim := webhook.Claim{ID: d.ID, EventID: d.EventID(), Type: d.EventType, Endpoint: e, Body: body}
	if e == nil {
		claim.Endpoint = &webhook.Endpoint{}
	}
	h := q.c.header(&claim, at)
	for _, name := range headerOrder {
		if v := h[name]; len(v) > 0 {
			lines = append(lines, sentHeader{Name: name, Value: v[0]})
		}
	}
	var own []string
	for name := range h {
		if !slices.Contains(headerOrder, name) {
			own = append(own, name)
		}
	}
	slices.Sort(own)
	for _, name := range own {
		lines = append(lines, sentHeader{Name: name, Hidden: true})
	}
	return lines
}

// maxArgument is the body that still goes into a command line: Linux takes 128 KiB in one argument.
const maxArgument = 64 << 10

// curl writes a request as a command for a shell.
func curl(url string, header []sentHeader, body []byte) string {
	var b strings.Builder
	b.WriteString("curl -sS -i -X POST " + quoted(url))
	for _, h := range header {
		value := h.Value
		if h.Hidden {
			value = "VALUE"
		}
		b.WriteString(" \\\n  -H " + quoted(h.Name+": "+value))
	}
	// What can't be seen in it must not be pasted into a shell.
	if len(body) > maxArgument || visible(string(body)) != string(body) {
		b.WriteString(" \\\n  --data-binary @" + bodyFile)
	} else {
		b.WriteString(" \\\n  --data-binary " + quoted(string(body)))
	}
	return b.String()
}

// quoted makes one word of a text for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// bodyFile is what a body is saved as.
const bodyFile = "body.json"

// saveBody answers the exact bytes of a body.
func (q *request) saveBody(body []byte) error {
	h := q.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", fmt.Sprint(len(body)))
	h.Set("Content-Disposition", `attachment; filename="`+bodyFile+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	q.w.WriteHeader(http.StatusOK)
	_, _ = q.w.Write(body) // a client that has gone is nobody's error
	return nil
}
