package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cubeconnect/sample"
)

// victim is a running program that is attacked from loopback's many addresses, while Meta goes on posting.
type victim struct {
	public, admin string
	tls           *tls.Config // of who connects; nil: plain HTTP
	process       *process
	posts         atomic.Int64
}

func newVictim(t *testing.T, overTLS bool) *victim {
	t.Helper()
	dir := t.TempDir()
	v := &victim{public: freeAddr(t), admin: freeAddr(t)}
	mode := ""
	if overTLS {
		s := httptest.NewUnstartedServer(nil)
		s.StartTLS()
		pair := s.TLS.Certificates[0]
		v.tls = &tls.Config{InsecureSkipVerify: true}
		s.Close()
		key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
		write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
		mode = fmt.Sprintf("[public.tls]\nmode = \"files\"\ncert_file = %q\nkey_file = %q\n", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	}
	configFile := filepath.Join(dir, "config.toml")
	write(t, configFile, fmt.Sprintf("data_dir = %q\npublic.listen = %q\nadmin = { listen = %q, api_key = %q }\nmeta.app_secrets = [%q]\nlog.level = \"error\"\n%s",
		filepath.Join(dir, "data"), v.public, v.admin, adminKey, appSecret, mode))
	v.process = start(t, configFile, v.admin)
	t.Cleanup(func() { v.process.stop(t) })
	return v
}

// call connects from an address of loopback's.
func (v *victim) call(ctx context.Context, from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(ctx, "tcp4", v.public)
	if err != nil || v.tls == nil {
		return conn, err
	}
	secure := tls.Client(conn, v.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// stranger is the nth address that has signed nothing.
func stranger(n int) string { return fmt.Sprintf("127.0.7.%d", 1+n%250) }

// meta posts signed messages until ctx ends, each of which must be answered 200. Every other one comes from
// an address that has never signed before, on a connection of its own.
func (v *victim) meta(ctx context.Context, t *testing.T) {
	body, err := sample.Body("message-text")
	if err != nil {
		t.Error(err)
		return
	}
	steady := v.client("127.0.0.1")
	defer steady.CloseIdleConnections()
	for ctx.Err() == nil {
		n := int(v.posts.Add(1))
		client := steady
		if n%2 == 0 {
			client = v.client(fmt.Sprintf("127.0.%d.%d", 8+n/2/250%200, 1+n/2%250))
		}
		if status, err := v.post(client, body, sample.Sign(appSecret, body)); err != nil || status != http.StatusOK {
			t.Errorf("Meta's post %d: %d, %v", n, status, err)
			return
		}
		if client != steady {
			client.CloseIdleConnections()
		}
	}
}

func (v *victim) client(from string) *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DialContext:     (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext,
		TLSClientConfig: v.tls.Clone(), ForceAttemptHTTP2: v.tls != nil,
	}}
}

func (v *victim) url(path string) string {
	if v.tls != nil {
		return "https://" + v.public + path
	}
	return "http://" + v.public + path
}

func (v *victim) post(client *http.Client, body []byte, signature string) (status int, err error) {
	req, err := http.NewRequest(http.MethodPost, v.url(webhookPath), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Hub-Signature-256", signature)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}

const webhookPath = "/api/webhooks/whatsapp"

// badSignature has the form of one.
var badSignature = "sha256=" + strings.Repeat("0", 64)

// peak returns the most memory the process has had since it was asked last, in MiB.
func (v *victim) peak(t *testing.T) int {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", v.process.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	kib := 0
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err = strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	if err != nil || kib == 0 {
		t.Fatalf("no peak: %v", err)
	}
	if err := os.WriteFile(proc+"clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// figure reads a metric of the program.
func (v *victim) figure(t *testing.T, series string) float64 {
	t.Helper()
	resp, err := http.Get("http://" + v.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("no metric %s", series)
	return 0
}

// mostMemory is what the program may take at most, in MiB, whatever is sent to it. No attack alone comes near
// it; one after the other they find the garbage of those before. The race detector takes several times as much.
const mostMemory = 640 * memoryFactor

// under makes an attack while Meta posts, and checks afterwards that the program kept below mostMemory and is
// well.
func (v *victim) under(t *testing.T, attack func(ctx context.Context)) {
	t.Helper()
	v.peak(t)
	ctx, cancel := context.WithCancel(t.Context())
	var posting sync.WaitGroup
	posting.Go(func() { v.meta(ctx, t) })
	before := v.posts.Load()
	attack(ctx)
	waitFor(t, func() bool { return v.posts.Load() > before+10 || t.Failed() })
	cancel()
	posting.Wait()
	peak := v.peak(t)
	t.Logf("at most %d MiB, %d signed posts meanwhile", peak, v.posts.Load()-before)
	if peak > mostMemory {
		t.Errorf("it took %d MiB, more than %d", peak, mostMemory)
	}
	resp, err := v.client("127.0.0.1").Get(v.url("/api/health"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("health: %s", resp.Status)
	}
}

// all lets many attackers work at the same time.
func all(n int, attacker func(n int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { attacker(i) })
	}
	wg.Wait()
}

// hold opens connections, sends the same on each, lets each drip a little more, and closes them.
func (v *victim) hold(ctx context.Context, t *testing.T, connections int, first string, drip string) {
	t.Helper()
	conns := make([]net.Conn, connections)
	all(32, func(worker int) {
		for i := worker; i < connections; i += 32 {
			conn, err := v.call(ctx, stranger(i/200))
			if err != nil {
				continue // refused, which is as good
			}
			conns[i] = conn
			_, _ = io.WriteString(conn, first) // a connection that was closed is no fault here
		}
	})
	for range 20 {
		for _, conn := range conns {
			if conn != nil && drip != "" {
				_, _ = io.WriteString(conn, drip)
			}
		}
	}
	if got := v.figure(t, "cubeconnect_public_connections"); got > 4096 {
		t.Errorf("%v connections", got)
	}
	for _, conn := range conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// head is a request as Meta makes it, up to its body, but for the signature.
func head(more string) string {
	return "POST " + webhookPath + " HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: " + badSignature + "\r\n" + more + "\r\n\r\n"
}

// answer reads a response's status from a connection; 0: there was none.
func answer(conn net.Conn) int {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Nothing that strangers can send keeps Meta out, or takes memory without bound.
func TestAttacks(t *testing.T) {
	idle := idleConnections(t)
	v := newVictim(t, false)
	t.Run("idle connections", func(t *testing.T) {
		v.under(t, func(ctx context.Context) { v.hold(ctx, t, idle, "", "") })
	})
	t.Run("headers that drip", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			v.hold(ctx, t, 3000, "POST "+webhookPath+" HTTP/1.1\r\nHost: x\r\n", "X: y\r\n")
		})
	})
	t.Run("bodies that drip", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			v.hold(ctx, t, 3000, head("Content-Length: 4000000"), strings.Repeat("x", 1<<10))
		})
	})
	t.Run("large headers", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			all(200, func(n int) {
				conn, err := v.call(ctx, stranger(n))
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, "POST "+webhookPath+" HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 1000)+"\r\n")
				if got := answer(conn); got != 0 && got != http.StatusRequestHeaderFieldsTooLarge {
					t.Errorf("answered %d", got)
				}
			})
		})
	})
	t.Run("bodies without end", func(t *testing.T) {
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat("x", 64<<10))
		v.under(t, func(ctx context.Context) {
			all(64, func(n int) {
				conn, err := v.call(ctx, stranger(n/8))
				if err != nil {
					return
				}
				defer conn.Close()
				go func() {
					_, _ = io.WriteString(conn, head("Transfer-Encoding: chunked"))
					for range 256 { // 16 MiB, if they are taken
						if _, err := io.WriteString(conn, chunk); err != nil {
							return
						}
					}
				}()
				if got := answer(conn); got != 0 && got != http.StatusRequestEntityTooLarge && got != http.StatusServiceUnavailable {
					t.Errorf("answered %d", got)
				}
			})
		})
	})
	t.Run("trailers and chunk extensions without end", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			all(64, func(n int) {
				conn, err := v.call(ctx, stranger(n))
				if err != nil {
					return
				}
				defer conn.Close()
				begin, more := "0\r\n", "X-Trailer: y\r\n"
				if n%2 == 0 {
					begin, more = "", "1;"+strings.Repeat("e", 2000)+"\r\nx\r\n"
				}
				_, _ = io.WriteString(conn, head("Transfer-Encoding: chunked")+begin+strings.Repeat(more, 1000)) // it may be closed before the end
				if got := answer(conn); got != 0 && got != http.StatusBadRequest {
					t.Errorf("answered %d", got)
				}
			})
		})
	})
	t.Run("lengths that are only announced", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			v.hold(ctx, t, 500, head("Content-Length: 4194304"), "")
			conn, err := v.call(ctx, "127.0.6.1")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, head("Content-Length: 4294967296"))
			if got := answer(conn); got != http.StatusRequestEntityTooLarge {
				t.Errorf("4 GiB: %d", got)
			}
		})
	})
	t.Run("large bodies with bad signatures", func(t *testing.T) {
		body := bytes.Repeat([]byte("x"), 4<<20)
		var read atomic.Int64
		v.under(t, func(ctx context.Context) {
			all(96, func(n int) {
				client := v.client(stranger(n / 6))
				defer client.CloseIdleConnections()
				switch status, err := v.post(client, body, badSignature); {
				case err != nil, status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests: // too many of one stranger
				case status == http.StatusUnauthorized:
					read.Add(1)
				default:
					t.Errorf("answered %d", status)
				}
			})
		})
		if read.Load() == 0 {
			t.Error("none was read to its end")
		}
	})
	t.Run("garbage", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			all(100, func(n int) {
				conn, err := v.call(ctx, stranger(n))
				if err != nil {
					return
				}
				defer conn.Close()
				random, junk := rand.New(rand.NewPCG(1, uint64(n))), make([]byte, 64<<10)
				for i := range junk {
					junk[i] = byte(random.Uint32())
				}
				_, _ = conn.Write(append([]byte(strings.Repeat("\r\n", n)), junk...))
				if got := answer(conn); got >= 200 && got < 300 {
					t.Errorf("answered %d", got)
				}
			})
		})
	})
	t.Run("requests in a row", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			conn, err := v.call(ctx, "127.0.6.2")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go func() {
				_, _ = io.WriteString(conn, strings.Repeat("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 20_000))
			}()
			statuses, answers := map[int]int{}, bufio.NewReader(conn)
			for {
				resp, err := http.ReadResponse(answers, nil)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				statuses[resp.StatusCode]++
			}
			// The last answers can be lost: they are behind what was sent and not read any more.
			if statuses[http.StatusTooManyRequests] > 1 || statuses[http.StatusNotFound] > 10_000 {
				t.Errorf("answers by status: %v", statuses)
			}
			if v.figure(t, `cubeconnect_public_limited_total{reason="requests"}`) == 0 {
				t.Error("none was too many")
			}
		})
	})
	t.Run("connections in a row", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			all(16, func(n int) {
				for range 200 {
					if conn, err := v.call(ctx, "127.0.6.3"); err == nil {
						_ = conn.Close()
					}
				}
			})
			if v.figure(t, `cubeconnect_public_limited_total{reason="connects"}`) == 0 {
				t.Error("none was too many")
			}
		})
	})
	t.Run("signed batches", func(t *testing.T) { // these are Meta's: none is refused, and others don't wait for them
		const item = `{"id":"1"},`
		open, end := `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[`, `{"id":"1"}]}}]}]}`
		batch := []byte(open + strings.Repeat(item, (4<<20-len(open)-len(end))/len(item)) + end)
		signature := sample.Sign(appSecret, batch)
		v.under(t, func(ctx context.Context) {
			all(6, func(n int) {
				if status, err := v.post(v.client("127.0.0.1"), batch, signature); err != nil || status != http.StatusOK {
					t.Errorf("batch %d: %d, %v", n, status, err)
				}
			})
		})
	})
}

