package queue

import (
	"context"
	"time"

	"cubeconnect/webhook"
)

const (
	// windowSize bounds the deliveries of one endpoint that are held in memory and not in flight.
	windowSize = 128
	// maxWindowBytes bounds the payloads held in all windows. Beyond it they are read again when needed.
	maxWindowBytes = 32 << 20
	// failingAfter is how many attempts in a row must fail for an endpoint to count as failing.
	failingAfter = 10
	// maxProbeWait bounds the time between the end of a failing endpoint's attempt and its next.
	maxProbeWait = time.Second
	// maxUnsettled bounds the attempts of one endpoint that were made and are not on disk yet: those that a
	// crash repeats beside the ones under way.
	maxUnsettled = 256
	// readRetry is the wait after a schedule could not be read.
	readRetry = time.Second
)

// lane is one endpoint's part of the queue.
type lane struct {
	endpoint uint32
	window   []webhook.Due                       // may start, in order, as far as their conversations allow
	loaded   map[webhook.ID]struct{}             // in the window, in flight or being parked
	talking  map[webhook.Conversation]webhook.ID // in flight
	parking  map[webhook.Conversation]int        // writes under way that park some of its deliveries
	busy     int                                 // attempts under way
	proof    int                                 // how many at once it answers quickly, see slots.go
	open     int                                 // attempts whose outcome is not on disk, those under way included
	failures int                                 // attempts that failed since the last success
	probe    time.Time                           // when a failing one may be tried again
	stale    bool                                // the disk may have due deliveries that are not loaded
	woken    bool                                // something changed on disk while outcomes were on their way
	held     bool                                // a conversation may be held: only the disk knows which
	last     webhook.ID                          // the greatest fresh id seen on disk or taken from an offer
	nextDue  time.Time                           // see timers
	timer    int                                 // place among the timers, -1: none
	ahead    time.Duration                       // of our clock: that which its times on disk go by, see await

	ring       *ring // that it stands in, nil: none
	prev, next *lane // in the ring
}

func (q *Queue) lane(endpoint uint32) *lane {
	l := q.lanes[endpoint]
	if l == nil {
		l = &lane{endpoint: endpoint, loaded: map[webhook.ID]struct{}{}, talking: map[webhook.Conversation]webhook.ID{}, parking: map[webhook.Conversation]int{}, timer: -1, stale: true}
		q.lanes[endpoint] = l
	}
	return l
}

func (l *lane) isFailing() bool { return l.failures >= failingAfter }

// mayStart reports whether the lane itself may have one more attempt under way. If not, the end of one of
// its own brings it back, or the time of its next probe.
func (q *Queue) mayStart(l *lane) bool {
	limit := max(1, q.config.Load().PerEndpoint)
	if l.isFailing() {
		limit = 1
	}
	if l.busy >= limit || l.open-l.busy >= maxUnsettled {
		return false
	}
	if l.isFailing() && q.clock.now().Before(l.probe) {
		q.timers.sooner(l, l.probe)
		return false
	}
	return true
}

// probeWait returns how long to leave a failing endpoint alone: the longer it fails the longer, so that its
// backlog doesn't turn to dead letters while it is down. It is short beside the waits of the schedule.
func (q *Queue) probeWait(l *lane, ep *webhook.Endpoint) time.Duration {
	wait := min(time.Duration(l.failures)*time.Millisecond, maxProbeWait)
	if longest := longest(q.schedule(ep)); longest > 0 {
		wait = min(wait, longest/10)
	}
	return wait
}

// schedule returns an endpoint's own schedule, or everyone's.
func (q *Queue) schedule(ep *webhook.Endpoint) webhook.Schedule {
	if ep.Retries != nil {
		return ep.Retries
	}
	return q.config.Load().Retries
}

func longest(s webhook.Schedule) (wait time.Duration) {
	for _, w := range s {
		wait = max(wait, w.Std())
	}
	return wait
}

// offer takes a fresh delivery into its lane, if nothing stands before it on disk.
func (q *Queue) offer(d webhook.Due) {
	l := q.lane(d.ID.Owner())
	if !l.last.Before(d.ID) {
		return // the schedule was read after its commit
	}
	q.enqueue(l)
	if l.stale || l.held && d.Conversation != 0 || len(l.window) >= windowSize {
		l.stale = true
		return
	}
	l.last = d.ID
	if q.windowBytes > maxWindowBytes {
		d.Event = nil
	}
	q.push(l, d)
}

func (q *Queue) push(l *lane, d webhook.Due) {
	l.window = append(l.window, d)
	l.loaded[d.ID] = struct{}{}
	q.windowBytes += size(d)
}

func size(d webhook.Due) int {
	if d.Event == nil {
		return 0
	}
	return len(d.Event.Payload) + len(d.Event.Raw)
}

// take removes the i-th delivery from the window; it stays loaded.
func (q *Queue) take(l *lane, i int) webhook.Due {
	d := l.window[i]
	q.windowBytes -= size(d)
	copy(l.window[i:], l.window[i+1:])
	l.window[len(l.window)-1] = webhook.Due{}
	l.window = l.window[:len(l.window)-1]
	return d
}

