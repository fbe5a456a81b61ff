package main

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// What was disturbed is measured again, and only that stands which was not, or came when patience was at its end.
func TestUndisturbed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		patience time.Duration
		before   []float64 // stolen in the seconds before a run
		during   []float64 // stolen in the runs
		counted  float64
		kept     []float64
		again    int
	}{
		{name: "left alone", patience: time.Minute, during: []float64{1}, kept: []float64{1}},
		{name: "once disturbed", patience: time.Minute, during: []float64{50, 2}, kept: []float64{2}, again: 1},
		{name: "left alone for the better part", patience: time.Minute, during: []float64{20}, counted: 60, kept: []float64{20}},
		{name: "disturbed throughout", patience: time.Minute, during: []float64{20, 1}, counted: 100, kept: []float64{1}, again: 1},
		{name: "waits before it runs", patience: time.Minute, before: []float64{30, 30, 0}, during: []float64{0}, kept: []float64{0}},
		{name: "no patience", during: []float64{50}, kept: []float64{50}},
		{name: "patience ends in runs", patience: 15 * time.Second, during: []float64{50, 40, 30}, kept: []float64{30}, again: 2},
		{name: "patience ends before a run", patience: 9 * time.Second, before: []float64{30, 30, 30}, during: []float64{40}, kept: []float64{40}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bench{patience: c.patience, results: map[string][]sample{}}
				b.probe = func() (stolen float64, err error) {
					if len(c.before) > 0 {
						stolen, c.before = c.before[0], c.before[1:]
					}
					return stolen, nil
				}
				run := func(context.Context) error {
					time.Sleep(10 * time.Second)
					x := nothing()
					x[stolen], c.during = c.during[0], c.during[1:]
					if c.counted > 0 {
						x[counted] = c.counted
					}
					b.add("x", x)
					b.note("x")
					return nil
				}
				if err := b.undisturbed(t.Context(), step{"x", run}); err != nil {
					t.Fatal(err)
				}
				var kept []float64
				for _, s := range b.results["x"] {
					kept = append(kept, s.figures[stolen])
				}
				if !slices.Equal(kept, c.kept) || len(b.notes) != len(kept) || b.again != c.again {
					t.Errorf("kept %v with %d notes, %d done again, want %v and %d", kept, len(b.notes), b.again, c.kept, c.again)
				}
			})
		})
	}
}

// Latencies are those of what was due while nothing was stolen, unless that is less than half.
func TestLeaveOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		disturbed []span
		counted   float64
		p99       float64
	}{
		{name: "left alone", counted: 100, p99: 9},
		{name: "disturbed twice", disturbed: []span{{2e6, 4e6}, {7e6, 10e6}}, counted: 50, p99: 6},
		{name: "disturbed for most of it", disturbed: []span{{0, 3e6}, {2e6, 6e6}}, counted: 100, p99: 9},
	} {
		f := newFlight(one, 10, 20)
		for n := range int64(10) { // the n-th is due after n ms, and takes as long
			f.send(n, time.Duration(n)*time.Millisecond)
			f.accepted[n] = 2*n*1e6 + 1
		}
		f.disturbed = c.disturbed
		counted := f.leaveOut()
		if _, p99, _ := f.quantiles(f.accepted); counted != c.counted || math.Round(p99) != c.p99 {
			t.Errorf("%s: %v ms, of %v %%; want %v ms, of %v %%", c.name, p99, counted, c.p99, c.counted)
		}
	}
}

// A processor is slow when fixed work takes three times as long twice in a row.
func TestDisturbances(t *testing.T) {
	t.Parallel()
	us := func(took ...time.Duration) (seen []reading) {
		for i, d := range took {
			seen = append(seen, reading{at: int64(i) * 1e9, took: d * time.Microsecond})
		}
		return seen
	}
	around := func(second int64) span { return span{second*1e9 - 25e6, second*1e9 + 100e6} }
	stolen := us(20, 20, 20)
	stolen[2].stolen = true
	for _, c := range []struct {
		name  string
		seen  []reading
		spans []span
		slow  float64
	}{
		{name: "never looked"},
		{name: "left alone", seen: us(20, 25, 20, 30, 20)},
		{name: "two halves of a processor", seen: us(20, 20, 39, 39, 39, 20, 20)},
		{name: "an interrupt", seen: us(20, 20, 200, 20, 20, 90, 20)},
		{name: "slow", seen: us(20, 20, 100, 100, 60, 20, 20, 20, 100, 20), spans: []span{around(3), around(4)}, slow: 20},
		{name: "stolen", seen: stolen, spans: []span{around(2)}},
	} {
		spans, slow := disturbances(c.seen)
		if !slices.Equal(spans, c.spans) || slow != c.slow {
			t.Errorf("%s: %v, slow for %v %%; want %v, %v %%", c.name, spans, slow, c.spans, c.slow)
		}
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	if got := (clock{stolen: 30, all: 300}).since(clock{stolen: 10, all: 100}); got != 10 {
		t.Errorf("%v %% of the time were stolen, want 10", got)
	}
	if c, err := readClock(); err != nil || c.all == 0 || c.stolen > c.all {
		t.Error(c, err)
	}
}
