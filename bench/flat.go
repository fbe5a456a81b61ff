package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// flatLoads are the loads that are compared, each for some lengths of a run: at a steady rate the slowest one per cent
// is few, and of two short runs one may show half as much again as the other.
var flatLoads = []struct {
	name    string
	load    load
	rate    int
	lengths time.Duration
}{
	{"one", closed(1), closedRate, 1}, {"closed64", closed(64), closedRate, 1}, {"open500", open(500), 500, 2}, {"open2000", open(2000), 2000, 2},
}

// The texts of what files are filled with: long ones make a file large, usual ones make many deliveries.
const (
	longText  = 3000
	usualText = 500
)

// warmEvents is after how many events a file is warm: the states of messages leave memory for the file as fast as they
// come in. Of an empty one none does before the 25,000th.
const warmEvents = 100_000

// flat measures the same loads on an empty database, on one that is warm, on a large one, and on one with many
// deliveries pending. All but the empty one are filled once and then stay; each run is a start of its own.
func (b *bench) flat(ctx context.Context) error {
	if !b.wants("flat", "flat") && !slices.ContainsFunc(b.only, func(s string) bool { return strings.Contains(s, " ") }) {
		return nil
	}
	r, err := newReceiver(answers)
	if err != nil {
		return err
	}
	defer r.close()
	hanging, err := newReceiver(hangs)
	if err != nil {
		return err
	}
	defer hanging.close()
	all := []*filled{
		{filling: filling{name: "warm", conversations: warmEvents / 10, events: warmEvents, text: usualText}},
		{filling: largeFile(b.fill)},
		{filling: filling{name: "pending", url: hanging.url(), conversations: max(1, b.pending/10), events: b.pending, text: usualText}},
	}
	return b.allFilled(ctx, r, all, func() error {
		var steps, cold []step // the latter last: what they drop from the cache is missing from it in the next run
		for _, l := range flatLoads {
			on := func(file string) trial {
				return trial{scenario: file + " " + l.name, length: l.lengths * b.length, rate: l.rate, load: l.load}
			}
			steps = append(steps, step{"empty " + l.name, func(ctx context.Context) error { return b.onEmpty(ctx, on("empty")) }})
			for _, v := range all {
				t := on(v.name)
				steps = append(steps, step{t.scenario, func(ctx context.Context) error {
					t.numbers, t.receivers = []number{v.measured.number}, []*receiver{r}
					return v.serving(ctx, func() error { return b.on(ctx, v.appliance, t) })
				}})
			}
		}
		for _, v := range all[1:] {
			cold = append(cold, step{v.name + " cold", func(ctx context.Context) error { return b.cold(ctx, v.name, v.appliance) }})
		}
		if err := b.rounds(ctx, "flat", steps); err != nil {
			return err
		}
		return b.rounds(ctx, "flat", cold)
	})
}

// filled is an appliance that has something in its file, and the tenant to measure.
type filled struct {
	filling
	*appliance
	measured tenant
}

// allFilled installs appliances and fills them, and removes what they wrote when do has returned.
func (b *bench) allFilled(ctx context.Context, r *receiver, all []*filled, do func() error) error {
	if len(all) == 0 {
		return do()
	}
	return b.installed(func(a *appliance) (err error) {
		v := all[0]
		v.appliance = a
		if v.measured, err = b.fillWith(ctx, a, r, v.filling); err != nil {
			return err
		}
		return b.allFilled(ctx, r, all[1:], do)
	})
}

// filling is what a file is filled with before it is measured: events of another tenant.
type filling struct {
	name          string
	url           string // of that tenant's endpoint; "": it has none
	conversations int64
	events        int64 // at most
	text          int
	size          int64 // of the file, of which no more is needed; 0: of any
}

func largeFile(size int64) filling {
	return filling{name: "large", conversations: 100_000, events: size / longText, text: longText, size: size}
}

// fillWith fills an appliance's file, and returns the tenant to measure: one whose records stand before the others in
// the order of the file, so that it isn't only appended to.
func (b *bench) fillWith(ctx context.Context, a *appliance, r *receiver, what filling) (measured tenant, err error) {
	err = a.serving(ctx, func() (err error) {
		if measured, err = a.tenant(r.url(), ""); err != nil {
			return err
		}
		other, err := a.tenant(what.url, "")
		if err != nil {
			return err
		}
		other.silent = true
		f := newFlight([]number{other.number}, what.conversations, what.events)
		return b.fillUp(ctx, a, what.name, f, what.text, func() bool { return what.size > 0 && a.size() >= what.size })
	})
	if err != nil {
		err = fmt.Errorf("fill %q: %w", what.name, err)
	}
	return measured, err
}

func never() bool { return false }

// fillUp fills an appliance until it is enough or the flight is full, and notes what that made.
func (b *bench) fillUp(ctx context.Context, a *appliance, scenario string, f *flight, text int, enough func() bool) error {
	memory := a.watch()
	f.begun = time.Now()
	err := f.fill(ctx, a.process, text, enough)
	took := f.since().Seconds()
	most, memoryErr := memory()
	if err := errors.Join(err, memoryErr); err != nil {
		return err
	}
	depth, err := a.depth()
	if err != nil {
		return err
	}
	b.note("Filled for \"%s\": %d events in POSTs of 256 KiB in %.0f s (%.0f/s), own memory at most %.0f MB; %.1f GB, %d deliveries pending.",
		scenario, f.sent.Load(), took, float64(f.sent.Load())/took, float64(most)/1e6, float64(a.size())/1e9, depth)
	return nil
}

// cold measures a start with nothing of the files in the system's cache.
func (b *bench) cold(ctx context.Context, name string, a *appliance) error {
	if err := filepath.WalkDir(a.data(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		// A count of 0 writes nothing; nocache drops what is cached of the whole file.
		dd := exec.CommandContext(ctx, "dd", "of="+path, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none")
		if out, err := dd.CombinedOutput(); err != nil {
			return fmt.Errorf("drop %s from the cache: %w: %s", path, err, out)
		}
		return nil
	}); err != nil {
		return err
	}
	return a.serving(ctx, func() error {
		x, err := a.atStart()
		if err != nil {
			return err
		}
		b.add(name+" cold", x)
		return nil
	})
}
