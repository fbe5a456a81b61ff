package main

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
)

// goal is a figure with its target.
type goal struct {
	what     string
	scenario string
	figure   figure
	of       string  // the scenario that it is a ratio to; "": none
	limit    float64 // none: there is no target
	atLeast  bool
}

const none = 0

// goals are all targets, in the order of the table. Those of scenarios that did not run are left out.
func (b *bench) goals() []goal {
	all := []goal{
		{"delivered/s end to end, closed loop, 64 connections", "closed64", delivered, "relay", .5, true},
		{"accepted/s, 1 connection", "one", accepted, "commits", .8, true},
		{"open loop, 2,000/s: accept p99", "open2000", accept99, "", 5, false},
		{"open loop, 2,000/s: end-to-end p99", "open2000", endToEnd99, "", 10, false},
		{"CPU per 1,000 events, 64 connections", "closed64", cpu, "relay", .13 / .042, false},
		{"written per event, 64 connections", "closed64", written, "", 10, false},
		{"written per event, steady 500/s", "open500", written, "", 30, false},
		{"own memory at most, 64 connections", "closed64", anon, "", 100, false},
		{"idle memory", "closed64", idle, "", 30, false},
		{"ready after start", "closed64", ready, "", 100, false},
		{"end-to-end p99 beside a tenant whose endpoint hangs", "neighbour", endToEnd99, "alone", 1.2, false},
		{"end-to-end p99 of 800 healthy endpoints beside 200 failing ones", "failing", endToEnd99, "healthy", 2, false},
		{"p99 added beside a backlog that drains, in rounds", "drain", delay, "", 1, false},
		{"accept p99 at 2,000/s while backups are taken", "backup", accept99, "no backup", 2, false},
		{"end-to-end p99 at 2,000/s while backups are taken", "backup", endToEnd99, "no backup", 2, false},
		{"accept p99 at 2,000/s while as much expires", "expiring", accept99, "keeping", 2, false},
		{"end-to-end p99 at 2,000/s while as much expires", "expiring", endToEnd99, "keeping", 2, false},
	}
	for _, filled := range []struct {
		name, with, beside string
		premise            goal
	}{
		{"warm", "warm file", "empty", goal{"warm file: its size", "warm closed64", fileSize, "", none, true}},
		{"large", "large file", "warm", goal{"large file: its size", "large closed64", fileSize, "", float64(b.fill) / 1e9, true}},
		{"pending", "many pending", "warm", goal{"many pending: deliveries", "pending closed64", depth, "", .99 * float64(b.pending), true}},
	} {
		all = append(all, filled.premise)
		for _, k := range []goal{
			{"1 connection: accepted/s", "one", accepted, "", 0, true},
			{"1 connection: accept p99", "one", accept99, "", 0, false},
			{"64 connections: delivered/s", "closed64", delivered, "", 0, true},
			{"64 connections: CPU per 1,000 events", "closed64", cpu, "", 0, false},
			{"64 connections: written per event", "closed64", written, "", 0, false},
			{"steady 500/s: accept p99", "open500", accept99, "", 0, false},
			{"steady 500/s: end-to-end p99", "open500", endToEnd99, "", 0, false},
			{"steady 500/s: written per event", "open500", written, "", 0, false},
			{"steady 2,000/s: accept p99", "open2000", accept99, "", 0, false},
			{"steady 2,000/s: end-to-end p99", "open2000", endToEnd99, "", 0, false},
		} {
			limit := 1.15
			switch {
			case filled.beside == "empty":
				limit = none
			case k.atLeast:
				limit = 1 / limit
			}
			all = append(all, goal{filled.with + ", " + k.what, filled.name + " " + k.scenario, k.figure, filled.beside + " " + k.scenario, limit, k.atLeast})
		}
		all = append(all,
			goal{filled.with + ": own memory at most, 64 connections", filled.name + " closed64", anon, "", 150, false},
			goal{filled.with + ": ready after start", filled.name + " closed64", ready, "", 2000, false},
			goal{filled.with + ": ready after start, file not in the cache", filled.name + " cold", ready, "", 2000, false},
		)
	}
	return all
}