// idleConnections returns how many connections the machine lets a test have, 10,000 at most.
func idleConnections(t *testing.T) int {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(limit.Cur-200, 10_000))
}

// frame is a frame of HTTP/2.
func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	f := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(f, stream), payload...)
}

// HTTP/2 is not spoken, so there is nothing of it to attack; who sends it all the same is closed.
func TestAttacksOverTLS(t *testing.T) {
	v := newVictim(t, true)
	v.tls.NextProtos = []string{"h2"}
	const (
		headers, reset, settings, continuation = 1, 3, 4, 9
		endStream, endHeaders                  = 1, 4
	)
	preface := append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(settings, 0, 0, nil)...)
	request := []byte{0x82, 0x84, 0x86, 0x41, 1, 'x'} // GET / of host x, in HPACK's static table
	for name, frames := range map[string]func() []byte{
		"rapid reset": func() (b []byte) {
			for stream := uint32(1); stream < 20_000; stream += 2 {
				b = append(append(b, frame(headers, endStream|endHeaders, stream, request)...), frame(reset, 0, stream, []byte{0, 0, 0, 8})...)
			}
			return b
		},
		"continuation flood": func() (b []byte) {
			b = frame(headers, endStream, 1, request)
			for range 2000 {
				b = append(b, frame(continuation, 0, 1, bytes.Repeat([]byte{0}, 1000))...)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			flood := append(bytes.Clone(preface), frames()...)
			v.under(t, func(ctx context.Context) {
				all(32, func(n int) {
					conn, err := v.call(ctx, stranger(n))
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					if got := conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != "h2" {
						t.Errorf("negotiated %q", got)
					}
					go io.Copy(io.Discard, conn) //nolint:errcheck // until it is closed
					_, _ = conn.Write(flood)     // as much as is taken
				})
			})
		})
	}
	t.Run("handshakes that never come", func(t *testing.T) {
		v.under(t, func(ctx context.Context) {
			plain := &victim{public: v.public, admin: v.admin}
			plain.hold(ctx, t, 2000, "\x16\x03\x01", "")
		})
	})
}
