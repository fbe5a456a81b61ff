package egress

import (
	"net/http"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// retryAfter returns the wait that an answer asks for, at most [webhook.MaxRetryAfter], and 0 where it asks
// for none: only 429 and 503 can.
func retryAfter(status int, value string, now time.Time) time.Duration {
	if value == "" || status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	return parseRetryAfter(value, now)
}

// parseRetryAfter reads whole seconds or an HTTP date. What is neither asks for nothing.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, ok := parseSeconds(value); ok {
		return seconds
	}
	at, err := http.ParseTime(value)
	if err != nil || !at.After(now) {
		return 0
	}
	return min(at.Sub(now), webhook.MaxRetryAfter)
}

// parseSeconds stops at the cap, so that no number is too long for it.
func parseSeconds(digits string) (wait time.Duration, ok bool) {
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		wait = min(wait*10+time.Duration(d)*time.Second, webhook.MaxRetryAfter)
	}
	return wait, digits != ""
}