// row is the goal's line of the table; "" if there is nothing to say.
func (b *bench) row(g goal) string {
	measured := b.of(g.scenario, g.figure)
	if math.IsNaN(measured.median) {
		return ""
	}
	judged, beside, ratio, limit := measured, "-", "-", round(g.limit)+units[g.figure]
	own := measured.format(units[g.figure])
	if g.of != "" {
		judged = b.ratio(g.scenario, g.of, g.figure)
		if math.IsNaN(judged.median) {
			return ""
		}
		yardstick := b.of(g.of, g.figure)
		own = number3(measured.median) + units[g.figure]
		beside = fmt.Sprintf("%s: %s%s", title(g.of), number3(yardstick.median), units[g.figure])
		ratio = judged.format("")
		limit = round(g.limit) + "x"
	}
	target, verdict := "≤ "+limit, "missed"
	if g.atLeast {
		target = "≥ " + limit
	}
	switch {
	case g.limit == none:
		target, verdict = "-", ""
	case g.atLeast && judged.median >= g.limit || !g.atLeast && judged.median <= g.limit:
		verdict = "met"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", g.what, own, beside, ratio, target, verdict)
}

// format gives the median, and the extremes if there are any.
func (s spread) format(unit string) string {
	out := number3(s.median) + unit
	if s.least != s.most {
		out += fmt.Sprintf(" (%s to %s)", number3(s.least), number3(s.most))
	}
	return out
}

// number3 shows a number with three digits or more.
func number3(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// round shows a limit.
func round(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

func title(scenario string) string {
	for _, s := range scenarios {
		if s.name == scenario {
			return s.title
		}
	}
	return scenario
}

// scenarios are the lines of the table of all runs.
var scenarios = []struct{ name, title string }{
	{"handler", "bare handler, 64 connections"},
	{"relay", "bare relay from memory, 64 connections"},
	{"commits", "one bbolt commit per event"},
	{"one", "1 connection"},
	{"closed64", "64 connections"},
	{"closed256", "256 connections"},
	{"open500", "steady 500/s"},
	{"open2000", "steady 2,000/s"},
	{"alone", "a tenant at 1,000/s beside one at 200/s"},
	{"neighbour", "the same, and the other's endpoint hangs"},
	{"healthy", "1,000 endpoints at 1,000/s"},
	{"failing", "the same, 100 hang and 100 fail; delivered: to the others"},
	{"quiet", "a tenant at 500/s beside a backlog that lies still"},
	{"draining", "the same while the backlog drains, each answer after 10 ms"},
	{"drain", "the backlog itself"},
	{"rushing", "the same while it drains as fast as the processors can"},
	{"rush", "the backlog itself"},
	{"no backup", "large file: steady 2,000/s"},
	{"backup", "the same while backups are taken"},
	{"keeping", "steady 2,000/s, everything is kept"},
	{"expiring", "the same, everything expires after seconds"},
	{"empty one", "empty file: 1 connection"},
	{"warm one", "warm file: 1 connection"},
	{"large one", "large file: 1 connection"},
	{"pending one", "many pending: 1 connection"},
	{"empty closed64", "empty file: 64 connections"},
	{"warm closed64", "warm file: 64 connections"},
	{"large closed64", "large file: 64 connections"},
	{"pending closed64", "many pending: 64 connections"},
	{"empty open500", "empty file: steady 500/s"},
	{"warm open500", "warm file: steady 500/s"},
	{"large open500", "large file: steady 500/s"},
	{"pending open500", "many pending: steady 500/s"},
	{"empty open2000", "empty file: steady 2,000/s"},
	{"warm open2000", "warm file: steady 2,000/s"},
	{"large open2000", "large file: steady 2,000/s"},
	{"pending open2000", "many pending: steady 2,000/s"},
	{"large cold", "large file not in the cache: a start"},
	{"pending cold", "many pending, file not in the cache: a start"},
}

// report is what all runs so far have shown, as Markdown.
func (b *bench) report() string {
	var w strings.Builder
	fmt.Fprintf(&w, `# Results

Made by `+"`make bench`"+`: %s on %s/%s with %d cores, load generator and receiver on the same machine. Runs of %s, and
of twice that at steady rates in files that are compared, %d of each; medians of these (least to most). A ratio is to the
yardstick's mean in the same round. Every event of 1 KiB is signed, stored and synced before it is answered, and delivered
with both signatures.

## Targets

| figure | measured | beside | ratio | target | |
| --- | --- | --- | --- | --- | --- |
`, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.length, b.repeat)
	for _, g := range b.goals() {
		w.WriteString(b.row(g))
	}
	w.WriteString(`
The program's own memory is what it has of its own (RssAnon, sampled), without file pages: those of the mapped database
are the system's cache, which it takes back when it needs it. The next table has the most with them too (VmHWM). A round
of a backlog is the time in which its endpoint gets through 32 requests. Stolen is what the machine's host gave to others
of the time that it should have had; slow is how often fixed work took three times as much time of a processor as usual, which
is the host's doing too. Latencies are those of the events that were due while neither was, nor in the tenth of a second
before: for steady rates counted says how many those are. Written is what the device counts, the file system's journal
included. A warm file has had 100,000 events: the states of messages leave memory for the file as fast as they come in,
which in an empty one none does before the 25,000th.

## All runs

| run | accepted/s | delivered/s | accept p50 / p99 / p99.9 ms | end to end p50 / p99 ms | CPU s per 1,000 | KB written per event | MB own / with file pages / idle | ready ms | stolen / slow % | counted % |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`)
	for _, s := range scenarios {
		if len(b.results[s.name]) == 0 {
			continue
		}
		n := func(k figure) string { return number3(b.of(s.name, k).median) }
		fmt.Fprintf(&w, "| %s | %s | %s | %s / %s / %s | %s / %s | %s | %s | %s / %s / %s | %s | %s / %s | %s |\n", s.title, n(accepted), n(delivered),
			n(accept50), n(accept99), n(accept999), n(endToEnd50), n(endToEnd99), n(cpu), n(written), n(anon), n(peak), n(idle), n(ready), n(stolen), n(slow), n(counted))
	}
	w.WriteString("\n")
	for _, note := range b.notes {
		fmt.Fprintf(&w, "- %s\n", note)
	}
	if b.again > 0 {
		fmt.Fprintf(&w, "- Done again because too much of the machine's time went to others: %d runs.\n", b.again)
	}
	fmt.Fprintf(&w, "- Checked: %d events in %d runs, each for its arrival, once and in the order of its conversation (the bare relay keeps no order).",
		b.checked.events, b.checked.runs)
	if len(b.faults) == 0 {
		w.WriteString(" None was lost, repeated or out of order.\n")
	} else {
		w.WriteString(" **Faults:**\n")
	}
	for _, fault := range b.faults {
		fmt.Fprintf(&w, "  - %s\n", fault)
	}
	return w.String()
}
