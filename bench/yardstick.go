package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// startYardstick starts this program again, as one of the yardsticks.
func startYardstick(ctx context.Context, kind, to string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{path: "/", cmd: exec.CommandContext(ctx, self, "yardstick", kind)}
	p.cmd.Env = append(os.Environ(), "TO="+to)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	p.public = strings.TrimSpace(line)
	return p, nil
}

// yardstick runs as a process of its own until it is killed. It prints its address first.
//
//	handler   checks the signature, stores nothing, forwards nothing
//	relay     checks the signature, answers, and forwards the body from memory to the URL in TO
func yardstick(kind string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	forward := func([]byte) {}
	if kind == "relay" {
		to := os.Getenv("TO")
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		queue := make(chan []byte, 1<<16)
		for range 64 {
			go func() {
				for body := range queue {
					resp, err := client.Post(to, "application/json", bytes.NewReader(body))
					if err != nil {
						continue // the count of arrivals tells
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
		}
		forward = func(body []byte) { queue <- body }
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mac := hmac.New(sha256.New, []byte(appSecret))
		mac.Write(body)
		if !hmac.Equal([]byte("sha256="+hex.EncodeToString(mac.Sum(nil))), []byte(r.Header.Get("X-Hub-Signature-256"))) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		forward(body)
		w.WriteHeader(http.StatusOK)
	}))
}

// commits measures one bbolt transaction per event, each with a 1 KiB value and three small ones, from one
// goroutine: what one accept at a time can cost at the least.
func commits(ctx context.Context, dir string, length time.Duration) (perSecond float64, err error) {
	db, err := bolt.Open(filepath.Join(dir, "yardstick.db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType, InitialMmapSize: 1 << 30})
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }()
	value := bytes.Repeat([]byte("x"), bodySize)
	begun := time.Now()
	n := 0
	for ; ctx.Err() == nil && time.Since(begun) < length; n++ {
		err := db.Update(func(tx *bolt.Tx) error {
			for i, name := range []string{"audit", "delivery", "schedule", "dedupe"} {
				b, err := tx.CreateBucketIfNotExists([]byte(name))
				if err != nil {
					return err
				}
				v := value
				if i > 0 {
					v = value[:32]
				}
				if err := b.Put(binary.BigEndian.AppendUint64(nil, uint64(n)), v); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}
