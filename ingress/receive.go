package ingress

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"cubeconnect/metrics"
)

// retryAfter is what Meta is asked to wait, in seconds, when storage fails.
const retryAfter = "5"

// Receive answers a webhook. 200 is answered after the [Acceptor] has it on disk, and nothing else is
// success to Meta (https://developers.facebook.com/docs/graph-api/webhooks/getting-started): any other
// answer makes it send again for days.
//
// The server's read timeout is what ends a body that never ends.
func (h *Handler) Receive(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	outcome := h.receive(w, r)
	h.metrics.Requests.WithLabelValues(outcome).Inc()
	h.metrics.Duration.Observe(h.now().Sub(start).Seconds())
}

// receive answers and says what became of the request.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request) (outcome string) {
	s := h.settings.Load()
	if h.peer != nil {
		if err := h.peer(r.TLS); err != nil {
			return h.refusePeer(w, r, s, err)
		}
	}
	if r.ContentLength > s.maxBody {
		return h.refuseSize(w, r, s)
	}
	sum, fault := readSignature(r.Header)
	if fault == "" && len(s.appSecrets) == 0 {
		fault = signatureUnknown
	}
	if fault != "" {
		return h.refuseSignature(w, r, s, fault)
	}

	client, known := clientAddr(r, s.trusted)
	body := h.bodies.get(s.maxBody, h.strangersShares(client, known, s)...)
	defer h.bodies.put(body)
	switch err := body.read(r.Body); {
	case errors.Is(err, errTooLarge):
		return h.refuseSize(w, r, s)
	case errors.Is(err, errCrowded), errors.Is(err, errStranger):
		h.door.limited(metrics.LimitedMemory)
		return h.refuseStorage(w, r, err)
	case err != nil:
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "the body could not be read to its end")
		return metrics.InboundBadRequest
	}
	if !signed(s.appSecrets, body.data, sum) {
		return h.refuseSignature(w, r, s, signatureMismatch)
	}
	if known {
		h.door.signed(client, r.RemoteAddr)
	}
	leave, err := h.places.enter(r.Context(), len(body.data))
	if err != nil {
		return h.refuseStorage(w, r, err)
	}
	defer leave() // its items live until they are on disk

	in := h.parse(body.data, h.now())
	in.RemoteAddr = remoteAddr(r, s.trusted)
	in.Headers = keptHeaders(r.Header)
	audited, err := h.acceptor.Accept(r.Context(), &in)
	if err != nil {
		return h.refuseStorage(w, r, err)
	}
	h.log.Debug("webhook accepted", "outcome", string(audited), "items", len(in.Items), "bytes", len(in.Body))
	accept(w)
	return string(audited)
}

func (h *Handler) refusePeer(w http.ResponseWriter, r *http.Request, s *settings, why error) string {
	h.strangers.do(h.now(), func(suppressed int) {
		h.log.Warn("webhook refused: client certificate", "error", why, "remote", remoteAddr(r, s.trusted), "suppressed", suppressed)
	})
	w.Header().Set("Connection", "close") // rather than read the body
	refuse(w, http.StatusForbidden, "FORBIDDEN", "webhooks need Meta's client certificate")
	return metrics.InboundNotMeta
}

func (h *Handler) refuseSize(w http.ResponseWriter, r *http.Request, s *settings) string {
	h.oversize.do(h.now(), func(suppressed int) {
		h.log.Warn("webhook refused: body too large", "remote", remoteAddr(r, s.trusted),
			"content_length", r.ContentLength, "max_body", s.maxBody, "suppressed", suppressed)
	})
	w.Header().Set("Connection", "close") // rather than read the rest
	refuse(w, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", "the body is larger than meta.max_body")
	return metrics.InboundTooLarge
}

func (h *Handler) refuseSignature(w http.ResponseWriter, r *http.Request, s *settings, fault string) string {
	h.activity.CountUnsigned()
	h.unsigned.do(h.now(), func(suppressed int) {
		h.log.Warn("webhook refused: signature", "fault", fault, "remote", remoteAddr(r, s.trusted), "suppressed", suppressed)
	})
	refuse(w, http.StatusUnauthorized, "INVALID_SIGNATURE", signatureHeader+" does not sign this body")
	return metrics.InboundBadSignature
}

func (h *Handler) refuseStorage(w http.ResponseWriter, r *http.Request, err error) string {
	if r.Context().Err() == nil { // otherwise the client went away, and that is no trouble of ours
		h.unavailable.do(h.now(), func(suppressed int) {
			h.log.Error("webhook not accepted; Meta sends it again", "err", err, "suppressed", suppressed)
		})
	}
	w.Header().Set("Retry-After", retryAfter)
	refuse(w, http.StatusServiceUnavailable, "SERVICE_DEGRADED", "the webhook could not be stored, send it again")
	return metrics.InboundUnavailable
}

// maxKeptHeader bounds a header in the audit log.
const maxKeptHeader = 1024

// keptHeaders returns the headers that help to find out later where a webhook came from.
func keptHeaders(header http.Header) map[string]string {
	kept := make(map[string]string, 4)
	for _, name := range [...]string{"Content-Type", "User-Agent", signatureHeader, "X-Forwarded-For"} {
		if values := header[name]; len(values) > 0 {
			value := strings.Join(values, ", ")
			if value = value[:min(len(value), maxKeptHeader)]; !utf8.ValidString(value) { // which is soon said
				value = strings.ToValidUTF8(value, "\uFFFD")
			}
			kept[name] = value
		}
	}
	return kept
}
