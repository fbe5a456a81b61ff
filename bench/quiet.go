package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
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

const (
	// glance is how often a run looks whether it is left alone. How much was stolen is counted in longer steps.
	glance      = 5 * time.Millisecond
	countedEach = 4
	// aftermath is how long what disturbed a run may last in it.
	aftermath = 100 * time.Millisecond
	// slowdown is how many times as long fixed work takes where a processor counts as slow. It takes up to twice as
	// long when processors are two halves of one.
	slowdown = 3
)

// reading is what a glance saw: when, whether time was stolen lately, and how much time of a processor fixed work
// took. Some hosts make processors slow, by clock or by turns, and count none of that as stolen: on such a one all
// work took five times as long for 20 to 100 ms, each second or two.
type reading struct {
	at     int64 // since the run began
	stolen bool
	took   time.Duration
}

// span is a part of a run, by the time since it began.
type span struct{ from, to int64 }

// watch notes when the run is disturbed, until it is told to stop; slow is then how often processors were, in
// percent.
func (f *flight) watch() (stop func() (slow float64, err error)) {
	end, done := make(chan struct{}), make(chan error, 1)
	var seen []reading
	go func() {
		runtime.LockOSThread() // its time is read
		defer runtime.UnlockOSThread()
		ticker := time.NewTicker(glance)
		defer ticker.Stop()
		last, err := readClock()
		for i := 0; err == nil; i++ {
			select {
			case <-end:
				done <- nil
				return
			case <-ticker.C:
			}
			r := reading{at: int64(f.since())}
			if r.took, err = timeOfFixedWork(); err == nil && i%countedEach == 0 {
				var now clock
				now, err = readClock()
				r.stolen = now.stolen > last.stolen
				last = now
			}
			seen = append(seen, r)
		}
		done <- err
	}()
	return func() (slow float64, err error) {
		close(end)
		err = <-done
		f.disturbed, slow = disturbances(seen)
		return slow, err
	}
}

// fixedWork is about 20 µs of arithmetic. What others leave in the caches makes no difference to it.
func fixedWork(x uint64) uint64 {
	for range 4000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// timeOfFixedWork is how much time of a processor it takes. That this thread has to wait for one, because of others
// of this machine, is not in it.
func timeOfFixedWork() (time.Duration, error) {
	var before, after unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &before)
	runtime.KeepAlive(fixedWork(1)) // so that the work is done
	err = errors.Join(err, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &after))
	return time.Duration(after.Nano() - before.Nano()), err
}

// disturbances are the parts of a run that readings say were disturbed, and how often processors were slow, in
// percent: twice in a row, since an interrupt makes one reading slow too.
func disturbances(seen []reading) (spans []span, slow float64) {
	if len(seen) == 0 {
		return nil, 0
	}
	took := make([]time.Duration, len(seen))
	for i, r := range seen {
		took[i] = r.took
	}
	slices.Sort(took)
	limit := slowdown * took[len(took)/10]
	n := 0
	for i, r := range seen {
		isSlow := i > 0 && r.took >= limit && seen[i-1].took >= limit
		if isSlow {
			n++
		}
		if isSlow || r.stolen {
			spans = append(spans, span{r.at - int64((countedEach+1)*glance), r.at + int64(aftermath)})
		}
	}
	return spans, 100 * float64(n) / float64(len(seen))
}

// minCounted is how much of an open loop must have been left alone for its latencies to be those of that part, in
// percent.
const minCounted = 50

// leaveOut makes latencies those of the messages that were due while nothing disturbed them, and returns how many
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
