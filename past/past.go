// Package past fills a data folder with a week that lies behind: tenants, their WhatsApp accounts and
// endpoints, what Meta posted for them, and what became of it on its way.
//
// It plays Meta, the administrators and the endpoints, by a clock that it moves itself, around an appliance
// that doesn't know: every POST is signed and comes in by HTTP, everything is set up and replayed through the
// admin API, and every delivery goes through the queue. Nothing is written behind the store's back. A week
// that ends at the same time is the same each time, but for ids and secrets.
package past

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cubeconnect/app"
	"cubeconnect/config"
)

// Week is how far back the past goes.
const Week = 7 * 24 * time.Hour

// Options say where and how the past is to be.
type Options struct {
	Config    *config.Config // of the appliance that goes on with it; it has an admin key and an app secret
	Endpoints *Endpoints
	Until     time.Time // when the past ends; zero: now
}

// Fill plays the past into the configuration's data folder, which no other appliance has open, and says how
// many webhooks that took.
func Fill(ctx context.Context, o Options) (posts int, err error) {
	now := o.Until
	if now.IsZero() {
		now = time.Now()
	}
	o.Endpoints.begin(now)
	clock := &clock{at: now.Add(-Week)}
	c := *o.Config
	c.Public.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	c.Delivery.Concurrency = 1 // one thing after the other, or no two pasts would be the same
	a, err := app.New(app.Options{
		Config: &c, Log: slog.New(slog.DiscardHandler), Version: app.ReadVersion(),
		Motion: &app.FastMotion{Now: clock.now, Sender: &player{clock, o.Endpoints}},
	})
	if err != nil {
		return 0, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		err := a.Run(running)
		stop() // nothing waits for an appliance that gave up
		ended <- err
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	s := newStage(a, &c, clock)
	for _, step := range script(now, o.Endpoints) {
		if err := s.wait(running, step.at); err != nil {
			return 0, err
		}
		if err := step.do(running, s); err != nil {
			return 0, fmt.Errorf("the past at %s: %w", step.at.Format(time.RFC3339), err)
		}
	}
	return s.posts, s.wait(running, now.Add(-margin))
}

// margin is what is left of the past when it has been played, for attempts that take longer than expected:
// nothing may lie in the future.
const margin = 15 * time.Second
