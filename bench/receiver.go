package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// behaviour is what a receiver does with requests.
type behaviour int32

const (
	answers behaviour = iota
	fails             // with 500
	hangs             // until the other side gives up
	waits             // until the receiver goes on; then it answers
	lingers           // for as long as an answer from another place takes; then it answers
)

// away is how long that is.
const away = 10 * time.Millisecond

// receiver plays a tenant's system, at a port of its own. It speaks just enough HTTP. Only what it answers
// with 200 counts as arrived.
type receiver struct {
	l      net.Listener
	does   atomic.Int32 // behaviour
	flight atomic.Pointer[flight]
	on     chan struct{} // closed: what waits goes on
	once   sync.Once
}

func newReceiver(does behaviour) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{l: l, on: make(chan struct{})}
	r.does.Store(int32(does))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go r.serve(conn)
		}
	}()
	return r, nil
}

func (r *receiver) url() string { return "http://" + r.l.Addr().String() + "/hook" }

// goOn ends the waiting for good.
func (r *receiver) goOn() { r.once.Do(func() { close(r.on) }) }

func (r *receiver) close() {
	r.goOn()
	_ = r.l.Close()
}

var (
	idKey  = []byte(`"wa_message_id":"`)
	rawKey = []byte(`"id":"wamid.`)
	okay   = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	broken = []byte("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
)

func (r *receiver) serve(conn net.Conn) {
	defer conn.Close()
	br := bufio.NewReaderSize(conn, 16<<10)
	var body []byte
	for {
		length, err := readHead(br)
		if err != nil {
			return
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(br, body); err != nil {
			return
		}
		switch behaviour(r.does.Load()) {
		case fails:
			if _, err := conn.Write(broken); err != nil {
				return
			}
			continue
		case hangs:
			_, _ = br.ReadByte()
			return
		case waits:
			<-r.on
		case lingers:
			time.Sleep(away)
		}
		if f := r.flight.Load(); f != nil {
			f.arrive(messageID(body))
		}
		if _, err := conn.Write(okay); err != nil {
			return
		}
	}
}

// readHead reads a request up to its body, and returns the length of that.
func readHead(br *bufio.Reader) (length int, err error) {
	for {
		line, err := br.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return length, nil
		}
		if len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:]))); err != nil {
				return 0, err
			}
		}
	}
}

// messageID finds the message's id in an event, or in Meta's own body as the bare relay forwards it.
func messageID(body []byte) []byte {
	skip := len(idKey)
	i := bytes.Index(body, idKey)
	if i < 0 {
		skip = len(`"id":"`)
		if i = bytes.Index(body, rawKey); i < 0 {
			return nil
		}
	}
	id := body[i+skip:]
	if end := bytes.IndexByte(id, '"'); end >= 0 {
		return id[:end]
	}
	return nil
}
