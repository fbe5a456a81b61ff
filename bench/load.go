package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	appSecret = "bench-app-secret"
	bodySize  = 1024
	customers = 1000 // conversations per number
)

// number is a WhatsApp number that load comes in at.
type number struct{ waba, phone string }

// flight is what is known of every message of a run: when it was meant to be sent, when it was accepted,
// when it arrived. Times are nanoseconds since the run began, zero is never.
type flight struct {
	begun    time.Time
	run      string
	meant    []int64
	accepted []int64
	arrived  []int64
	sent     atomic.Int64
	got      atomic.Int64
	repeats  atomic.Int64
	disorder atomic.Int64
	foreign  atomic.Int64
	lastAt   atomic.Int64
	last     [customers]atomic.Int64 // sequence + 1 of the last arrival in each conversation
}

var runs atomic.Int64

func newFlight(capacity int) *flight {
	return &flight{
		begun: time.Now(), run: fmt.Sprintf("%x.%d", time.Now().UnixNano(), runs.Add(1)),
		meant: make([]int64, capacity), accepted: make([]int64, capacity), arrived: make([]int64, capacity),
	}
}

// body builds the n-th message: 1 KiB as Meta would send it.
func (f *flight) body(buf []byte, num number, n int64) []byte {
	customer := n % customers
	buf = append(buf[:0], `{"object":"whatsapp_business_account","entry":[{"id":"`...)
	buf = append(buf, num.waba...)
	buf = append(buf, `","changes":[{"value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"16505550101","phone_number_id":"`...)
	buf = append(buf, num.phone...)
	buf = append(buf, `"},"contacts":[{"profile":{"name":"Ana Torres"},"wa_id":"`...)
	buf = appendPhone(buf, customer)
	buf = append(buf, `"}],"messages":[{"from":"`...)
	buf = appendPhone(buf, customer)
	buf = append(buf, `","id":"wamid.`...)
	buf = append(buf, f.run...)
	buf = append(buf, '-')
	buf = strconv.AppendInt(buf, n, 10)
	buf = append(buf, `","timestamp":"`...)
	buf = strconv.AppendInt(buf, f.begun.Unix(), 10)
	const head, tail = `","text":{"body":"`, `"},"type":"text"}]},"field":"messages"}]}]}`
	buf = append(buf, head...)
	for pad := bodySize - len(buf) - len(tail); pad > 0; pad-- {
		buf = append(buf, "the quick brown fox jumps over the lazy dog "[pad%44])
	}
	return append(buf, tail...)
}

func appendPhone(b []byte, customer int64) []byte {
	b = append(b, "1650555"...)
	return append(b, byte('0'+customer/1000%10), byte('0'+customer/100%10), byte('0'+customer/10%10), byte('0'+customer%10))
}

// arrive notes a delivery by its message id.
func (f *flight) arrive(id []byte) {
	rest, ok := bytes.CutPrefix(id, []byte("wamid."+f.run+"-"))
	n, err := strconv.ParseInt(string(rest), 10, 64)
	if !ok || err != nil || n >= int64(len(f.arrived)) {
		f.foreign.Add(1)
		return
	}
	now := int64(time.Since(f.begun))
	if !atomic.CompareAndSwapInt64(&f.arrived[n], 0, now) {
		f.repeats.Add(1)
		return
	}
	// Conversations are posted one message after the other by one connection, so that arrival in another
	// order is the relay's doing.
	if last := f.last[n%customers].Swap(n + 1); last > n+1 {
		f.disorder.Add(1)
	}
	f.lastAt.Store(now)
	f.got.Add(1)
}

// poster is one connection that posts.
type poster struct {
	conn net.Conn
	r    *bufio.Reader
	mac  hash.Hash
	body []byte
	req  []byte
	path string
	host string
}

func dial(addr, path string) (*poster, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &poster{conn: conn, r: bufio.NewReader(conn), mac: hmac.New(sha256.New, []byte(appSecret)), path: path, host: addr}, nil
}

