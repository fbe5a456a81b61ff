package console

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"cubeconnect/web"
)

// Bounds of guessing the password, in a period.
const (
	maxTries       = 10  // wrong ones from one address
	maxTriesOfAll  = 100 // from all addresses together
	throttlePeriod = 15 * time.Minute
	maxThrottled   = 4096 // addresses remembered
	maxTrusted     = 16   // addresses that signed in
)

// throttle counts wrong passwords, per address and altogether. An address that has signed in before is
// spared the second count, so that strangers can't lock the administrator out. Its size is bounded.
type throttle struct {
	now func() time.Time

	mu      sync.Mutex
	addrs   *web.Recent[netip.Addr, *tries]
	all     tries
	trusted []netip.Addr
}

type tries struct {
	since time.Time
	n     int
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, addrs: web.NewRecent[netip.Addr, *tries](maxThrottled)}
}

// wait returns how long until the period ends, if it holds so many tries already.
func (t *tries) wait(now time.Time, limit int) time.Duration {
	passed := now.Sub(t.since)
	if passed >= throttlePeriod || passed < 0 { // or the clock was set back
		*t = tries{since: now}
	}
	if t.n < limit {
		return 0
	}
	return t.since.Add(throttlePeriod).Sub(now)
}

// begin counts a try as wrong ahead of its outcome, so that many at once can't slip through, or returns
// how long the address has to wait.
func (t *throttle) begin(addr netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	own, ok := t.addrs.Get(addr)
	if !ok {
		own = &tries{since: now}
		t.addrs.Put(addr, own)
	}
	wait, waitOfAll := own.wait(now, maxTries), t.all.wait(now, maxTriesOfAll)
	if !slices.Contains(t.trusted, addr) {
		wait = max(wait, waitOfAll)
	}
	if wait == 0 {
		own.n++
		t.all.n++
	}
	return wait
}

// succeeded takes back what begin counted: the password was right.
func (t *throttle) succeeded(addr netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addrs.Delete(addr)
	t.all.n = max(t.all.n-1, 0)
	if slices.Contains(t.trusted, addr) {
		return
	}
	if t.trusted = append(t.trusted, addr); len(t.trusted) > maxTrusted {
		t.trusted = slices.Delete(t.trusted, 0, 1)
	}
}
