package app_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// delivered is one request that a tenant's system got.
type delivered struct {
	at     time.Time
	method string
	path   string
	header http.Header
	body   []byte
	event  object // the body
}

func (d *delivered) id() string { return d.header.Get("X-Webhook-Id") }

// reply is what a tenant's system answers. The zero value is a plain 200.
type reply struct {
	status int
	header http.Header
	body   string
	hang   bool          // answer nothing until the test ends
	after  chan struct{} // answer when this is closed
}

// receiver is a tenant's system.
type receiver struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	got    []delivered
	active int // requests that are being answered
	most   int // the most there were at a time
	answer func(n int, d *delivered) reply
	over   chan struct{}
}

// receive starts a tenant's system that answers 200. It ends with the test.
func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, over: make(chan struct{}), answer: func(int, *delivered) reply { return reply{} }}
	s := httptest.NewServer(r)
	r.url = s.URL + "/hooks"
	t.Cleanup(func() {
		close(r.over)
		s.Close()
	})
	return r
}

// answers sets what the receiver answers to its n-th request, counted from 1.
func (r *receiver) answers(answer func(n int, d *delivered) reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// fails makes the receiver answer a status to its first n requests from now on.
func (r *receiver) fails(n, status int) {
	r.mu.Lock()
	until := len(r.got) + n
	r.mu.Unlock()
	r.answers(func(n int, _ *delivered) reply {
		if n <= until {
			return reply{status: status}
		}
		return reply{}
	})
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the other side went away
	}
	d := delivered{at: time.Now(), method: req.Method, path: req.URL.Path, header: req.Header.Clone(), body: body}
	_ = decode(body, &d.event)
	r.mu.Lock()
	r.got = append(r.got, d)
	r.active++
	r.most = max(r.most, r.active)
	re := r.answer(len(r.got), &d)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.active--
		r.mu.Unlock()
	}()
	if re.hang {
		re.after = make(chan struct{})
	}
	if re.after != nil {
		select {
		case <-re.after:
		case <-r.over:
			return
		case <-req.Context().Done():
			return
		}
	}
	for name, values := range re.header {
		w.Header()[name] = values
	}
	if re.status != 0 {
		w.WriteHeader(re.status)
	}
	_, _ = io.WriteString(w, re.body)
}

// requests returns what came in so far.
func (r *receiver) requests() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivered(nil), r.got...)
}

// wait waits until at least n requests came in and returns all.
func (r *receiver) wait(n int) (got []delivered) {
	r.t.Helper()
	eventually(r.t, func() error {
		if got = r.requests(); len(got) < n {
			return fmt.Errorf("%d requests came in, want %d", len(got), n)
		}
		return nil
	})
	return got
}

// quiet is where servers of the tests tell of clients that went away.
var quiet = log.New(io.Discard, "", 0)
