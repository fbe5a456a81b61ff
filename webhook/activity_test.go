package webhook_test

import (
	"testing"
	"time"

	"cubeconnect/webhook"
)

func TestQuantile(t *testing.T) {
	for name, c := range map[string]struct {
		took []time.Duration
		q    float64
		want time.Duration
	}{
		"none":            {nil, 0.5, 0},
		"one":             {[]time.Duration{time.Millisecond}, 1, 2 * time.Millisecond},
		"on a bound":      {[]time.Duration{5 * time.Millisecond}, 1, 5 * time.Millisecond},
		"half way":        {[]time.Duration{6 * time.Millisecond, 7 * time.Millisecond}, 0.5, 7500 * time.Microsecond},
		"of two bounds":   {[]time.Duration{time.Millisecond, 40 * time.Millisecond}, 0.95, 47500 * time.Microsecond},
		"beyond all":      {[]time.Duration{time.Hour}, 0.5, 30 * time.Second},
		"the slowest few": {append(make([]time.Duration, 99), 8*time.Second), 0.99, 2 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var d webhook.Durations
			for _, took := range c.took {
				d.Count(took)
			}
			if got := d.Quantile(c.q); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestActivityAdds(t *testing.T) {
	var a, b webhook.Activity
	for i, n := range a.Counters() {
		*n = uint64(i)
	}
	for _, n := range b.Counters() {
		*n = 100
	}
	b.Last = time.Unix(5, 0)
	a.Add(&b)
	for i, n := range a.Counters() {
		if *n != uint64(i)+100 {
			t.Errorf("counter %d is %d", i, *n)
		}
	}
	if !a.Last.Equal(b.Last) {
		t.Errorf("last %v", a.Last)
	}
}
