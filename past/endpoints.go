package past

import (
	"context"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"cubeconnect/egress"
	"cubeconnect/webhook"
)

// answer is what an endpoint does with one request.
type answer struct {
	after  time.Duration
	status int                // 0: none comes
	class  webhook.ErrorClass // why not
	body   string
}

// behaviour is how an endpoint answers so long before the end of the past; negative: after it.
type behaviour func(r *rand.Rand, left time.Duration) answer

// Endpoints are the receiving ends: played in the past, and real ones on loopback after it, with the same
// behaviour.
type Endpoints struct {
	server *http.Server
	url    string

	mu   sync.Mutex
	ends time.Time
	rand map[string]*rand.Rand // one for each path: none depends on what another was asked
}

// Listen opens the endpoints' side on loopback.
func Listen(ctx context.Context) (*Endpoints, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &Endpoints{url: "http://" + l.Addr().String(), ends: time.Now()}
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = e.server.Serve(l) }() // ends with Close
	return e, nil
}

// Close stops answering.
func (e *Endpoints) Close() { _ = e.server.Close() }

// begin makes the endpoints ready for a past that ends then.
func (e *Endpoints) begin(ends time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ends, e.rand = ends, map[string]*rand.Rand{}
}

// answer says what becomes of a request to a path.
func (e *Endpoints) answer(path string, at time.Time) answer {
	e.mu.Lock()
	defer e.mu.Unlock()
	behave, ok := behaviours[path]
	if !ok || e.rand == nil {
		return answer{after: time.Millisecond, status: http.StatusNotFound}
	}
	r := e.rand[path]
	if r == nil {
		h := fnv.New64a()
		_, _ = io.WriteString(h, path) // never fails
		r = rand.New(rand.NewPCG(seed, h.Sum64()))
		e.rand[path] = r
	}
	return behave(r, e.ends.Sub(at))
}

// ServeHTTP answers for real.
func (e *Endpoints) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1<<20)) // what isn't read is not answered for
	a := e.answer(r.URL.Path, time.Now())
	select {
	case <-time.After(a.after):
	case <-r.Context().Done():
		return
	}
	if a.status == 0 {
		panic(http.ErrAbortHandler) // cuts the connection
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // the client may be gone
}

// player makes the attempts of the past. Time goes by while an endpoint is at work.
type player struct {
	clock     *clock
	endpoints *Endpoints
}

// Send implements [queue.Sender].
func (p *player) Send(_ context.Context, c *webhook.Claim) webhook.Outcome {
	u, err := url.Parse(c.Endpoint.URL)
	if err != nil {
		return webhook.Outcome{Attempt: webhook.Attempt{StartedAt: p.clock.now(), Error: webhook.ErrorOther}, Verdict: webhook.Retry}
	}
	a := p.endpoints.answer(u.Path, p.clock.now())
	if a.status != 0 && (a.status < 200 || a.status > 299) {
		a.class = webhook.ErrorStatus
	}
	begun := p.clock.pass(a.after)
	return webhook.Outcome{
		Attempt: webhook.Attempt{Number: c.Number, StartedAt: begun, Duration: a.after, StatusCode: a.status, Error: a.class, ResponseBody: []byte(a.body)},
		Verdict: egress.Judge(a.status, a.class),
	}
}

// took draws how long an answer takes: usually about typical, seldom several times that.
func took(r *rand.Rand, typical time.Duration) time.Duration {
	return time.Duration(float64(typical) * math.Exp(r.NormFloat64()*0.45))
}

func accepted(after time.Duration) answer {
	return answer{after: after, status: http.StatusOK, body: `{"ok":true}`}
}

// healthy answers in about this time, but for a hiccup now and then.
func healthy(typical time.Duration) behaviour {
	return func(r *rand.Rand, _ time.Duration) answer {
		d := took(r, typical)
		if r.IntN(250) == 0 {
			return answer{after: d, status: http.StatusBadGateway, body: "<html><title>502 Bad Gateway</title></html>"}
		}
		return accepted(d)
	}
}

// slow takes seconds, and sometimes longer than anybody waits.
func slow(r *rand.Rand, _ time.Duration) answer {
	d := took(r, 1900*time.Millisecond)
	if d > 6*time.Second {
		return answer{after: egress.DefaultTimeout, class: webhook.ErrorTimeout}
	}
	return accepted(d)
}

// down is as before until then, and since then in maintenance.
func down(since time.Duration, before behaviour) behaviour {
	return func(r *rand.Rand, left time.Duration) answer {
		if left >= since {
			return before(r, left)
		}
		return answer{after: took(r, 25*time.Millisecond), status: http.StatusServiceUnavailable, body: `{"error":"maintenance","message":"The booking database is being upgraded."}`}
	}
}

// out is as usual but for a time in which nobody listened.
func out(from, until time.Duration, usual behaviour) behaviour {
	return func(r *rand.Rand, left time.Duration) answer {
		if left > from || left <= until {
			return usual(r, left)
		}
		return answer{after: took(r, 2*time.Millisecond), class: webhook.ErrorRefused}
	}
}

// gone is as before until then, and then says that it wants no more.
func gone(since time.Duration, before behaviour) behaviour {
	return func(r *rand.Rand, left time.Duration) answer {
		if left >= since {
			return before(r, left)
		}
		return answer{after: took(r, 30*time.Millisecond), status: http.StatusGone, body: `{"error":"this integration was moved to /orders/v2"}`}
	}
}
