package main

import "context"

// The endpoints of the fairness runs: a tenant each. Of ten, one hangs and one fails.
const endpoints = 1000

// fairness measures what endpoints that don't work, or have much to catch up with, do to the others.
func (b *bench) fairness(ctx context.Context) error {
	return b.rounds(ctx, "fairness", []step{
		{"endpoints", func(ctx context.Context) error { return b.endpoints(ctx, "healthy", false) }},
		{"endpoints", func(ctx context.Context) error { return b.endpoints(ctx, "failing", true) }},
		{"backlog", b.backlog},
	})
}

// endpoints measures 1,000 events/s over all endpoints, after a while in which all work. Then all go on
// doing so, or a tenth hangs and a tenth fails; what is delivered is that to the others.
func (b *bench) endpoints(ctx context.Context, scenario string, failing bool) error {
	receivers := make([]*receiver, endpoints)
	for i := range receivers {
		r, err := newReceiver(answers)
		if err != nil {
			return err
		}
		defer r.close()
		receivers[i] = r
	}
	return b.installed(func(a *appliance) error {
		return a.serving(ctx, func() error {
			numbers := make([]number, endpoints)
			for i, r := range receivers {
				t, err := a.tenant(r.url(), "")
				if err != nil {
					return err
				}
				numbers[i] = t.number
			}
			t := trial{scenario: "warm-up", process: a.process, numbers: numbers, length: b.length / 2, rate: 1000, receivers: receivers, load: open(1000)}
			if _, err := b.measure(ctx, t); err != nil {
				return err
			}
			for i, r := range receivers {
				switch {
				case failing && i%10 == 3:
					r.does.Store(int32(hangs))
				case failing && i%10 == 7:
					r.does.Store(int32(fails))
				}
				numbers[i].silent = behaviour(r.does.Load()) != answers
			}
			t.scenario, t.length = scenario, 3*b.length
			return b.on(ctx, a, t)
		})
	})
}

// perRound is how many requests an endpoint may have under way: what another one's next event may have to
// wait for.
const perRound = 32

// backlog measures a tenant at 500/s, first while another one's backlog lies still because its endpoint is
// disabled, then while it drains: to an endpoint that takes its time as one elsewhere does, and to one on this
// machine, which uses up all processors. The delay that this makes is counted in rounds: the time in which the
// draining endpoint gets through as many requests as it may have under way.
func (b *bench) backlog(ctx context.Context) error {
	r, err := newReceiver(answers)
	if err != nil {
		return err
	}
	defer r.close()
	late, err := newReceiver(waits)
	if err != nil {
		return err
	}
	defer late.close()
	return b.installed(func(a *appliance) error {
		var steady, other tenant
		var f *flight
		// Filling takes memory that is not what is measured here, so that is done in a start of its own.
		if err := a.serving(ctx, func() (err error) {
			if steady, err = a.tenant(r.url(), ""); err != nil {
				return err
			}
			if other, err = a.tenant(late.url(), `,"timeout":"5m"`); err != nil {
				return err
			}
			f = newFlight([]number{other.number}, max(1, b.pending/10), b.pending)
			late.flight.Store(f)
			if err := b.fillUp(ctx, a, "backlog", f, usualText, never); err != nil {
				return err
			}
			// What is under way is answered at last, everything else waits for the endpoint to be enabled.
			if err := a.call("PATCH", other.endpoint, `{"enabled":false}`, nil); err != nil {
				return err
			}
			late.goOn()
			return nil
		}); err != nil {
			return err
		}
		return a.serving(ctx, func() error {
			t := trial{scenario: "quiet", numbers: []number{steady.number}, length: b.length, rate: 500, receivers: []*receiver{r}, load: open(500)}
			if err := b.on(ctx, a, t); err != nil {
				return err
			}
			late.does.Store(int32(lingers))
			if err := a.call("PATCH", other.endpoint, `{"enabled":true}`, nil); err != nil {
				return err
			}
			t.shared = true
			for _, d := range []struct {
				neighbour, itself string
				does              behaviour
			}{{"draining", "drain", lingers}, {"rushing", "rush", answers}} {
				late.does.Store(int32(d.does))
				t.scenario = d.neighbour
				begun, before := f.since(), f.got.Load()
				if err := b.on(ctx, a, t); err != nil {
					return err
				}
				took := f.since() - begun
				if f.got.Load() == f.due.Load() {
					b.note("The backlog was drained before the run beside it had ended, so that this measured less than it should: a larger -pending helps.")
				}
				x := nothing()
				x[delivered] = float64(f.got.Load()-before) / took.Seconds()
				x[delay] = (b.latest(d.neighbour)[endToEnd99] - b.latest("quiet")[endToEnd99]) / (perRound / x[delivered] * 1000)
				b.add(d.itself, x)
			}
			f.settle(ctx)
			b.check("backlog", f)
			return ctx.Err()
		})
	})
}
