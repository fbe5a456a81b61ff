package past

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// step is one thing that somebody does at a time.
type step struct {
	at time.Time
	do func(context.Context, *stage) error
}

// play gathers the steps of the past.
type play struct {
	now       time.Time
	r         *rand.Rand
	endpoints *Endpoints
	steps     []step
}

// script returns the steps in the order of their times.
func script(now time.Time, e *Endpoints) []step {
	p := &play{now: now, r: rand.New(rand.NewPCG(seed, 0)), endpoints: e}
	p.setUp()
	p.administer()
	p.report()
	p.intrude()
	for i := range tenants {
		p.talk(&tenants[i])
		p.campaigns(&tenants[i])
	}
	slices.SortStableFunc(p.steps, func(a, b step) int { return a.at.Compare(b.at) })
	return p.steps
}

// before adds a step so long before the end. One that would come too late is left out.
func (p *play) before(left time.Duration, do func(context.Context, *stage) error) {
	p.at(p.now.Add(-left), do)
}

func (p *play) at(at time.Time, do func(context.Context, *stage) error) {
	if at.Before(p.now.Add(-margin)) {
		p.steps = append(p.steps, step{at, do})
	}
}

// between draws a time.
func (p *play) between(least, most time.Duration) time.Duration {
	return least + time.Duration(p.r.Int64N(int64(most-least)))
}
