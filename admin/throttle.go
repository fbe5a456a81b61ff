package admin

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"cubeconnect/web"
)

// Bounds of guessing keys.
const (
	maxWrongKeys   = 20 // different ones, from one address, in a period
	throttlePeriod = time.Minute
	maxThrottled   = 4096 // addresses remembered
	maxWorkingKeys = 4    // remembered of each
)

// throttle counts the wrong keys that each address tries. Its size is bounded.
type throttle struct {
	now func() time.Time

	mu    sync.Mutex
	addrs *web.Recent[netip.Addr, *guesses]
}

// guesses are the hashes of the keys that an address tried.
type guesses struct {
	since   time.Time // of the first wrong one in this period; zero: none yet
	wrong   [][32]byte
	working [][32]byte
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, addrs: web.NewRecent[netip.Addr, *guesses](maxThrottled)}
}

// wait returns how long the address has to wait before it may try this key; 0: not at all.
func (t *throttle) wait(addr netip.Addr, hash [32]byte) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.addrs.Get(addr)
	if !ok || len(g.wrong) < maxWrongKeys || slices.Contains(g.working, hash) || g.over(t.now()) {
		return 0
	}
	return g.since.Add(throttlePeriod).Sub(t.now())
}

// over reports whether the period has passed, or the clock was set back behind its beginning.
func (g *guesses) over(now time.Time) bool {
	passed := now.Sub(g.since)
	return passed >= throttlePeriod || passed < 0
}

// record remembers whether a key that the address tried is one.
func (t *throttle) record(addr netip.Addr, hash [32]byte, works bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.addrs.Get(addr)
	if !ok {
		g = &guesses{}
		t.addrs.Put(addr, g)
	}
	switch {
	case works && !slices.Contains(g.working, hash):
		if g.working = append(g.working, hash); len(g.working) > maxWorkingKeys {
			g.working = slices.Delete(g.working, 0, 1)
		}
	case !works:
		if g.over(t.now()) {
			g.since, g.wrong = t.now(), nil
		}
		if !slices.Contains(g.wrong, hash) && len(g.wrong) < maxWrongKeys {
			g.wrong = append(g.wrong, hash)
		}
	}
}
