package webhook

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Duration is a [time.Duration] written as "10s", "4m", "24h", "9d" or a sum of such parts ("1h30m").
type Duration time.Duration

// ParseDuration reads what [time.ParseDuration] reads, and whole days ("30d"), alone or in front: 36,500 days at most.
func ParseDuration(s string) (Duration, error) {
	const most = 36500 * 24 * time.Hour
	var days time.Duration
	rest := s
	if i := strings.IndexByte(s, 'd'); i > 0 {
		n, err := strconv.ParseInt(s[:i], 10, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 10s, 5m, 24h or 30d", s)
		}
		if n > int64(most/(24*time.Hour)) || n < 0 {
			return 0, fmt.Errorf("%q is out of range", s)
		}
		days, rest = time.Duration(n)*24*time.Hour, s[i+1:]
	}
	if rest == "" && s != "" {
		return Duration(days), nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 10s, 5m, 24h or 30d", s)
	}
	if d > most-days {
		return 0, fmt.Errorf("%q is out of range", s)
	}
	return Duration(days + d), nil
}

// String writes whole days as "9d" when that is shortest, and no zero parts.
func (d Duration) String() string {
	t := time.Duration(d)
	if t == 0 {
		return "0s"
	}
	if day := 24 * time.Hour; t%day == 0 && t > 5*day {
		return strconv.FormatInt(int64(t/day), 10) + "d"
	}
	s := t.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Std returns the standard library's form.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDuration(string(b))
	return err
}

// UnmarshalJSON reads a string, or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var seconds float64
	if json.Unmarshal(b, &seconds) == nil {
		*d = Duration(seconds * float64(time.Second))
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s is not a duration such as \"10s\"", b)
	}
	return d.UnmarshalText([]byte(s))
}

// Schedule is the waits before retry 1, 2, 3 and so on. An empty one means a single attempt.
type Schedule []Duration

// Limits of a schedule that an endpoint may ask for.
const (
	MaxRetries   = 50
	MaxRetryWait = 7 * 24 * time.Hour
	// MaxRetryAfter bounds what an endpoint's own Retry-After can ask for.
	MaxRetryAfter = time.Hour
)

// Next returns the wait after attempt number n (counted from 1), and false if there is none left. The
// wait is the schedule's plus at most a tenth of it, so that deliveries that failed together don't all
// come back together; retryAfter, what the endpoint asked for, moves it later, up to [MaxRetryAfter].
func (s Schedule) Next(n int, retryAfter time.Duration) (time.Duration, bool) {
	if n < 1 || n > len(s) {
		return 0, false
	}
	wait := time.Duration(s[n-1])
	if wait > 0 {
		wait += rand.N(wait/10 + 1)
	}
	return max(wait, min(retryAfter, MaxRetryAfter)), true
}

// Validate reports what makes the schedule impossible.
func (s Schedule) Validate() error {
	if len(s) > MaxRetries {
		return fmt.Errorf("%d retries are more than %d", len(s), MaxRetries)
	}
	for _, wait := range s {
		if wait < 0 || time.Duration(wait) > MaxRetryWait {
			return fmt.Errorf("%s is not between 0s and %s", wait, Duration(MaxRetryWait))
		}
	}
	return nil
}
