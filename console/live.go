package console

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"cubeconnect/web"
)

// The times of a stream. It tells of changes no more often than liveTick; without any, that time has
// gone by, which is what pages show too. Proxies give up on what is silent for longer than liveBeat.
const (
	liveTick  = 2 * time.Second
	liveBeat  = 15 * time.Second
	liveStale = 30 * time.Second
	liveWrite = 5 * time.Second // how long a browser may take to read a line
)

// maxStreams bounds how many pages follow what happens. Those beyond have to be loaded again.
const maxStreams = 32

// liveHeader is set by the script when it fetches a page by itself.
const liveHeader = "X-Live"

// livePath is where pages hear of changes.
const livePath = "/events"

// byItself reports whether a request is one that the script makes without anybody there. It keeps no
// session alive, and takes no note away.
func byItself(r *http.Request) bool {
	return r.Header.Get(liveHeader) != "" || r.URL.Path == livePath
}

// streams are open event streams.
type streams struct {
	mu   sync.Mutex
	open int
	over bool
	stop chan struct{}
}

func newStreams() *streams { return &streams{stop: make(chan struct{})} }

func (s *streams) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.open == maxStreams {
		return false
	}
	s.open++
	return true
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		close(s.stop)
	}
}

// EndStreams ends the event streams that are open, and refuses further ones. A server that shuts down
// would wait for them.
func (c *Console) EndStreams() { c.streams.end() }

// follow tells a page that something has changed, as server-sent events, until the browser goes, the
// service stops or the session is over. The page then fetches what it shows.
func (q *request) follow() error {
	c := q.c
	if !c.streams.enter() {
		return web.RateLimited("Too many pages follow what happens already.", time.Minute)
	}
	defer c.streams.leave()
	h := q.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would gather it
	q.w.WriteHeader(http.StatusOK)
	if q.Method == http.MethodHead {
		return nil
	}
	control := http.NewResponseController(q.w)
	// A test's writer knows no deadline; without one a browser that reads nothing costs a stream.
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(liveWrite))
		if _, err := io.WriteString(q.w, text); err != nil {
			return false
		}
		return control.Flush() == nil
	}

	ticker := time.NewTicker(liveTick)
	defer ticker.Stop()
	seen, told, wrote := c.store.Changes(), time.Now(), time.Now()
	for on := send("retry: 5000\n\n"); on; {
		select {
		case <-q.Context().Done():
			return nil
		case <-c.streams.stop:
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		if live, err := c.alive(q.Context(), q.session); err != nil {
			return nil // the browser asks again, and is told what is wrong
		} else if !live {
			send("event: over\ndata: 1\n\n")
			return nil
		}
		if changes := c.store.Changes(); changes != seen || now.Sub(told) >= liveStale {
			seen, told, wrote = changes, now, now
			on = send("event: changed\ndata: 1\n\n")
		} else if now.Sub(wrote) >= liveBeat {
			wrote = now
			on = send(": still here\n\n")
		}
		q.Extend(2 * liveStale)
	}
	return nil // a browser that has gone is nobody's error
}

// alive reports whether a session still counts. Asking is no use of it.
func (c *Console) alive(ctx context.Context, session [32]byte) (bool, error) {
	login, err := c.store.Login(ctx)
	return err == nil && login.Session(session, c.now()) != nil, err
}
