package egress

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func TestParseRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"0": 0, "1": time.Second, " 120 ": 2 * time.Minute, "0060": time.Minute, "3600": time.Hour, "3601": time.Hour,
		"99999999999999999999999999": time.Hour, strings.Repeat("9", 10_000): time.Hour,
		"Tue, 10 Mar 2026 12:00:30 GMT":   30 * time.Second,
		"Tuesday, 10-Mar-26 12:01:00 GMT": time.Minute, // the older forms of RFC 9110
		"Tue Mar 10 12:01:00 2026":        time.Minute,
		"Tue, 10 Mar 2026 12:00:00 GMT":   0,
		"Tue, 10 Mar 2026 11:00:00 GMT":   0,
		"Wed, 11 Mar 2026 12:00:00 GMT":   time.Hour,
		"Fri, 31 Dec 9999 23:59:59 GMT":   time.Hour,
		"Mon, 01 Jan 0001 00:00:00 GMT":   0,
		"":                                0, "-1": 0, "+1": 0, "1.5": 0, "1e3": 0, "0x10": 0, "10s": 0, "soon": 0, "1 2": 0, "1, 2": 0, "١": 0,
		"2026-03-10T12:01:00Z": 0,
	} {
		if got := parseRetryAfter(value, noon); got != want {
			t.Errorf("%.40q is %s, want %s", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"120", "Tue, 10 Mar 2026 12:00:30 GMT", "", "-1", "99999999999999999999", "soon"} {
		f.Add(429, value)
	}
	f.Add(200, "120")
	f.Fuzz(func(t *testing.T, status int, value string) {
		wait := retryAfter(status, value, noon)
		if wait < 0 || wait > webhook.MaxRetryAfter {
			t.Errorf("%q asks for %s", value, wait)
		}
		if wait != 0 && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
			t.Errorf("%d asks for %s", status, wait)
		}
	})
}
