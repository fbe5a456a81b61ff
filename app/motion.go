package app

import (
	"context"
	"time"

	"cubeconnect/queue"
)

// FastMotion lets days pass in moments, by a clock that its owner moves: what Meta posts, retries, dead letters
// and all that is counted of them go the way that they always go. What is written is not synced to disk: it can
// be played again.
type FastMotion struct {
	Now    func() time.Time
	Sender queue.Sender // plays the endpoints, since no real one answers in fast motion
}

func (m *FastMotion) sender(real queue.Sender) queue.Sender {
	if m == nil {
		return real
	}
	return m.Sender
}

// Rest returns once everything that is due has been attempted, with the time of the next attempt; zero: none
// waits for its time.
func (a *App) Rest(ctx context.Context) (next time.Time, err error) { return a.queue.Rest(ctx) }
