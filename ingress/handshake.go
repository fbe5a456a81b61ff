package ingress

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"unicode"
	"unicode/utf8"
)

// maxChallenge bounds what is reflected. Meta's own is a number or a short random string.
const maxChallenge = 1024

// Handshake answers the GET by which Meta makes sure that the callback URL is ours: 200 with the
// challenge as it came if the verify token is right, 403 if it isn't, 400 if the request is no
// handshake (https://developers.facebook.com/docs/graph-api/webhooks/getting-started).
func (h *Handler) Handshake(w http.ResponseWriter, r *http.Request) {
	s := h.settings.Load()
	query, err := url.ParseQuery(r.URL.RawQuery)
	mode, token, challenge := query.Get("hub.mode"), query.Get("hub.verify_token"), query.Get("hub.challenge")
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "the query string is malformed")
	case mode == "" || token == "" || challenge == "":
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "hub.mode, hub.verify_token and hub.challenge are required")
	case mode != "subscribe" || !s.knowsToken(token):
		h.handshakes.do(h.now(), func(suppressed int) {
			h.log.Warn("handshake refused", "remote", remoteAddr(r, s.trusted),
				"configured", s.verifyToken != nil, "suppressed", suppressed)
		})
		refuse(w, http.StatusForbidden, "FORBIDDEN", "the verify token is not the configured one")
	case !reflectable(challenge):
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "hub.challenge is too long or has control characters")
	default:
		h.activity.CountHandshake()
		h.log.Info("handshake answered", "remote", remoteAddr(r, s.trusted))
		header := w.Header()
		header.Set("Content-Type", "text/plain")
		header.Set("X-Content-Type-Options", "nosniff") // a browser must not take the challenge for a page
		header.Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(challenge)) // nobody is left to tell
	}
}

// knowsToken compares digests, so that neither content nor length shows in the time it takes.
func (s *settings) knowsToken(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return s.verifyToken != nil && subtle.ConstantTimeCompare(sum[:], s.verifyToken) == 1
}

func reflectable(challenge string) bool {
	if len(challenge) > maxChallenge || !utf8.ValidString(challenge) {
		return false
	}
	for _, r := range challenge {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
