package webhook_test

import (
	"encoding/json"
	"testing"
	"time"

	"cubeconnect/webhook"
)

const day = 24 * time.Hour

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		form string // how it is written; empty: as it was read
	}{
		{"0s", 0, ""}, {"0", 0, "0s"}, {"0d", 0, "0s"},
		{"10s", 10 * time.Second, ""}, {"90s", 90 * time.Second, "1m30s"}, {"250ms", 250 * time.Millisecond, ""}, {"1.5s", 1500 * time.Millisecond, ""},
		{"4m", 4 * time.Minute, ""}, {"20m", 20 * time.Minute, ""}, {"1h", time.Hour, ""}, {"10h", 10 * time.Hour, ""}, {"1h30m", 90 * time.Minute, ""},
		{"1h0m5s", time.Hour + 5*time.Second, ""}, {"24h", day, ""}, {"1d", day, "24h"}, {"120h", 5 * day, ""}, {"144h", 6 * day, "6d"},
		{"9d", 9 * day, ""}, {"30d", 30 * day, ""}, {"1d12h", 36 * time.Hour, "36h"}, {"7d1h", 7*day + time.Hour, "169h"}, {"36500d", 36500 * day, ""},
		{"-5s", -5 * time.Second, ""},
	} {
		d, err := webhook.ParseDuration(tt.text)
		if err != nil || d.Std() != tt.want {
			t.Errorf("%q is read as %s (%v)", tt.text, d.Std(), err)
			continue
		}
		form := tt.form
		if form == "" {
			form = tt.text
		}
		if d.String() != form {
			t.Errorf("%q is written as %q, want %q", tt.text, d, form)
		}
		if back, err := webhook.ParseDuration(d.String()); err != nil || back != d {
			t.Errorf("%q is written as %q and read as %s (%v)", tt.text, d, back.Std(), err)
		}
	}
}

func TestDurationRefuses(t *testing.T) {
	for _, s := range []string{"", " ", "d", "10", "ten", "1d2d", "1.5d", "-1d", "1w", "36501d", "99999999999d", "36500d2540400h", "10s ", "1d "} {
		if d, err := webhook.ParseDuration(s); err == nil {
			t.Errorf("%q is read as %s", s, d)
		}
	}
}

func TestDurationJSON(t *testing.T) {
	for text, want := range map[string]time.Duration{`"10s"`: 10 * time.Second, `"9d"`: 9 * day, `5`: 5 * time.Second, `0.25`: 250 * time.Millisecond} {
		var d webhook.Duration
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.Std() != want {
			t.Errorf("%s is read as %s (%v)", text, d.Std(), err)
		}
	}
	for _, text := range []string{`"x"`, `[]`, `true`, `{}`} {
		var d webhook.Duration
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s is read as %s", text, d)
		}
	}
	if b, err := json.Marshal(webhook.Schedule{webhook.Duration(time.Second), webhook.Duration(9 * day)}); err != nil || string(b) != `["1s","9d"]` {
		t.Errorf("a schedule is written as %s (%v)", b, err)
	}
}

func TestScheduleNext(t *testing.T) {
	s := webhook.Schedule{webhook.Duration(10 * time.Second), 0, webhook.Duration(2 * time.Hour)}
	for _, tt := range []struct {
		name       string
		attempt    int
		retryAfter time.Duration
		least      time.Duration
		most       time.Duration
		left       bool
	}{
		{"first", 1, 0, 10 * time.Second, 11 * time.Second, true},
		{"at once", 2, 0, 0, 0, true},
		{"last", 3, 0, 2 * time.Hour, 132 * time.Minute, true},
		{"none left", 4, 0, 0, 0, false},
		{"none left, though asked for", 4, time.Minute, 0, 0, false},
		{"before the first", 0, 0, 0, 0, false},
		{"sooner than planned", 1, time.Second, 10 * time.Second, 11 * time.Second, true},
		{"later than planned", 1, time.Minute, time.Minute, time.Minute, true},
		{"after no wait", 2, time.Minute, time.Minute, time.Minute, true},
		{"too late", 1, 48 * time.Hour, webhook.MaxRetryAfter, webhook.MaxRetryAfter, true},
		{"less than the plan's", 3, 48 * time.Hour, 2 * time.Hour, 132 * time.Minute, true},
		{"in the past", 1, -time.Minute, 10 * time.Second, 11 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for range 500 {
				wait, ok := s.Next(tt.attempt, tt.retryAfter)
				if ok != tt.left || wait < tt.least || wait > tt.most {
					t.Fatalf("got %s, %t", wait, ok)
				}
				seen[wait] = true
			}
			if (tt.most > tt.least) != (len(seen) > 100) {
				t.Errorf("500 waits are of %d lengths", len(seen))
			}
		})
	}
}

func TestScheduleValidate(t *testing.T) {
	for name, tt := range map[string]struct {
		s  webhook.Schedule
		ok bool
	}{
		"nil":      {nil, true},
		"none":     {webhook.Schedule{}, true},
		"longest":  {webhook.Schedule{webhook.Duration(webhook.MaxRetryWait)}, true},
		"most":     {make(webhook.Schedule, webhook.MaxRetries), true},
		"too long": {webhook.Schedule{webhook.Duration(webhook.MaxRetryWait) + 1}, false},
		"negative": {webhook.Schedule{-1}, false},
		"too many": {make(webhook.Schedule, webhook.MaxRetries+1), false},
	} {
		if err := tt.s.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
