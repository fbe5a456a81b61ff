package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The most that is accepted per second in a closed loop, in order to make room.
const closedRate = 100_000

// speed measures what the program does on its own, beside the yardsticks.
func (b *bench) speed(ctx context.Context) error {
	onEmpty := func(scenario string, l load, rate int) step {
		return step{scenario, func(ctx context.Context) error {
			return b.onEmpty(ctx, trial{scenario: scenario, length: b.length, rate: rate, load: l})
		}}
	}
	handler := step{"handler", b.handler}
	relay := step{"relay", b.relay}
	commits := step{"commits", b.commits}
	return b.rounds(ctx, "speed", []step{
		handler,
		commits, onEmpty("one", closed(1), closedRate), commits,
		relay, onEmpty("closed64", closed(64), closedRate), relay,
		onEmpty("closed256", closed(256), closedRate),
		onEmpty("open500", open(500), 500),
		onEmpty("open2000", open(2000), 2000),
		{"alone", func(ctx context.Context) error { return b.neighbour(ctx, "alone", answers) }},
		{"neighbour", func(ctx context.Context) error { return b.neighbour(ctx, "neighbour", hangs) }},
	})
}

func (b *bench) handler(ctx context.Context) error { return b.yardstick(ctx, "handler", nil) }

func (b *bench) relay(ctx context.Context) error {
	r, err := newReceiver(answers)
	if err != nil {
		return err
	}
	defer r.close()
	return b.yardstick(ctx, "relay", []*receiver{r})
}

func (b *bench) yardstick(ctx context.Context, kind string, receivers []*receiver) error {
	to := ""
	for _, r := range receivers {
		to = r.url()
	}
	p, err := startYardstick(ctx, kind, to)
	if err != nil {
		return err
	}
	x, err := b.measure(ctx, trial{
		scenario: kind, process: p, numbers: []number{{waba: "398712345600000", phone: "510000000000000"}}, length: b.length,
		rate: closedRate, receivers: receivers, unordered: true, load: closed(64),
	})
	_ = p.stop() // it ends by the signal
	if err != nil {
		return err
	}
	b.add(kind, x)
	return nil
}

func (b *bench) commits(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.work, "")
	if err != nil {
		return err
	}
	before, clockErr := readClock()
	n, err := commits(ctx, dir, b.length/2)
	after, afterErr := readClock()
	if err := errors.Join(err, clockErr, afterErr, remove(dir)); err != nil {
		return err
	}
	x := nothing()
	x[accepted], x[stolen] = n, after.since(before)
	b.add("commits", x)
	return nil
}

// onEmpty measures a load of one tenant on an appliance that has nothing in its database yet.
func (b *bench) onEmpty(ctx context.Context, t trial) error {
	r, err := newReceiver(answers)
	if err != nil {
		return err
	}
	defer r.close()
	return b.installed(func(a *appliance) error {
		return a.serving(ctx, func() error {
			measured, err := a.tenant(r.url(), "")
			if err != nil {
				return err
			}
			t.numbers, t.receivers = []number{measured.number}, []*receiver{r}
			return b.on(ctx, a, t)
		})
	})
}

// on measures a trial on an appliance that was just started.
func (b *bench) on(ctx context.Context, a *appliance, t trial) error {
	atStart, err := a.atStart()
	if err != nil {
		return err
	}
	t.process = a.process
	if b.profiles != "" {
		t.load = a.profiled(t.load, filepath.Join(b.profiles, strings.ReplaceAll(t.scenario, " ", "-")+".pprof"))
	}
	x, err := b.measure(ctx, t)
	if err != nil {
		return err
	}
	copy(x[ready:], atStart[ready:])
	b.add(t.scenario, x)
	return nil
}

// neighbour measures a tenant at 1,000/s beside one at 200/s whose endpoint answers, or hangs.
func (b *bench) neighbour(ctx context.Context, scenario string, does behaviour) error {
	r, err := newReceiver(answers)
	if err != nil {
		return err
	}
	defer r.close()
	others, err := newReceiver(does)
	if err != nil {
		return err
	}
	defer others.close()
	return b.installed(func(a *appliance) error {
		return a.serving(ctx, func() error {
			t, err := a.tenant(r.url(), "")
			if err != nil {
				return err
			}
			other, err := a.tenant(others.url(), "")
			if err != nil {
				return err
			}
			return b.on(ctx, a, trial{
				scenario: scenario, numbers: []number{t.number}, length: b.length, rate: 1000, receivers: []*receiver{r}, shared: true,
				load: beside(open(1000), open(200), other.number),
			})
		})
	})
}

// beside is a load with another one at its side, whose messages nobody follows.
func beside(l, other load, at number) load {
	at.silent = true
	return func(ctx context.Context, f *flight, to *process, length time.Duration) error {
		var wg sync.WaitGroup
		var otherErr error
		wg.Go(func() { otherErr = other(ctx, newFlight([]number{at}, 1000, int64(len(f.meant))), to, length) })
		err := l(ctx, f, to, length)
		wg.Wait()
		return errors.Join(err, otherErr)
	}
}
