package console

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

// stream is an open page's, as far as the browser has read it.
type stream struct {
	mu     sync.Mutex
	header http.Header
	status int
	b      bytes.Buffer
	leave  context.CancelFunc
	ended  chan struct{}
}

func (s *stream) Header() http.Header { return s.header }
func (s *stream) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *stream) Flush() {}

// read returns what has come since the last time.
func (s *stream) read() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.b.String()
	s.b.Reset()
	return text
}

func (b *browser) stream(method string) *stream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{header: http.Header{}, leave: cancel, ended: make(chan struct{})}
	r := httptest.NewRequestWithContext(ctx, method, "/events", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	go func() {
		defer close(s.ended)
		b.f.h.ServeHTTP(s, r)
	}()
	return s
}

func (s *stream) over() bool {
	synctest.Wait()
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

const changed = "event: changed\ndata: 1\n\n"

// live runs a test in a bubble, where time passes by itself.
func live(t *testing.T, test func(t *testing.T, f *fixture, b *browser)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t).withPassword()
		f.tenant("Oasis")
		test(t, f, f.signedIn())
		f.console.EndStreams()
	})
}

func TestEvents(t *testing.T) {
	live(t, func(t *testing.T, f *fixture, b *browser) {
		s := b.stream("GET")
		time.Sleep(liveTick)
		synctest.Wait()
		if got := s.read(); got != "retry: 5000\n\n" || s.status != 200 || s.header.Get("Content-Type") != "text/event-stream" || s.header.Get("Cache-Control") != "no-store" {
			t.Errorf("it begins with %q, %d, %v", got, s.status, s.header)
		}
		for range 20 { // however much happens, it is told once in a while
			f.tried(1, 1, succeeded, 0)
		}
		time.Sleep(liveTick)
		synctest.Wait()
		if got := s.read(); got != changed {
			t.Errorf("after a change: %q", got)
		}
		f.ok(f.store.RecordNow(t.Context())) // as a page does: no change of what it shows
		time.Sleep(liveTick)
		synctest.Wait()
		if got := s.read(); got != "" {
			t.Errorf("without a change: %q", got)
		}
		time.Sleep(liveStale)
		synctest.Wait()
		if got := s.read(); strings.Count(got, changed) != 1 || !strings.HasPrefix(got, ": still here\n\n") {
			t.Errorf("after a while: %q", got)
		}
		f.store.CountUnsigned()
		time.Sleep(liveTick)
		synctest.Wait()
		if got := s.read(); got != changed {
			t.Errorf("after a refusal: %q", got)
		}
		s.leave()
		if !s.over() {
			t.Error("it goes on after the browser has gone")
		}
	})
}

func TestEventsEnd(t *testing.T) {
	const over = "event: over\ndata: 1\n\n"
	for name, c := range map[string]struct {
		end  func(f *fixture, b *browser)
		says bool // that it is over
	}{
		"the service stops": {func(f *fixture, b *browser) { f.console.EndStreams() }, false},
		"it signs out":      {func(f *fixture, b *browser) { b.post("/sign-out").to("/sign-in") }, true},
		"the password changes": {func(f *fixture, b *browser) {
			f.ok(f.store.UpdateLogin(context.Background(), func(l *webhook.Login) error { l.SetPassword(goodHash); return nil }))
		}, true},
		"nobody is there for long": {func(f *fixture, b *browser) { f.clock.advance(webhook.SessionIdle) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			live(t, func(t *testing.T, f *fixture, b *browser) {
				s := b.stream("GET")
				synctest.Wait()
				c.end(f, b)
				if c.says {
					time.Sleep(liveTick)
				}
				if !s.over() {
					t.Fatal("it goes on")
				}
				if got := s.read(); strings.HasSuffix(got, over) != c.says {
					t.Errorf("it ends with %q", got)
				}
			})
		})
	}
}

func TestEventsAreBounded(t *testing.T) {
	live(t, func(t *testing.T, f *fixture, b *browser) {
		var open []*stream
		for range maxStreams {
			open = append(open, b.stream("GET"))
		}
		synctest.Wait()
		if a := b.get("/events"); a.Code != 429 {
			t.Errorf("one too many: %d", a.Code)
		}
		open[3].leave()
		synctest.Wait()
		s := b.stream("GET")
		if s.over() {
			t.Errorf("a place is free, and yet %d", s.status)
		}
		if head := b.stream("HEAD"); !head.over() {
			t.Error("HEAD goes on")
		}
		f.console.EndStreams()
		f.console.EndStreams()
		for i, s := range open {
			if !s.over() {
				t.Errorf("stream %d goes on", i)
			}
		}
		if late := b.stream("GET"); !late.over() || late.status == 200 {
			t.Errorf("one after the end: %d", late.status)
		}
	})
}

// A page that fetches itself is nobody: it keeps no session alive, and leaves notes to be seen.
func TestByItself(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	seen := func() time.Time { return f.login().Sessions[0].SeenAt }
	b.post("/tenants/1/details", "name", "Oasis", "timezone", "UTC").to("/tenants/1/details")
	f.clock.advance(webhook.SessionSeen)
	b.header.Set(liveHeader, "1")
	b.get("/tenants/1/details").page(200).lacks("Saved.")
	b.get("/").page(200, "Overview")
	if !seen().Equal(begun) {
		t.Errorf("the session was used at %v", seen())
	}
	b.header.Del(liveHeader)
	b.get("/tenants/1/details").page(200, "Saved.")
	if !seen().Equal(f.clock.now()) {
		t.Errorf("the session was used at %v", seen())
	}
}