// dropWindow forgets those in the window for which drop is true. They are still on disk.
func (q *Queue) dropWindow(l *lane, drop func(webhook.Due) bool) {
	keep := l.window[:0]
	for _, d := range l.window {
		if drop(d) {
			delete(l.loaded, d.ID)
			q.windowBytes -= size(d)
			l.stale = true
		} else {
			keep = append(keep, d)
		}
	}
	clear(l.window[len(keep):])
	l.window = keep
}

// startOne begins an attempt of the lane, and reports whether it may have another.
func (q *Queue) startOne(ctx context.Context, l *lane) bool {
	ep := q.store.LookupEndpoint(l.endpoint)
	if ep == nil || !ep.Enabled {
		q.rest(l, ep == nil)
		return false
	}
	if !q.mayStart(l) {
		return false
	}
	i := l.startable()
	// While some are being parked nothing is read: two such writes could overtake each other, and put what
	// came later in a conversation before what came earlier.
	calm := len(l.parking) == 0
	if calm && l.stale && (i < 0 || len(l.window) < windowSize/4) {
		q.load(ctx, l, ep)
		i = l.startable()
	}
	if i < 0 {
		if calm && len(l.window) >= windowSize {
			q.unclog(ctx, l, ep)
		}
		return false
	}
	q.begin(ctx, l, ep, q.take(l, i))
	return true
}

// startable returns the place of the first delivery whose conversation has nothing in flight, or -1. While
// deliveries are being parked, those behind them must not overtake them.
func (l *lane) startable() int {
	for i, d := range l.window {
		if _, talks := l.talking[d.Conversation]; !talks && l.parking[d.Conversation] == 0 {
			return i
		}
	}
	return -1
}

// rest lets go of a lane whose endpoint takes nothing. [Queue.Wake] brings it back.
func (q *Queue) rest(l *lane, gone bool) {
	q.dropWindow(l, func(webhook.Due) bool { return true })
	q.timers.set(l, time.Time{})
	l.stale, l.failures, l.proof = true, 0, 0
	if gone && len(l.loaded) == 0 {
		delete(q.lanes, l.endpoint)
	}
}

// load fills the window from disk.
func (q *Queue) load(ctx context.Context, l *lane, ep *webhook.Endpoint) {
	if len(l.window) >= windowSize {
		return
	}
	now := q.clock.now().Add(l.ahead)
	list, err := q.store.Due(l.endpoint, now, windowSize-len(l.window), func(id webhook.ID) bool {
		_, ok := l.loaded[id]
		return ok
	})
	if err != nil {
		q.log.Error("reading the schedule failed", "endpoint", l.endpoint, "error", err)
		q.timers.set(l, q.clock.now().Add(readRetry))
		return
	}
	for _, d := range list.Ready {
		q.push(l, d)
	}
	if l.last.Before(list.Last) {
		l.last = list.Last
	}
	l.stale, l.held = list.More, list.Held || len(l.parking) > 0
	q.await(l, ep, list.Next, now)
	if len(list.Behind) > 0 {
		q.park(ctx, l, ep.TenantID, webhook.ID{}, list.Behind)
	}
}

// await sets the lane's timer to the next time on disk. One that is further away than any wait can be was
// written before a restart, by a clock that has been set back since (or by a schedule that was longer). Then
// the lane goes by that clock, as far as it takes to wait no longer, until none of those times is left.
func (q *Queue) await(l *lane, ep *webhook.Endpoint, next, now time.Time) {
	if next.IsZero() {
		if len(l.loaded) == 0 {
			l.ahead = 0
		}
		q.timers.set(l, next)
		return
	}
	wait := longest(q.schedule(ep))
	wait = max(wait+wait/10, webhook.MaxRetryAfter)
	l.ahead += max(0, next.Sub(now.Add(wait)))
	q.timers.set(l, next.Add(-l.ahead))
}

// unclog moves on disk what waits for attempts under way, when the window holds nothing else: other
// conversations stand behind it.
func (q *Queue) unclog(ctx context.Context, l *lane, ep *webhook.Endpoint) {
	waiting := map[webhook.Conversation][]webhook.Due{}
	for _, d := range l.window {
		if _, talks := l.talking[d.Conversation]; talks {
			waiting[d.Conversation] = append(waiting[d.Conversation], d)
		}
	}
	q.dropWindow(l, func(d webhook.Due) bool { return waiting[d.Conversation] != nil })
	for conv, list := range waiting {
		q.park(ctx, l, ep.TenantID, l.talking[conv], list)
	}
}

// park leaves deliveries to wait on disk, behind head or behind one that is held already. Until that is
// written they count as loaded, so that they aren't met again.
func (q *Queue) park(ctx context.Context, l *lane, tenant uint32, head webhook.ID, list []webhook.Due) {
	ids := make([]webhook.ID, len(list))
	for i, d := range list {
		ids[i] = d.ID
		l.loaded[d.ID] = struct{}{}
		l.parking[d.Conversation]++
	}
	l.held = true
	q.parking++
	go func() {
		err := q.store.Park(ctx, tenant, head, ids)
		q.done <- result{kind: parked, lane: l, behind: list, err: err}
	}()
}
