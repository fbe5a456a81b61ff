package certificate

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

// The pauses after an order failed. Let's Encrypt takes five refused proofs of one domain in an hour; an
// authority that can't be reached has counted nothing.
const (
	firstRefusedPause, longestRefusedPause         = 15 * time.Minute, time.Hour
	firstUnreachablePause, longestUnreachablePause = 10 * time.Second, 15 * time.Minute
	longestAskedPause                              = 24 * time.Hour
)

// pause returns how long to wait after so many failures in a row. Ordered says that the authority had taken
// the order when it failed.
func pause(err error, ordered bool, failures int) time.Duration {
	first, longest := firstUnreachablePause, longestUnreachablePause
	e, answered := errors.AsType[*acme.Error](err)
	if answered {
		if asked, limited := acme.RateLimit(e); limited {
			return min(max(asked, firstRefusedPause), longestAskedPause)
		}
	}
	if ordered || answered && e.StatusCode < 500 {
		first, longest = firstRefusedPause, longestRefusedPause
	}
	return min(first<<min(failures-1, 10), longest)
}

// hintOf says what an operator can do about a refusal, where it is known.
func hintOf(err error) string {
	e, ok := errors.AsType[*acme.Error](err)
	if proof, is := errors.AsType[*acme.AuthorizationError](err); is && len(proof.Errors) > 0 {
		e, ok = errors.AsType[*acme.Error](proof.Errors[0])
	}
	if !ok {
		return ""
	}
	switch e.ProblemType[strings.LastIndexByte(e.ProblemType, ':')+1:] {
	case "connection", "tls", "unauthorized":
		return "the domain's A and AAAA records and its port 443 must lead to public.listen, from anywhere and with nothing in between that does TLS"
	case "dns":
		return "the domain's A and AAAA records must lead to this machine"
	case "caa":
		return "the domain's CAA record forbids this authority"
	case "rateLimited":
		return "the authority's limit is used up; it is asked again when it says so"
	case "rejectedIdentifier":
		return "the authority issues nothing for this domain: correct public.tls.domains"
	}
	return ""
}
