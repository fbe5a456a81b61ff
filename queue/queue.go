package queue

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cubeconnect/metrics"
	"cubeconnect/webhook"
)

// Store keeps the schedule. Its changes are on disk when the method returns.
type Store interface {
	EndpointIDs() []uint32
	// LookupEndpoint returns nil if there is none. It doesn't touch the disk.
	LookupEndpoint(id uint32) *webhook.Endpoint
	EndpointStats(ctx context.Context) (map[uint32]webhook.EndpointStats, error)
	Due(endpoint uint32, now time.Time, n int, skip func(webhook.ID) bool) (webhook.DueList, error)
	Claim(id webhook.ID) (webhook.Claim, error)
	// Settle stores outcomes, all or none. Without hurry it may wait for others to share a commit with.
	Settle(ctx context.Context, list []webhook.Settlement, hurry bool) ([]webhook.Finished, error)
	Park(ctx context.Context, tenant uint32, head webhook.ID, ids []webhook.ID) error
	DisableEndpoint(ctx context.Context, id uint32, reason string) (changed bool, err error)
}

// Sender makes one attempt. An outcome without a verdict says that ctx ended first: the attempt doesn't
// count.
type Sender interface {
	Send(ctx context.Context, c *webhook.Claim) webhook.Outcome
}

// Config can change while the queue runs.
type Config struct {
	Retries      webhook.Schedule // of endpoints that have none of their own
	Concurrency  int              // attempts under way, all endpoints
	PerEndpoint  int              // attempts under way, one endpoint
	DisableAfter time.Duration    // an endpoint that only fails for this long is disabled; 0: never
}

// Options say what a queue works with.
type Options struct {
	Store   Store
	Sender  Sender
	Config  Config
	Log     *slog.Logger
	Metrics *metrics.Queue
	Now     func() time.Time // the wall clock, the same as the store's; nil: [time.Now]
	// Grace is how long attempts under way may go on when Run is told to end. What has not ended then is
	// handed back: it is due again at the next start.
	Grace time.Duration
}

// Queue is the delivery queue. [Queue.Run] drives it.
type Queue struct {
	store   Store
	sender  Sender
	log     *slog.Logger
	metrics *metrics.Queue
	clock   *clock
	grace   time.Duration
	config  atomic.Pointer[Config]

	wake  chan struct{}
	inbox inbox
	stale atomic.Pointer[webhook.ID] // what was offered up to here may have changed on disk; nil: nothing
	jobs  chan job                   // to idle workers
	sent  chan attempt               // from workers to settle
	done  chan result                // to Run

	outages map[uint32]outage // belongs to settle

	// What follows belongs to Run.
	workers     sync.WaitGroup
	lanes       map[uint32]*lane
	rings       [ranks]ring
	timers      timers
	busy        [ranks]int // attempts under way, by the rank that their lanes had
	unsettled   int        // attempts whose outcome is not on disk, those under way included
	parking     int        // writes under way that park deliveries
	windowBytes int        // payloads held in windows
	resting     []chan<- time.Time
}

// inbox is what other goroutines have said since Run last looked.
type inbox struct {
	sync.Mutex
	newest  webhook.ID // that was ever offered
	fresh   []webhook.Due
	woken   map[uint32]struct{}
	resting []chan<- time.Time // told when there is nothing to do
}

// maxInbox bounds the deliveries that wait for Run to look. Lanes of those beyond it read the disk.
const maxInbox = 16 << 10

// New returns a queue that does nothing until [Queue.Run].
func New(o Options) *Queue {
	if o.Now == nil {
		o.Now = time.Now
	}
	q := &Queue{
		store: o.Store, sender: o.Sender, log: o.Log, metrics: o.Metrics, clock: newClock(o.Now), grace: o.Grace,
		wake: make(chan struct{}, 1), jobs: make(chan job), sent: make(chan attempt, maxSettle), done: make(chan result, 64),
		lanes: map[uint32]*lane{}, outages: map[uint32]outage{},
	}
	q.inbox.woken = map[uint32]struct{}{}
	q.Configure(o.Config)
	return q
}

// Configure changes the configuration for attempts that begin from now on.
func (q *Queue) Configure(c Config) { q.config.Store(&c) }

