package ingress

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"cubeconnect/metrics"
	"cubeconnect/web"
)

// Bounds of what strangers cost. A stranger is everybody whose address has signed nothing for signerLife.
// Whoever has signed is bounded by MaxConnections alone: Meta must never have to wait for others.
const (
	// MaxConnections is how many connections the public listener has at most.
	MaxConnections = 4096

	connectionsOfOne = 256      // of one stranger
	shareOfOne       = 12 << 20 // bytes of bodies under way, of one stranger
	shareOfStrangers = 32 << 20 // and of all of them; the rest of crowd is for those who sign

	connectsPerSecond, connectsAtOnce = 50, 256
	requestsPerSecond, requestsAtOnce = 20, 200

	maxStrangers = 8192 // remembered
	maxSigners   = 1024
	signerLife   = 24 * time.Hour
)

// door knows who comes in, and lets strangers in as far as they are affordable. It is told who signs.
type door struct {
	now     func() time.Time
	metrics *metrics.Ingress

	mu        sync.Mutex
	most      int                                // connections
	signers   *web.Recent[netip.Addr, time.Time] // when they last did
	strangers *web.Recent[netip.Addr, *stranger]
	visits    map[string]*visit // by the remote address
	waiting   *list.List        // *visit, of strangers, the oldest first
	share     share             // of all strangers
}

// stranger is what one address without a signature has under way. More than one can stand for the same
// address, if it was forgotten in between.
type stranger struct {
	connects, requests *rate.Limiter
	visits             *list.List // *visit, the oldest first
	share              share
}

// visit is a connection. Its list elements are nil for one that isn't a stranger's.
type visit struct {
	*net.TCPConn
	door *door
	name string // in door.visits
	from *stranger

	amongAll, amongOwn *list.Element
	gone               bool
}

func newDoor(now func() time.Time, m *metrics.Ingress) *door {
	return &door{
		now: now, metrics: m, most: MaxConnections,
		signers:   web.NewRecent[netip.Addr, time.Time](maxSigners),
		strangers: web.NewRecent[netip.Addr, *stranger](maxStrangers),
		visits:    map[string]*visit{},
		waiting:   list.New(),
		share:     share{limit: shareOfStrangers},
	}
}

// enter takes a connection in, or says why it must go. Others may have to go for it: a stranger with
// too many loses the oldest one rather than the chance of a new one, for Meta may share the address; and so
// do all strangers together.
func (d *door) enter(conn *net.TCPConn, trusted []netip.Prefix) (v *visit, reason string) {
	v = &visit{TCPConn: conn, door: d, name: conn.RemoteAddr().String()}
	peer, _ := parseAddr(v.name)
	addr := web.Counted(peer)

	d.mu.Lock()
	defer d.mu.Unlock()
	if !contains(trusted, peer) && !d.signs(addr) {
		v.from = d.stranger(addr)
		if !v.from.connects.AllowN(d.now(), 1) {
			d.limited(metrics.LimitedConnects)
			return nil, metrics.LimitedConnects
		}
		if v.from.visits.Len() >= connectionsOfOne {
			d.limited(metrics.LimitedConnections)
			d.drop(v.from.visits.Front().Value.(*visit))
		}
	}
	if len(d.visits) >= d.most {
		d.limited(metrics.LimitedAll)
		oldest := d.waiting.Front()
		if oldest == nil {
			return nil, metrics.LimitedAll
		}
		d.drop(oldest.Value.(*visit))
	}
	d.visits[v.name] = v
	v.amongAll = d.waiting.PushBack(v)
	if v.from != nil {
		v.amongOwn = v.from.visits.PushBack(v)
	}
	d.metrics.Connections.Inc()
	return v, ""
}

// drop closes a connection at once, whatever is under way on it.
func (d *door) drop(v *visit) {
	d.leave(v)
	v.TCPConn.SetLinger(0) //nolint:errcheck // without it the kernel only remembers the connection for longer
	v.TCPConn.Close()      //nolint:errcheck // nobody is left to tell
}

func (d *door) leave(v *visit) {
	if v.gone {
		return
	}
	v.gone = true
	d.forget(v)
	delete(d.visits, v.name)
	d.metrics.Connections.Dec()
}

// forget takes a connection from the strangers'.
func (d *door) forget(v *visit) {
	if v.amongAll != nil {
		d.waiting.Remove(v.amongAll)
	}
	if v.amongOwn != nil {
		v.from.visits.Remove(v.amongOwn)
	}
	v.amongAll, v.amongOwn = nil, nil
}

// signed is told of a good signature: from whom, and on which connection.
func (d *door) signed(client netip.Addr, connection string) {
	client = web.Counted(client)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signers.Put(client, d.now())
	if v := d.visits[connection]; v != nil {
		d.forget(v)
	}
}

// admit reports whether a client may make another request. Every one of a stranger counts, for it isn't
// known yet who signs.
func (d *door) admit(client netip.Addr) bool {
	client = web.Counted(client)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.signs(client) || d.stranger(client).requests.AllowN(d.now(), 1) {
		return true
	}
	d.limited(metrics.LimitedRequests)
	return false
}

// shareOf returns what the client's bodies take from; nil: it signs.
func (d *door) shareOf(client netip.Addr) *share {
	client = web.Counted(client)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.signs(client) {
		return nil
	}
	return &d.stranger(client).share
}

func (d *door) signs(addr netip.Addr) bool {
	at, ok := d.signers.Get(addr)
	return ok && d.now().Sub(at) < signerLife
}

func (d *door) stranger(addr netip.Addr) *stranger {
	s, ok := d.strangers.Get(addr)
	if !ok {
		s = &stranger{
			connects: rate.NewLimiter(connectsPerSecond, connectsAtOnce),
			requests: rate.NewLimiter(requestsPerSecond, requestsAtOnce),
			visits:   list.New(),
			share:    share{limit: shareOfOne},
		}
		d.strangers.Put(addr, s)
	}
	return s
}

func (d *door) limited(reason string) { d.metrics.Limited.WithLabelValues(reason).Inc() }

// Close closes the connection.
func (v *visit) Close() error {
	v.door.mu.Lock()
	v.door.leave(v)
	v.door.mu.Unlock()
	return v.TCPConn.Close()
}