// post sends a body and returns the answer's status.
func (p *poster) post(body []byte) (int, error) {
	p.mac.Reset()
	p.mac.Write(body)
	req := append(p.req[:0], "POST "...)
	req = append(req, p.path...)
	req = append(req, " HTTP/1.1\r\nHost: "...)
	req = append(req, p.host...)
	req = append(req, "\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256="...)
	req = hex.AppendEncode(req, p.mac.Sum(nil))
	req = append(req, "\r\nContent-Length: "...)
	req = strconv.AppendInt(req, int64(len(body)), 10)
	req = append(req, "\r\n\r\n"...)
	req = append(req, body...)
	p.req = req
	if _, err := p.conn.Write(req); err != nil {
		return 0, err
	}
	return p.answer()
}

// answer reads a response with a Content-Length.
func (p *poster) answer() (status int, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := p.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			if len(line) < 12 {
				return 0, fmt.Errorf("odd answer %q", line)
			}
			status, _ = strconv.Atoi(string(line[9:12]))
		case len(line) == 0:
			_, err := p.r.Discard(length)
			return status, err
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")):
			length, _ = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
		case bytes.EqualFold(line, []byte("transfer-encoding: chunked")):
			return 0, errors.New("chunked answers are not read here")
		}
	}
}

// closed posts from n connections, each as fast as it is answered. A connection keeps to conversations of
// its own.
func (f *flight) closed(ctx context.Context, t *target, n int, length time.Duration) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			p, err := dial(t.public, t.path)
			if err != nil {
				errs[i] = err
				return
			}
			defer p.conn.Close()
			for k := int64(0); ctx.Err() == nil && time.Since(f.begun) < length; k++ {
				// Sequence numbers step through the connection's own customers.
				seq := sequence(int64(i), int64(n), k)
				if seq >= int64(len(f.meant)) {
					return
				}
				f.meant[seq] = int64(time.Since(f.begun))
				p.body = f.body(p.body, t.numbers[0], seq)
				f.sent.Add(1)
				status, err := p.post(p.body)
				if err != nil || status != 200 {
					errs[i] = errors.Join(err, fmt.Errorf("connection %d: answered %d", i, status))
					return
				}
				f.accepted[seq] = int64(time.Since(f.begun))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// sequence gives connection i of n its k-th number, such that number % customers belongs to it alone.
func sequence(i, n, k int64) int64 {
	own := (customers - i + n - 1) / n // customers that are i modulo n
	return k/own*customers + k%own*n + i
}

// open posts at a fixed rate, whatever the answers take: times count from when a message was due, so that
// a slow answer is not hidden by the next one coming later.
func (f *flight) open(ctx context.Context, t *target, num, rate int, length time.Duration) error {
	const lanes = 64
	var wg sync.WaitGroup
	errs := make([]error, lanes)
	interval := time.Second * lanes / time.Duration(rate)
	for i := range lanes {
		wg.Go(func() {
			p, err := dial(t.public, t.path)
			if err != nil {
				errs[i] = err
				return
			}
			defer p.conn.Close()
			for k := int64(0); ctx.Err() == nil; k++ {
				due := time.Duration(k)*interval + interval*time.Duration(i)/lanes
				seq := sequence(int64(i), lanes, k)
				if due > length || seq >= int64(len(f.meant)) {
					return
				}
				if wait := due - time.Since(f.begun); wait > 0 {
					time.Sleep(wait)
				}
				f.meant[seq] = int64(due)
				p.body = f.body(p.body, t.numbers[num], seq)
				f.sent.Add(1)
				status, err := p.post(p.body)
				if err != nil || status != 200 {
					errs[i] = errors.Join(err, fmt.Errorf("lane %d: answered %d", i, status))
					return
				}
				f.accepted[seq] = int64(time.Since(f.begun))
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// settle waits until everything sent has arrived, or nothing has for a while.
func (f *flight) settle(ctx context.Context) error {
	for idle := 0; f.got.Load() < f.sent.Load(); {
		before := f.got.Load()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
		if idle++; f.got.Load() != before {
			idle = 0
		}
		if idle > 15*50 {
			return fmt.Errorf("%d of %d messages never arrived", f.sent.Load()-f.got.Load(), f.sent.Load())
		}
	}
	return nil
}
