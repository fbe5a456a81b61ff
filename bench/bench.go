package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// bench runs the scenarios and gathers their figures.
type bench struct {
	length   time.Duration // of a run
	repeat   int
	only     []string
	fill     int64         // bytes
	pending  int64         // deliveries
	patience time.Duration // that is left, see [bench.undisturbed]
	profiles string        // folder for CPU profiles; "": none

	probe func() (stolen float64, err error)

	work    string // folder
	binary  string
	device  device
	round   int
	results map[string][]sample // by scenario
	again   int                 // how many steps were done again
	notes   []string
	faults  []string
	checked struct{ runs, events int64 }
}

// sample is what a scenario showed in one round.
type sample struct {
	round int
	figures
}

func (b *bench) wants(section, scenario string) bool {
	return b.only == nil || slices.Contains(b.only, section) || slices.Contains(b.only, scenario)
}

// run runs all that is wanted in a folder below dir, which it removes in the end.
func (b *bench) run(ctx context.Context, dir string) error {
	work, err := os.MkdirTemp(dir, "bench-")
	if err != nil {
		return err
	}
	err = b.runIn(ctx, work)
	if ctx.Err() != nil {
		err = errors.New("interrupted") // whatever broke off by that
	}
	return errors.Join(err, os.RemoveAll(work))
}

func (b *bench) runIn(ctx context.Context, work string) (err error) {
	if b.work, err = filepath.Abs(work); err != nil {
		return err
	}
	if b.device, err = deviceOf(b.work); err != nil {
		return err
	}
	b.binary = filepath.Join(b.work, "cubeconnect")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", b.binary, ".")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build the program: %w", err)
	}
	for _, section := range []func(context.Context) error{b.speed, b.flat, b.fairness, b.backup, b.retention} {
		if err := section(ctx); err != nil {
			return err
		}
	}
	return nil
}

// rounds runs steps one after the other, and all of them again for each round. Machines change their pace
// from minute to minute: what is compared runs within one round.
func (b *bench) rounds(ctx context.Context, section string, steps []step) error {
	for b.round = range b.repeat {
		for _, s := range steps {
			if !b.wants(section, s.name) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := b.undisturbed(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

type step struct {
	name string
	run  func(context.Context) error
}

// add notes what a scenario showed.
func (b *bench) add(scenario string, x figures) {
	b.results[scenario] = append(b.results[scenario], sample{b.round, x})
	fmt.Printf("%-16s round %d: %s accepted/s, %s delivered/s, p99 %s ms accepted, %s ms delivered, ready after %s ms; %s %% stolen\n", scenario, b.round+1,
		number3(x[accepted]), number3(x[delivered]), number3(x[accept99]), number3(x[endToEnd99]), number3(x[ready]), number3(x[stolen]))
}

// latest is what a scenario showed last.
func (b *bench) latest(scenario string) figures {
	all := b.results[scenario]
	return all[len(all)-1].figures
}

// note keeps a sentence for the results.
func (b *bench) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	b.notes = append(b.notes, s)
	fmt.Println(s)
}

// fault notes what must not have happened.
func (b *bench) fault(scenario, format string, args ...any) {
	s := fmt.Sprintf("%s, round %d: ", scenario, b.round+1) + fmt.Sprintf(format, args...)
	b.faults = append(b.faults, s)
	fmt.Println("FAULT:", s)
}

// check says what went wrong with a flight that has settled.
func (b *bench) check(scenario string, f *flight) {
	b.checked.runs++
	b.checked.events += f.due.Load()
	if wrong := f.wrong(); wrong != "" {
		b.fault(scenario, "%s", wrong)
	}
}

// trial is one run: a load on a process.
type trial struct {
	scenario  string
	process   *process
	numbers   []number
	length    time.Duration
	rate      int         // per second at most
	receivers []*receiver // none: nothing is delivered
	unordered bool        // the process keeps no order
	shared    bool        // the process has other work too: what it uses isn't this load's alone
	load      load
}

// load posts the messages of a flight to a process.
type load func(ctx context.Context, f *flight, p *process, length time.Duration) error

// measure runs a trial and reads what it cost. What it finds wrong is a fault; an error means that there is
// nothing to go on with.
func (b *bench) measure(ctx context.Context, t trial) (figures, error) {
	syscall.Sync() // what others have yet to write isn't this run's
	before, err := t.process.usage(b.device)
	if err != nil {
		return figures{}, err
	}
	conversations := int64(max(1000, 10*len(t.numbers)))
	due := int64(float64(t.rate) * t.length.Seconds())
	f := newFlight(t.numbers, conversations, due+due/4+2*conversations) // no two connections send as many
	f.unordered = t.unordered
	for _, r := range t.receivers {
		r.flight.Store(f)
	}
	memory := t.process.watch()
	quiet, err := readClock()
	if err != nil {
		return figures{}, err
	}
	f.begun = time.Now()
	watched := f.watch()
	loadErr := t.load(ctx, f, t.process, t.length)
	sending := f.since()
	if t.receivers != nil {
		f.settle(ctx)
	}
	now, clockErr := readClock()
	slowed, watchErr := watched()
	clockErr = errors.Join(clockErr, watchErr)
	// What the process puts off, such as moving its log into its file, belongs to this load too. And if
	// something is delivered twice, it still comes in.
	pause(ctx, 2*time.Second)
	most, err := memory()
	after, usageErr := t.process.usage(b.device)
	if err := errors.Join(ctx.Err(), err, usageErr, clockErr); err != nil {
		return figures{}, errors.Join(err, loadErr)
	}
	if loadErr != nil {
		b.fault(t.scenario, "%v", loadErr)
	}
	x := nothing()
	x[stolen], x[slow] = now.since(quiet), slowed
	left := f.leaveOut()
	if t.rate < closedRate { // a closed loop that is held up does less too, so that it can't stand
		x[counted] = left
	}
	n := float64(f.sent.Load())
	x[accepted] = n / sending.Seconds()
	x[accept50], x[accept99], x[accept999] = f.quantiles(f.accepted)
	if t.receivers != nil {
		b.check(t.scenario, f)
		x[delivered] = float64(f.got.Load()) / max(sending, time.Duration(f.lastAt.Load())).Seconds()
		x[endToEnd50], x[endToEnd99], _ = f.quantiles(f.arrived)
	}
	if !t.shared {
		x[cpu] = (after.cpu - before.cpu).Seconds() / n * 1000
		x[written] = float64(after.written-before.written) / n / 1000
	}
	x[anon], x[peak] = float64(most)/1e6, float64(after.peak)/1e6
	return x, nil
}

// pause waits, but not when there is nothing to wait for any more.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
