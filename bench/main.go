// Command bench measures the appliance from outside, beside yardsticks on the same machine in the same
// run.
//
// It builds the program, starts it as a process of its own with its database on disk, posts signed
// WhatsApp webhooks to it, receives what it delivers, and checks that every event arrives, once and in
// order. Load and receiver speak HTTP by hand, so that most of the machine is left for what is measured.
// All traffic stays on loopback, and ends by itself.
//
//	go run . [-seconds 10] [-only NAME,...] [-out RESULTS.md]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
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
	seconds := flag.Int("seconds", 10, "length of each run")
	only := flag.String("only", "", "run only these scenarios, by name, comma separated")
	out := flag.String("out", "", "write the results to this file too")
	dir := flag.String("dir", ".", "folder on the disk to measure; the database goes below it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{dir: *dir, length: time.Duration(*seconds) * time.Second}
	if *only != "" {
		b.only = strings.Split(*only, ",")
	}
	err := b.run(ctx)
	report := b.report.String()
	if *out != "" && report != "" {
		err = errors.Join(err, os.WriteFile(*out, []byte(report), 0o644))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
