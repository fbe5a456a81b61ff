package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// Failure is what a client is told of an error. As an error of its own it says what no error of package
// webhook says.
type Failure struct {
	Status     int               `json:"-"`
	Code       string            `json:"code"`
	Message    string            `json:"message"`
	Details    any               `json:"details,omitempty"`
	RetryAfter time.Duration     `json:"-"` // 0: the client is not told when to come back
	Header     map[string]string `json:"-"` // further headers of the answer
}

func (f Failure) Error() string { return f.Code + ": " + f.Message }

// The codes of a [Failure].
const (
	CodeAuthenticationRequired = "AUTHENTICATION_REQUIRED"
	CodeInvalidAPIKey          = "INVALID_API_KEY"
	CodeForbidden              = "FORBIDDEN"
	CodeNotFound               = "NOT_FOUND"
	CodeMethodNotAllowed       = "METHOD_NOT_ALLOWED"
	CodeConflict               = "CONFLICT"
	CodeValidation             = "VALIDATION_ERROR"
	CodeRateLimited            = "RATE_LIMIT_EXCEEDED"
	CodeInternal               = "INTERNAL_ERROR"
	CodeDegraded               = "SERVICE_DEGRADED"
)

// Forbidden says that a known client may not do this.
func Forbidden(message string) Failure {
	return Failure{Status: http.StatusForbidden, Code: CodeForbidden, Message: message}
}

// Unauthenticated says that a client is not known, with [CodeAuthenticationRequired] or
// [CodeInvalidAPIKey].
func Unauthenticated(code, message string) Failure {
	return Failure{Status: http.StatusUnauthorized, Code: code, Message: message, Header: map[string]string{"WWW-Authenticate": `Bearer realm="cubeconnect"`}}
}

// RateLimited says that a client has to wait.
func RateLimited(message string, wait time.Duration) Failure {
	return Failure{Status: http.StatusTooManyRequests, Code: CodeRateLimited, Message: message, RetryAfter: wait}
}

// Degraded says that the installation can't do this now.
func Degraded(message string, details any) Failure {
	return Failure{Status: http.StatusServiceUnavailable, Code: CodeDegraded, Message: message, Details: details}
}

// Status is the one table from errors to what a client is told.
func Status(err error) Failure {
	var (
		failure Failure
		fields  webhook.FieldErrors
		tooBig  *http.MaxBytesError
	)
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.As(err, &tooBig):
		return invalid(http.StatusRequestEntityTooLarge, webhook.FieldErrors{"body": {fmt.Sprintf("is larger than %d bytes", tooBig.Limit)}})
	case errors.As(err, &fields):
		return invalid(http.StatusUnprocessableEntity, fields)
	case errors.Is(err, webhook.ErrInvalid):
		return Failure{Status: http.StatusUnprocessableEntity, Code: CodeValidation, Message: words(err, webhook.ErrInvalid)}
	case errors.Is(err, webhook.ErrNotFound):
		return Failure{Status: http.StatusNotFound, Code: CodeNotFound, Message: "There is nothing at this address."}
	case errors.Is(err, webhook.ErrConflict):
		return Failure{Status: http.StatusConflict, Code: CodeConflict, Message: words(err, webhook.ErrConflict)}
	case errors.Is(err, webhook.ErrFull):
		return Degraded("There is no space left to store anything.", nil)
	case errors.Is(err, webhook.ErrClosed):
		return Degraded("The service is stopping.", nil)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Degraded("The request was not finished in time.", nil)
	}
	return Failure{Status: http.StatusInternalServerError, Code: CodeInternal, Message: "Something went wrong on this side; its log says what."}
}

func invalid(status int, fields webhook.FieldErrors) Failure {
	return Failure{Status: status, Code: CodeValidation, Message: "The request is not valid: " + fields.Error() + ".", Details: fields}
}

// words returns what an error says beside its kind.
func words(err, kind error) string {
	text := strings.TrimSuffix(err.Error(), ": "+kind.Error())
	text = strings.TrimPrefix(text, kind.Error()+": ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// WriteFailure answers with {"success":false,"error":...}.
func WriteFailure(w http.ResponseWriter, _ *http.Request, f Failure) {
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	if f.RetryAfter > 0 {
		seconds := (f.RetryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	body := struct {
		Success bool    `json:"success"`
		Error   Failure `json:"error"`
	}{Error: f}
	if err := write(w, f.Status, body); err != nil {
		// Only details that can't be encoded get here.
		body.Error.Details = nil
		_ = write(w, f.Status, body)
	}
}