// Offer tells of deliveries that were just committed, in the order of their commits. It never blocks.
func (q *Queue) Offer(fresh []webhook.Due) {
	q.inbox.Lock()
	for _, d := range fresh {
		if q.inbox.newest.Before(d.ID) {
			q.inbox.newest = d.ID
		}
		if len(q.inbox.fresh) < maxInbox {
			q.inbox.fresh = append(q.inbox.fresh, d)
		} else {
			q.inbox.woken[d.ID.Owner()] = struct{}{}
		}
	}
	q.inbox.Unlock()
	q.signal()
}

// Wake says that an endpoint's schedule, or the endpoint itself, has changed otherwise: something was
// replayed, or the endpoint enabled. It never blocks.
func (q *Queue) Wake(endpoint uint32) {
	q.inbox.Lock()
	q.inbox.woken[endpoint] = struct{}{}
	q.inbox.Unlock()
	q.signal()
}

// Reread says that deliveries which were offered may be gone or have changed: of those that are in memory,
// each is read from the store again before it is sent.
func (q *Queue) Reread() {
	q.inbox.Lock()
	defer q.inbox.Unlock()
	newest := q.inbox.newest
	q.stale.Store(&newest)
}

// signal never blocks: one pending wake-up is as good as many.
func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, and returns when every attempt it began has ended or was handed back.
func (q *Queue) Run(ctx context.Context) {
	// A restart must not cost an endpoint an attempt: those under way outlive ctx by the grace.
	attempts, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	var settling sync.WaitGroup
	settling.Go(func() { q.settle(attempts) })
	defer settling.Wait()
	defer close(q.sent)
	defer q.workers.Wait()
	defer close(q.jobs)
	q.recall(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			q.drain(abort)
			return
		case <-q.wake:
			q.readInbox()
		case r := <-q.done:
			q.finished(r)
			for range len(q.done) {
				q.finished(<-q.done)
			}
		case <-timer.C:
		}
		q.wakeDue()
		q.start(attempts)
		if at, ok := q.timers.next(); ok {
			timer.Reset(max(0, at.Sub(q.clock.now())))
		} else {
			timer.Stop()
		}
		q.tellRest()
	}
}

// recall looks at the schedule of every endpoint. Those that were failing when the last process ended are
// so from the start, and those that weren't are known.
func (q *Queue) recall(ctx context.Context) {
	stats, err := q.store.EndpointStats(ctx)
	if err != nil {
		q.log.Error("reading the endpoints' figures failed; none counts as failing", "error", err)
	}
	for _, id := range q.store.EndpointIDs() {
		l := q.lane(id)
		switch st := stats[id]; {
		case !st.FailingSince.IsZero():
			l.failures = failingAfter
		case !st.LastSuccess.IsZero():
			l.proof = 1
		}
		q.stir(l)
	}
}

func (q *Queue) drain(abort func()) {
	if n := q.attempts(); n > 0 {
		q.log.Info("waiting for deliveries under way", "attempts", n, "at_most", q.grace)
	}
	last := time.AfterFunc(q.grace, abort)
	defer last.Stop()
	for q.unsettled+q.parking > 0 {
		q.finished(<-q.done)
	}
}

func (q *Queue) readInbox() {
	q.inbox.Lock()
	fresh, woken := q.inbox.fresh, q.inbox.woken
	q.resting = append(q.resting, q.inbox.resting...)
	q.inbox.fresh, q.inbox.resting = nil, nil
	if len(woken) > 0 {
		q.inbox.woken = map[uint32]struct{}{}
	} else {
		woken = nil
	}
	q.inbox.Unlock()
	for _, d := range fresh {
		q.offer(d)
	}
	for id := range woken {
		l := q.lane(id)
		l.woken = l.open > 0
		q.stir(l)
	}
}

// wakeDue stirs the lanes in which a delivery has come due.
func (q *Queue) wakeDue() {
	for now := q.clock.now(); ; {
		l := q.timers.due(now)
		if l == nil {
			return
		}
		q.stir(l)
	}
}

// stir makes a lane read its schedule.
func (q *Queue) stir(l *lane) {
	l.stale = true
	q.enqueue(l)
}
