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
	"time"
)

const appSecret = "bench-app-secret"

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

// post sends p.body and waits for the answer, which must be 200.
func (p *poster) post() error {
	p.mac.Reset()
	p.mac.Write(p.body)
	req := append(p.req[:0], "POST "...)
	req = append(req, p.path...)
	req = append(req, " HTTP/1.1\r\nHost: "...)
	req = append(req, p.host...)
	req = append(req, "\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256="...)
	req = hex.AppendEncode(req, p.mac.Sum(nil))
	req = append(req, "\r\nContent-Length: "...)
	req = strconv.AppendInt(req, int64(len(p.body)), 10)
	req = append(req, "\r\n\r\n"...)
	req = append(req, p.body...)
	p.req = req
	if _, err := p.conn.Write(req); err != nil {
		return err
	}
	status, err := p.answer()
	if err == nil && status != 200 {
		err = fmt.Errorf("answered %d", status)
	}
	return err
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

// connections runs do on n connections at once, until all have ended.
func connections(to *process, n int, do func(p *poster, i int64) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			conn, err := net.Dial("tcp", to.public)
			if err != nil {
				errs[i] = err
				return
			}
			defer conn.Close()
			p := &poster{conn: conn, r: bufio.NewReader(conn), mac: hmac.New(sha256.New, []byte(appSecret)), path: to.path, host: to.public}
			if err := do(p, int64(i)); err != nil {
				errs[i] = fmt.Errorf("connection %d: %w", i, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// post sends the n-th message.
func (f *flight) post(p *poster, n int64, meant time.Duration) error {
	p.body = f.body(p.body, n)
	f.send(n, meant)
	if err := p.post(); err != nil {
		return err
	}
	f.accepted[n] = int64(f.since())
	return nil
}

var errFull = errors.New("more is accepted than there is room to note")

// closed is a load of n connections, each as fast as it is answered.
func closed(n int) load {
	return func(ctx context.Context, f *flight, to *process, length time.Duration) error {
		return connections(to, n, func(p *poster, i int64) error {
			for k := int64(0); ctx.Err() == nil && f.since() < length; k++ {
				seq, ok := f.sequence(i, int64(n), k)
				if !ok {
					return errFull
				}
				if err := f.post(p, seq, f.since()); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// open is a load at a fixed rate, whatever the answers take: times count from when a message was due, so
// that a slow answer is not hidden by the next message coming later.
func open(rate int) load {
	const n = 64
	interval := time.Second * n / time.Duration(rate)
	return func(ctx context.Context, f *flight, to *process, length time.Duration) error {
		return connections(to, n, func(p *poster, i int64) error {
			for k := int64(0); ctx.Err() == nil; k++ {
				due := time.Duration(k)*interval + interval*time.Duration(i)/n
				seq, ok := f.sequence(i, n, k)
				if due > length {
					return nil
				}
				if !ok {
					return errFull
				}
				pause(ctx, due-f.since())
				if err := f.post(p, seq, due); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// fill posts messages with texts of a length, as many at a time as fit, until it is enough or the flight is
// full. They come in at the flight's first number.
func (f *flight) fill(ctx context.Context, to *process, text int, enough func() bool) error {
	const n = 4
	return connections(to, n, func(p *poster, i int64) error {
		for k := int64(0); ctx.Err() == nil && !enough(); {
			posted := 0
			p.body, posted = f.batch(p.body, text, func() (int64, bool) {
				seq, ok := f.sequence(i, n, k)
				if ok {
					f.send(seq, f.since())
					k++
				}
				return seq, ok
			})
			if posted == 0 {
				return nil
			}
			if err := p.post(); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}
