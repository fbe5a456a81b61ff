// Command bench measures the appliance from outside, beside yardsticks on the same machine in the same
// run, and puts each figure beside its target.
//
// It builds the program, starts it as a process of its own with its database on disk, posts signed
// WhatsApp webhooks to it, receives what it delivers, and checks that every event arrives, once and in
// order. Load and receiver speak HTTP by hand, so that most of the machine is left for what is measured.
// All traffic stays on loopback, and ends by itself.
//
//	go run . [-seconds 10] [-repeat 1] [-only NAME,...] [-fill 1GiB] [-pending 100000] [-patience 10m] [-out RESULTS.md] [-profiles DIR]
//
// It has five sections, which -only takes by name, as it does single scenarios:
//
//	speed     handler, relay and commits (the yardsticks), one, closed64, closed256, open500, open2000,
//	          alone, neighbour
//	flat      the same figures with a large file, and with many deliveries pending
//	fairness  endpoints (1,000 of them, some hang or fail), backlog (one tenant's drains beside another)
//	backup    a steady load on a large file, alone and while backups are taken
//	retention a steady load, of which everything is kept, or expires after seconds
//
// A virtual machine's time is taken by other guests of its host now and then, and what was measured meanwhile
// says little. The latencies of an open loop leave out what was due while that happened. A closed loop during which
// it was more than 3 %, and an open one of which it spoiled more than half, is done again, until -patience has been
// used up.
//
// With -profiles it also keeps, for pprof, what the program does with its time in each run.
//
// The exit status is 1 if something could not be measured, or an event was lost, repeated or out of order.
// A missed target is said in the results, and is none of these.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "yardstick" {
		if err := yardstick(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	b := &bench{fill: 1 << 30, probe: probe, results: map[string][]sample{}}
	seconds := flag.Int("seconds", 10, "length of each run; those at a steady rate that compare files take twice as long, those with 1,000 endpoints, and with backups, three times")
	flag.IntVar(&b.repeat, "repeat", 1, "how often each scenario is run; the results show medians")
	flag.Func("only", "run only these sections and scenarios, by name, comma separated", func(s string) error {
		b.only = strings.Split(s, ",")
		return nil
	})
	flag.Func("fill", "size of the large file (default 1GiB)", func(s string) (err error) {
		b.fill, err = parseSize(s)
		return err
	})
	flag.Int64Var(&b.pending, "pending", 100_000, "how many deliveries are pending, and in the backlog")
	flag.DurationVar(&b.patience, "patience", 10*time.Minute, "how long, in all, to wait for a machine that is left alone, and to measure again what was disturbed")
	dir := flag.String("dir", ".", "folder on the disk to measure; all that is written goes below it, and is removed")
	flag.StringVar(&b.profiles, "profiles", "", "write the program's CPU profile in each run to this folder")
	out := flag.String("out", "", "write the results to this file too")
	flag.Parse()
	b.length = time.Duration(*seconds) * time.Second
	if flag.NArg() > 0 || b.repeat < 1 || b.length <= 0 || b.pending < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := b.run(ctx, *dir)
	if err == nil && len(b.results) == 0 {
		err = errors.New("nothing was measured: -only has no name that there is")
	}
	if len(b.results) > 0 {
		report := b.report()
		fmt.Print("\n" + report)
		if *out != "" && err == nil {
			err = os.WriteFile(*out, []byte(report), 0o644)
		}
	}
	if len(b.faults) > 0 {
		err = errors.Join(err, errors.New("some runs had faults, see above"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parseSize reads a size such as 200MiB.
func parseSize(s string) (int64, error) {
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseInt(digits, 10, 32)
			if n < 1 {
				err = errors.Join(err, errors.New("must be positive"))
			}
			return n << (10 * (i + 1)), err
		}
	}
	return 0, errors.New("want a number and KiB, MiB or GiB")
}
