package egress

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// The headers of an attempt, spelled as the documentation has them.
const (
	headerTimestamp         = "X-Webhook-Timestamp"
	headerSignature         = "X-Webhook-Signature"
	headerPreviousSignature = "X-Webhook-Signature-Previous"
	headerID                = "X-Webhook-Id"

	// The Standard Webhooks form of the same.
	headerStandardID        = "webhook-id"
	headerStandardTimestamp = "webhook-timestamp"
	headerStandardSignature = "webhook-signature"

	userAgent   = "CubeConnect-Webhook/1.0"
	contentType = "application/json"

	// timestampLayout is ISO 8601 with the offset in digits, also for UTC.
	timestampLayout = "2006-01-02T15:04:05-07:00"
)

// ForbiddenHeader reports whether an endpoint can't add a header of this name: because the program sets it,
// because it belongs to the connection or to the form of the body, or because it is no header name. Case
// makes no difference.
func ForbiddenHeader(name string) bool {
	if !isToken(name) {
		return true
	}
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "x-webhook-") || strings.HasPrefix(name, "webhook-") || strings.HasPrefix(name, "proxy-") {
		return true
	}
	switch name {
	case "user-agent", "content-type", "accept":
		return true
	case "host", "content-length", "content-encoding", "expect":
		return true
	case "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings":
		return true
	case "idempotency-key", "x-idempotency-key":
		return true // net/http takes them as leave to send the request a second time within an attempt
	}
	return false
}

// ValidHeaderValue reports whether a header can have this value.
func ValidHeaderValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func isToken(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return name != ""
}

// Header returns the header of an attempt made at an instant, each name spelled as it is sent.
func (c *Client) Header(claim *webhook.Claim, at time.Time) http.Header {
	e := claim.Endpoint
	h := make(http.Header, 10+len(e.Headers))
	for name, value := range e.Headers {
		// Both were checked when the endpoint was saved; what got past that must not cost it its events.
		if !ForbiddenHeader(name) && ValidHeaderValue(value) {
			h.Set(name, value)
		}
	}
	values := make([]string, 0, 10)
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	s := newStamp(claim.EventID, at)
	set("User-Agent", userAgent)
	set("Content-Type", contentType)
	set("Accept", contentType)
	set(headerID, s.id)
	set(headerTimestamp, s.timestamp)
	set(headerStandardID, s.id)
	set(headerStandardTimestamp, s.unix)
	if old, ok := e.OldSecretAt(at); ok {
		c.sign(set, s, claim.Body, e.Secret, old)
	} else {
		c.sign(set, s, claim.Body, e.Secret)
	}
	return h
}

// stamp is what a signature covers beside the body. Both forms of the time are the same instant.
type stamp struct {
	id        string // the event's
	timestamp string // ISO 8601
	unix      string // seconds
}

func newStamp(id webhook.ID, at time.Time) stamp {
	return stamp{id: id.String(), timestamp: at.UTC().Format(timestampLayout), unix: strconv.FormatInt(at.Unix(), 10)}
}
