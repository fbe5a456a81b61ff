package main

import (
	"math"
	"slices"
)

// figure is a thing that is measured.
type figure int

const (
	accepted   figure = iota // per second
	delivered                // per second
	accept50                 // ms
	accept99                 // ms
	accept999                // ms
	endToEnd50               // ms
	endToEnd99               // ms
	cpu                      // seconds per 1,000 events
	written                  // KB per event
	anon                     // MB, the program's own memory at most
	peak                     // MB, with pages of mapped files, since its start
	stolen                   // percent of the machine's time that others had
	slow                     // percent of the time that processors were slow, see [flight.watch]
	counted                  // percent of the messages whose latencies count, see [flight.leaveOut]
	delay                    // rounds that a backlog delays a neighbour, see [bench.backlog]
	ready                    // ms from start to healthy; this and what follows stand before the load
	idle                     // MB, pages of the program included
	depth                    // deliveries that have not ended
	fileSize                 // GB
	count
)

var units = [count]string{
	accept50: " ms", accept99: " ms", accept999: " ms", endToEnd50: " ms", endToEnd99: " ms", cpu: " s", written: " KB",
	anon: " MB", peak: " MB", delay: " rounds", ready: " ms", idle: " MB", fileSize: " GB",
}

// figures are what a run showed. What it has no answer to is NaN.
type figures [count]float64

func nothing() (x figures) {
	for i := range x {
		x[i] = math.NaN()
	}
	return x
}

// spread is the median of some values, and their extremes.
type spread struct{ median, least, most float64 }

// spreadOf leaves out what is no number.
func spreadOf(values []float64) spread {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

// of gives what the rounds of a scenario showed of a figure.
func (b *bench) of(scenario string, k figure) spread {
	var values []float64
	for _, s := range b.results[scenario] {
		values = append(values, s.figures[k])
	}
	return spreadOf(values)
}

// ratio compares two scenarios round by round, each with the mean of the yardstick in the same round.
func (b *bench) ratio(scenario, yardstick string, k figure) spread {
	var values []float64
	for _, s := range b.results[scenario] {
		sum, n := 0.0, 0.0
		for _, y := range b.results[yardstick] {
			if y.round == s.round {
				sum += y.figures[k]
				n++
			}
		}
		values = append(values, s.figures[k]/(sum/n)) // NaN if there is none
	}
	return spreadOf(values)
}
