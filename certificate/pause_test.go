package certificate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

func TestPause(t *testing.T) {
	problem := func(kind string, status int, header ...string) *acme.Error {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &acme.Error{ProblemType: "urn:ietf:params:acme:error:" + kind, StatusCode: status, Header: h}
	}
	proof := func(kind string) error {
		return fmt.Errorf("prove the domain: %w", &acme.AuthorizationError{Errors: []error{problem(kind, 400)}})
	}
	for name, tc := range map[string]struct {
		err     error
		ordered bool
		want    []time.Duration // after one failure, two ...
		hint    string
	}{
		"out of reach":          {errors.New("connection refused"), false, []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second}, ""},
		"ill":                   {problem("serverInternal", 500), false, []time.Duration{10 * time.Second, 20 * time.Second}, ""},
		"gone while it proved":  {context.DeadlineExceeded, true, []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, time.Hour}, ""},
		"ill while it proved":   {problem("serverInternal", 500), true, []time.Duration{15 * time.Minute}, ""},
		"another server":        {proof("unauthorized"), true, []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, time.Hour}, "port 443"},
		"no server":             {proof("connection"), true, []time.Duration{15 * time.Minute}, "port 443"},
		"no such name":          {proof("dns"), true, []time.Duration{15 * time.Minute}, "A and AAAA"},
		"forbidden by CAA":      {fmt.Errorf("order: %w", problem("caa", 403)), false, []time.Duration{15 * time.Minute}, "CAA"},
		"not for this name":     {fmt.Errorf("order: %w", problem("rejectedIdentifier", 400)), false, []time.Duration{15 * time.Minute}, "public.tls.domains"},
		"account refused":       {fmt.Errorf("register: %w", problem("invalidContact", 400)), false, []time.Duration{15 * time.Minute, 30 * time.Minute}, ""},
		"limited":               {fmt.Errorf("order: %w", problem("rateLimited", 429)), false, []time.Duration{15 * time.Minute, 15 * time.Minute}, "limit"},
		"limited for two hours": {fmt.Errorf("order: %w", problem("rateLimited", 429, "Retry-After", "7200")), false, []time.Duration{2 * time.Hour}, "limit"},
		"limited for a month":   {problem("rateLimited", 429, "Retry-After", "2592000"), false, []time.Duration{24 * time.Hour}, "limit"},
	} {
		for i, want := range tc.want {
			if got := pause(tc.err, tc.ordered, i+1); got != want {
				t.Errorf("%s: %v after %d failures, want %v", name, got, i+1, want)
			}
		}
		if got := hintOf(tc.err); (got == "") != (tc.hint == "") || !strings.Contains(got, tc.hint) {
			t.Errorf("%s: hint %q", name, got)
		}
	}
	if got := pause(errors.New("connection refused"), false, 1000); got != 15*time.Minute {
		t.Errorf("%v after 1000 failures", got)
	}
}
