package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxStolen is how much of the machine's time others may have had during a run, in percent: on a virtual
// machine the hypervisor gives it to its other guests. At 2,000/s the slowest one per cent takes twice as
// long where 4 % are gone, and a hundred times as long where 40 % are.
const maxStolen = 3

// clock is the time that all processors have had since the machine started, and how much of it was stolen. It
// is counted in ticks.
type clock struct{ stolen, all int64 }

func readClock() (c clock, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return c, err
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return c, fmt.Errorf("/proc/stat begins with %q, want the times of all processors", line)
	}
	for i, s := range fields[1:9] { // what follows is in them
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return c, fmt.Errorf("/proc/stat: %w", err)
		}
		c.all += n
		if i == 7 {
			c.stolen = n
		}
	}
	return c, nil
}

// since is how much was stolen after an earlier reading, in percent.
func (c clock) since(before clock) float64 {
	return 100 * float64(c.stolen-before.stolen) / float64(max(1, c.all-before.all))
}

// glance is how often a run looks whether time was stolen, and how long what that did may last.
const glance = 100 * time.Millisecond

// span is a part of a run, by the time since it began.
type span struct{ from, to int64 }

// watch notes when time is stolen, until it is told to stop.
func (f *flight) watch() (stop func() error) {
	end, done := make(chan struct{}), make(chan error, 1)
	go func() {
		ticker := time.NewTicker(glance)
		defer ticker.Stop()
		last, err := readClock()
		for lastAt := int64(0); err == nil; {
			select {
			case <-end:
				done <- nil
				return
			case <-ticker.C:
			}
			var now clock
			now, err = readClock()
			at := int64(f.since())
			if now.stolen > last.stolen {
				f.disturbed = append(f.disturbed, span{lastAt, at + int64(glance)})
			}
			last, lastAt = now, at
		}
		done <- err
	}()
	return func() error {
		close(end)
		return <-done
	}
}

// minCounted is how much of an open loop must have been left alone for its latencies to be those of that part, in
// percent.
const minCounted = 50

// leaveOut makes latencies those of the messages that were due while nothing was stolen, and returns how many
// these are of all, in percent. Where they are too few all count.
func (f *flight) leaveOut() (counted float64) {
	n, all := 0, 0
	for i := range f.accepted {
		if f.accepted[i] > 0 {
			all++
			if !f.wasDisturbed(f.meant[i]) {
				n++
			}
		}
	}
	if 100*n < minCounted*all || all == 0 {
		f.disturbed = nil
		return 100
	}
	return 100 * float64(n) / float64(all)
}

func (f *flight) wasDisturbed(at int64) bool {
	i := sort.Search(len(f.disturbed), func(i int) bool { return f.disturbed[i].to > at })
	return i < len(f.disturbed) && f.disturbed[i].from <= at
}

// undisturbed runs a step when the machine is left alone, and again if it was not meanwhile, as long as there is
// patience. An open loop that was left alone for the better part counts, by that part. What a run showed that is done again is dropped; what it did wrong is not.
func (b *bench) undisturbed(ctx context.Context, s step) error {
	for {
		if err := b.awaitQuiet(ctx); err != nil {
			return err
		}
		begun, notes := time.Now(), len(b.notes)
		before := map[string]int{}
		for scenario, samples := range b.results {
			before[scenario] = len(samples)
		}
		if err := s.run(ctx); err != nil {
			return err
		}
		worst := 0.0
		for scenario, samples := range b.results {
			for _, x := range samples[before[scenario]:] {
				if x.figures[stolen] > worst && !(x.figures[counted] < 100) { // NaN is neither
					worst = x.figures[stolen]
				}
			}
		}
		if worst <= maxStolen || b.patience <= 0 {
			return nil
		}
		b.patience -= time.Since(begun)
		b.again++
		fmt.Printf("%-16s round %d: again, since %.1f %% of the machine's time went to others\n", s.name, b.round+1, worst)
		for scenario, samples := range b.results {
			b.results[scenario] = samples[:before[scenario]]
		}
		b.notes = b.notes[:notes]
	}
}

// awaitQuiet returns when the machine gets all the time that it asks for, or patience is at its end.
func (b *bench) awaitQuiet(ctx context.Context) error {
	for b.patience > 0 {
		begun := time.Now()
		now, err := b.probe()
		if err != nil || now <= maxStolen {
			return err
		}
		pause(ctx, 5*time.Second)
		if err := ctx.Err(); err != nil {
			return err
		}
		b.patience -= time.Since(begun)
	}
	return nil
}

// probe asks for all of the machine's time for a second, since only who asks is refused it, and returns how much
// others had, in percent.
func probe() (float64, error) {
	before, err := readClock()
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	var busy sync.WaitGroup
	for range runtime.NumCPU() {
		busy.Go(func() {
			for time.Since(begun) < time.Second {
			}
		})
	}
	busy.Wait()
	after, err := readClock()
	return after.since(before), err
}
