package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// bench runs the scenarios and gathers their figures.
type bench struct {
	dir    string
	length time.Duration
	only   []string
	report strings.Builder
	binary string
}

func (b *bench) wants(name string) bool { return b.only == nil || slices.Contains(b.only, name) }

// figures are what one run showed.
type figures struct {
	accepted, delivered float64 // per second
	accept, endToEnd    []time.Duration
	cpu                 float64 // seconds per 1,000 events
	written             float64 // bytes per event
	peak                int64
	f                   *flight
}

func (b *bench) run(ctx context.Context) (err error) {
	work, err := os.MkdirTemp(b.dir, "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if work, err = filepath.Abs(work); err != nil {
		return err
	}
	b.binary = filepath.Join(work, "cubeconnect")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.binary, ".")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the program: %w", err)
	}
	b.printf("# Results\n\nMade by `make bench`: %s on %s/%s with %d cores, load generator and receiver on the same machine, runs of %s.\nEvery event of 1 KiB is signed, stored and synced before it is answered, and delivered with both signatures.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.length)
	b.printf("| run | accepted/s | delivered/s | accept p50 / p99 / p99.9 ms | end to end p50 / p99 ms | CPU s per 1,000 | KB written per event | peak MB |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	steps := []struct {
		name string
		run  func(context.Context, string) error
	}{
		{"handler", b.handler}, {"relay", b.relay}, {"commits", b.commits}, {"one", b.one}, {"closed64", b.closed64},
		{"closed256", b.closed256}, {"open500", b.open500}, {"open2000", b.open2000}, {"neighbour", b.neighbour},
	}
	for i, s := range steps {
		if !b.wants(s.name) {
			continue
		}
		dir := filepath.Join(work, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if err := s.run(ctx, dir); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) printf(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	b.report.WriteString(s)
	fmt.Print(s)
}

// measure runs a load on a target and reads what it cost.
func (b *bench) measure(ctx context.Context, t *target, capacity int, delivers bool, r *receiver, load func(*flight) error) (x figures, err error) {
	before, err := t.usage()
	if err != nil {
		return x, err
	}
	f := newFlight(capacity)
	if r != nil {
		r.flight.Store(f)
	}
	if err := load(f); err != nil {
		return x, err
	}
	sending := time.Since(f.begun)
	if delivers {
		if err := f.settle(ctx); err != nil {
			return x, err
		}
	}
	// What the process still writes of this load belongs to it.
	time.Sleep(200 * time.Millisecond)
	after, err := t.usage()
	if err != nil {
		return x, err
	}
	n := float64(f.sent.Load())
	x.f = f
	x.accepted = n / sending.Seconds()
	if delivers {
		x.delivered = n / max(sending, time.Duration(f.lastAt.Load())).Seconds()
	}
	for i, at := range f.accepted {
		if at > 0 {
			x.accept = append(x.accept, time.Duration(at-f.meant[i]))
		}
	}
	for i, at := range f.arrived {
		if at > 0 {
			x.endToEnd = append(x.endToEnd, time.Duration(at-f.meant[i]))
		}
	}
	slices.Sort(x.accept)
	slices.Sort(x.endToEnd)
	x.cpu = (after.cpu - before.cpu).Seconds() / n * 1000
	x.written = float64(after.written-before.written) / n
	x.peak = after.peak
	if f.repeats.Load()+f.disorder.Load()+f.foreign.Load() > 0 {
		return x, fmt.Errorf("%d repeats, %d out of order, %d foreign", f.repeats.Load(), f.disorder.Load(), f.foreign.Load())
	}
	return x, nil
}

func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

func (b *bench) row(name string, x figures) {
	delivered, endToEnd := "-", "-"
	if x.delivered > 0 {
		delivered = fmt.Sprintf("%.0f", x.delivered)
		endToEnd = fmt.Sprintf("%.2f / %.2f", quantile(x.endToEnd, .5), quantile(x.endToEnd, .99))
	}
	b.printf("| %s | %.0f | %s | %.2f / %.2f / %.2f | %s | %.3f | %.1f | %.0f |\n", name, x.accepted, delivered,
		quantile(x.accept, .5), quantile(x.accept, .99), quantile(x.accept, .999), endToEnd, x.cpu, x.written/1000, float64(x.peak)/1e6)
}

func (b *bench) handler(ctx context.Context, _ string) error {
	t, err := startYardstick(ctx, "handler", "")
	if err != nil {
		return err
	}
	defer t.stop()
	x, err := b.measure(ctx, t, 2_000_000, false, nil, func(f *flight) error { return f.closed(ctx, t, 64, b.length) })
	b.row("bare handler, 64 connections", x)
	return err
}

func (b *bench) relay(ctx context.Context, _ string) error {
	r, err := newReceiver(0)
	if err != nil {
		return err
	}
	defer r.l.Close()
	t, err := startYardstick(ctx, "relay", r.url())
	if err != nil {
		return err
	}
	defer t.stop()
	// A relay from memory keeps no order: that it mixes conversations up is not held against it.
	x, err := b.measure(ctx, t, 2_000_000, true, r, func(f *flight) error { return f.closed(ctx, t, 64, b.length) })
	if x.f != nil && x.f.repeats.Load()+x.f.foreign.Load() == 0 {
		err = nil
	}
	b.row("bare relay, 64 connections", x)
	return err
}

func (b *bench) commits(ctx context.Context, dir string) error {
	n, err := commits(ctx, dir, b.length/2)
	b.printf("| one bbolt commit per event | %.0f | - | - | - | - | - | - |\n", n)
	return err
}

func (b *bench) one(ctx context.Context, dir string) error {
	return b.closedRun(ctx, dir, "cubeconnect, 1 connection", 1)
}

func (b *bench) closed64(ctx context.Context, dir string) error {
	return b.closedRun(ctx, dir, "cubeconnect, 64 connections", 64)
}

func (b *bench) closed256(ctx context.Context, dir string) error {
	return b.closedRun(ctx, dir, "cubeconnect, 256 connections", 256)
}

func (b *bench) closedRun(ctx context.Context, dir, name string, connections int) error {
	r, err := newReceiver(0)
	if err != nil {
		return err
	}
	defer r.l.Close()
	t, err := startAppliance(ctx, b.binary, dir, r)
	if err != nil {
		return err
	}
	defer t.stop()
	x, err := b.measure(ctx, t, 2_000_000, true, r, func(f *flight) error { return f.closed(ctx, t, connections, b.length) })
	b.row(name, x)
	return err
}

func (b *bench) open500(ctx context.Context, dir string) error {
	return b.openRun(ctx, dir, "cubeconnect, steady 500/s", 500)
}

func (b *bench) open2000(ctx context.Context, dir string) error {
	return b.openRun(ctx, dir, "cubeconnect, steady 2,000/s", 2000)
}

func (b *bench) openRun(ctx context.Context, dir, name string, rate int) error {
	r, err := newReceiver(0)
	if err != nil {
		return err
	}
	defer r.l.Close()
	t, err := startAppliance(ctx, b.binary, dir, r)
	if err != nil {
		return err
	}
	defer t.stop()
	idle, err := t.usage()
	if err != nil {
		return err
	}
	x, err := b.measure(ctx, t, 2_000_000, true, r, func(f *flight) error { return f.open(ctx, t, 0, rate, b.length) })
	b.row(fmt.Sprintf("%s (ready after %d ms, idle %.0f MB)", name, t.ready.Milliseconds(), float64(idle.now)/1e6), x)
	return err
}

// neighbour measures one tenant at 1,000/s, alone and beside a tenant whose endpoint hangs for 10 s.
func (b *bench) neighbour(ctx context.Context, dir string) error {
	for _, hangs := range []bool{false, true} {
		sub := filepath.Join(dir, fmt.Sprint(hangs))
		if err := os.Mkdir(sub, 0o700); err != nil {
			return err
		}
		if err := b.neighbourRun(ctx, sub, hangs); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) neighbourRun(ctx context.Context, dir string, hangs bool) error {
	good, err := newReceiver(0)
	if err != nil {
		return err
	}
	defer good.l.Close()
	bad, err := newReceiver(12 * time.Second)
	if err != nil {
		return err
	}
	defer bad.l.Close()
	t, err := startAppliance(ctx, b.binary, dir, good, bad)
	if err != nil {
		return err
	}
	defer t.stop()
	name := "cubeconnect, a tenant at 1,000/s"
	done := make(chan error, 1)
	if hangs {
		name += " beside one whose endpoint hangs, at 200/s"
		other := newFlight(1_000_000)
		go func() { done <- other.open(ctx, t, 1, 200, b.length) }()
	} else {
		done <- nil
	}
	x, err := b.measure(ctx, t, 2_000_000, true, good, func(f *flight) error { return f.open(ctx, t, 0, 1000, b.length) })
	b.row(name, x)
	return errors.Join(err, <-done)
}
