package main

import (
	"context"
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
		kept     []float64
		again    int
	}{
		{name: "left alone", patience: time.Minute, during: []float64{1}, kept: []float64{1}},
		{name: "once disturbed", patience: time.Minute, during: []float64{50, 2}, kept: []float64{2}, again: 1},
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

func TestClock(t *testing.T) {
	t.Parallel()
	if got := (clock{stolen: 30, all: 300}).since(clock{stolen: 10, all: 100}); got != 10 {
		t.Errorf("%v %% of the time were stolen, want 10", got)
	}
	if c, err := readClock(); err != nil || c.all == 0 || c.stolen > c.all {
		t.Error(c, err)
	}
}
