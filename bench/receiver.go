package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// receiver plays a tenant's system. It speaks just enough HTTP.
type receiver struct {
	l      net.Listener
	hang   time.Duration // before each answer
	flight atomic.Pointer[flight]
}

func newReceiver(hang time.Duration) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{l: l, hang: hang}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	return r, nil
}

func (r *receiver) url() string { return "http://" + r.l.Addr().String() + "/hook" }

var (
	idKey  = []byte(`"wa_message_id":"`)
	rawKey = []byte(`"id":"wamid.`)
	okay   = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
)

func (r *receiver) serve(conn net.Conn) {
	defer conn.Close()
	br := bufio.NewReaderSize(conn, 16<<10)
	var body []byte
	for {
		length := 0
		for {
			line, err := br.ReadSlice('\n')
			if err != nil {
				return
			}
			line = bytes.TrimRight(line, "\r\n")
			if len(line) == 0 {
				break
			}
			if len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")) {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(line[15:])))
			}
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(br, body); err != nil {
			return
		}
		if r.hang > 0 {
			time.Sleep(r.hang)
		}
		if f := r.flight.Load(); f != nil {
			f.arrive(messageID(body))
		}
		if _, err := conn.Write(okay); err != nil {
			return
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
