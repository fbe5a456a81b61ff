package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// number is a WhatsApp number that load comes in at.
type number struct {
	waba, phone string
	silent      bool // what comes in there need not arrive
}

// flight is what is known of every message of a run: when it was meant to be sent, when it was accepted,
// when it arrived. Times are nanoseconds since the run began, zero is never.
//
// The n-th message belongs to the conversation n modulo the number of conversations.
type flight struct {
	begun     time.Time
	run       string
	numbers   []number
	unordered bool // it goes to something that keeps no order
	meant     []int64
	accepted  []int64
	arrived   []int64
	last      []atomic.Int64 // sequence + 1 of the last arrival in each conversation
	sent      atomic.Int64
	due       atomic.Int64 // of these, those that must arrive
	got       atomic.Int64
	repeats   atomic.Int64
	disorder  atomic.Int64
	foreign   atomic.Int64
	lastAt    atomic.Int64
	disturbed []span // see [flight.watch], in order; messages that were due then have no latency
}

var runs atomic.Int64

func newFlight(numbers []number, conversations, capacity int64) *flight {
	return &flight{
		begun: time.Now(), run: fmt.Sprintf("%x.%d", time.Now().UnixNano(), runs.Add(1)), numbers: numbers,
		meant: make([]int64, capacity), accepted: make([]int64, capacity), arrived: make([]int64, capacity),
		last: make([]atomic.Int64, conversations),
	}
}

func (f *flight) since() time.Duration { return time.Since(f.begun) }

// number is where the n-th message comes in.
func (f *flight) number(n int64) *number {
	return &f.numbers[n%int64(len(f.last))%int64(len(f.numbers))]
}

// sequence gives connection i of n its k-th message, such that its conversations are its alone. There are
// as many messages as a flight has room for.
func (f *flight) sequence(i, n, k int64) (seq int64, ok bool) {
	all := int64(len(f.last))
	own := (all - i + n - 1) / n // conversations that are i modulo n
	seq = k/own*all + k%own*n + i
	return seq, seq < int64(len(f.meant))
}

// send notes that the n-th message is about to be posted.
func (f *flight) send(n int64, meant time.Duration) {
	f.meant[n] = int64(meant)
	f.sent.Add(1)
	if !f.number(n).silent {
		f.due.Add(1)
	}
}

// arrive notes a delivery by its message id.
func (f *flight) arrive(id []byte) {
	rest, ok := bytes.CutPrefix(id, []byte("wamid."+f.run+"-"))
	n, err := strconv.ParseInt(string(rest), 10, 64)
	if !ok || err != nil || n < 0 || n >= int64(len(f.arrived)) {
		f.foreign.Add(1)
		return
	}
	if f.number(n).silent {
		return
	}
	now := int64(f.since())
	if !atomic.CompareAndSwapInt64(&f.arrived[n], 0, now) {
		f.repeats.Add(1)
		return
	}
	// One connection posts the messages of a conversation, each after the answer to the one before: if they
	// arrive in another order, that isn't the load's doing.
	if last := f.last[n%int64(len(f.last))].Swap(n + 1); last > n+1 {
		f.disorder.Add(1)
	}
	f.lastAt.Store(now)
	f.got.Add(1)
}

// patience is how long nothing may arrive before the rest counts as lost. An attempt that fails is made
// again after 10 s, and may itself take as long.
const patience = 25 * time.Second

// settle waits until everything has arrived that must, or nothing has for a while.
func (f *flight) settle(ctx context.Context) {
	before, progress := f.got.Load(), time.Now()
	for f.got.Load() < f.due.Load() && ctx.Err() == nil && time.Since(progress) < patience {
		pause(ctx, 20*time.Millisecond)
		if now := f.got.Load(); now != before {
			before, progress = now, time.Now()
		}
	}
}

// wrong says what must not have happened, and is empty if all is well.
func (f *flight) wrong() string {
	var all []string
	note := func(n int64, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	note(f.due.Load()-f.got.Load(), "lost")
	note(f.repeats.Load(), "repeated")
	note(f.foreign.Load(), "not of this run")
	if !f.unordered {
		note(f.disorder.Load(), "out of order")
	}
	return strings.Join(all, ", ")
}

// quantiles are the 50th, 99th and 99.9th percentile in ms of the time from when messages were meant to be
// sent until then.
func (f *flight) quantiles(then []int64) (p50, p99, p999 float64) {
	var took []int64
	for i := range then {
		if at := atomic.LoadInt64(&then[i]); at > 0 && !f.wasDisturbed(f.meant[i]) {
			took = append(took, at-f.meant[i])
		}
	}
	if len(took) == 0 {
		took = []int64{0}
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(int(q*float64(len(took))), len(took)-1)]) / 1e6
	}
	return at(.5), at(.99), at(.999)
}
