package webhook_test

import (
	"testing"
	"time"

	"cubeconnect/webhook"
)

func TestSessionLives(t *testing.T) {
	made := time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		seen, now time.Duration // since made
		live      bool
	}{
		"new":               {0, 0, true},
		"idle for a while":  {0, webhook.SessionIdle - 1, true},
		"idle":              {0, webhook.SessionIdle, false},
		"used":              {webhook.SessionIdle, 2*webhook.SessionIdle - 1, true},
		"used to the end":   {webhook.SessionLife - 1, webhook.SessionLife - 1, true},
		"used for too long": {webhook.SessionLife - 1, webhook.SessionLife, false},
		"clock set back":    {time.Hour, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := webhook.Login{Sessions: []webhook.Session{{Hash: [32]byte{1}, CreatedAt: made, SeenAt: made.Add(tt.seen)}}}
			now := made.Add(tt.now)
			if got := l.Session([32]byte{1}, now) != nil; got != tt.live {
				t.Errorf("live: %t", got)
			}
			if l.Session([32]byte{2}, now) != nil {
				t.Error("another hash finds it")
			}
			if l.Begin([32]byte{2}, now); (len(l.Sessions) == 2) != tt.live {
				t.Errorf("%d sessions after another began", len(l.Sessions))
			}
		})
	}
}
