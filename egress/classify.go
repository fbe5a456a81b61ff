package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"cubeconnect/webhook"
)

// classify says in one word why no answer came. What the error says in full goes nowhere: it may name an
// address.
func classify(err error) webhook.ErrorClass {
	switch {
	case isRefusal(err):
		return webhook.ErrorBlocked
	case errors.Is(err, errDeadline), errors.Is(err, context.DeadlineExceeded):
		return webhook.ErrorTimeout
	case isDNS(err):
		return webhook.ErrorDNS // a name server's timeout is the name's fault, not the endpoint's
	case isTLS(err):
		return webhook.ErrorTLS
	case isTimeout(err):
		return webhook.ErrorTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return webhook.ErrorRefused
	case isReset(err):
		return webhook.ErrorReset
	default:
		return webhook.ErrorOther
	}
}

func isDNS(err error) bool {
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	// An alert of the other side and most of what crypto/tls finds wrong itself have no exported form.
	return errors.Is(err, http.ErrSchemeMismatch) || strings.HasPrefix(innermost(err).Error(), "tls: ")
}

// streamError has the shape of HTTP/2's stream error, for [errors.As], which net/http supports for types of
// that shape.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "stream reset" }

func isReset(err error) bool {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	if _, ok := errors.AsType[streamError](err); ok {
		return true
	}
	// The rest of the ways in which a connection ends have no exported form.
	text := innermost(err).Error()
	return strings.Contains(text, "server closed idle connection") || strings.Contains(text, "client connection lost") ||
		strings.Contains(text, "server sent GOAWAY")
}

func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
