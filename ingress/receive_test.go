package ingress

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubeconnect/webhook"
)

// postSigned signs a body and posts it.
func (b *bench) postSigned(body []byte, headers ...string) *httptest.ResponseRecorder {
	return b.post(body, append(headers, "X-Hub-Signature-256", signatureOf(testSecret, body))...)
}

func TestReceive(t *testing.T) {
	c := withSecrets(testSecret)
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	b := newBench(t, c)
	body := read(t, "payloads/message-text-escaped-unicode.json")
	w := b.postSigned(body, "Content-Type", "application/json", "User-Agent", "facebookexternalua",
		"X-Forwarded-For", "198.51.100.7", "X-Forwarded-For", "203.0.113.5", "Cookie", "a=b")
	if w.Code != http.StatusOK || w.Body.String() != "{\"success\":true}\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %q %v", w.Code, w.Body, w.Header())
	}
	if len(b.accepted) != 1 {
		t.Fatalf("%d accepted", len(b.accepted))
	}
	in := b.accepted[0]
	if !bytes.Equal(in.Body, body) {
		t.Error("the body is not the bytes that came")
	}
	if in.RemoteAddr != "203.0.113.5" || !in.ReceivedAt.Equal(arrival) {
		t.Errorf("from %s at %s", in.RemoteAddr, in.ReceivedAt)
	}
	want := map[string]string{
		"Content-Type":        "application/json",
		"User-Agent":          "facebookexternalua",
		"X-Hub-Signature-256": signatureOf(testSecret, body),
		"X-Forwarded-For":     "198.51.100.7, 203.0.113.5",
	}
	if !reflect.DeepEqual(in.Headers, want) {
		t.Errorf("headers %v", in.Headers)
	}
	if len(in.Items) != 1 || in.Items[0].Message == nil {
		t.Errorf("items %v", in.Items)
	}
	if got := b.counted(); got["accepted"] != 1 || got["duration"] != 1 || len(got) != 2 {
		t.Errorf("counted %v", got)
	}
}

// TestReceiveAlways200: nothing in a signed body leads to another answer.
func TestReceiveAlways200(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	bodies := [][]byte{
		nil, []byte("x"), []byte("[]"), []byte(`{"object":"page"}`), []byte("\xff\x00"),
		bytes.Repeat([]byte("["), 1<<20), read(t, "own/message-invalid-utf8.json"), read(t, "own/envelope-odd-shapes.json"),
	}
	for _, body := range bodies {
		if w := b.postSigned(body); w.Code != http.StatusOK {
			t.Errorf("%.40q: %d", body, w.Code)
		}
	}
	if len(b.accepted) != len(bodies) {
		t.Errorf("%d of %d accepted", len(b.accepted), len(bodies))
	}
	for i, in := range b.accepted {
		if !bytes.Equal(in.Body, bodies[i]) {
			t.Errorf("body %d is not the bytes that came", i)
		}
	}
}

func TestReceiveOutcomes(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	for _, outcome := range webhook.AuditOutcomes {
		b.outcome = outcome
		if w := b.postSigned([]byte(`{}`)); w.Code != http.StatusOK {
			t.Errorf("%s: %d", outcome, w.Code)
		}
		if got := b.counted()[string(outcome)]; got != 1 {
			t.Errorf("%s was counted %v times", outcome, got)
		}
	}
}

func TestReceiveStorageFails(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	for _, err := range []error{webhook.ErrFull, webhook.ErrClosed, fmt.Errorf("commit: %w", io.ErrShortWrite)} {
		b.err = err
		w := b.postSigned([]byte(`{}`))
		wantRefusal(t, w, http.StatusServiceUnavailable, "SERVICE_DEGRADED")
		if got := w.Header().Get("Retry-After"); got != "5" {
			t.Errorf("Retry-After %q", got)
		}
	}
	if got := b.log.lines("ERROR"); len(got) != 1 || got[0]["err"] != webhook.ErrFull.Error() {
		t.Errorf("log %v", got)
	}
	b.advance(logEvery)
	b.postSigned([]byte(`{}`))
	if got := b.log.lines("ERROR"); len(got) != 2 || got[1]["suppressed"] != 2.0 {
		t.Errorf("log %v", got)
	}
	if got := b.counted(); got["unavailable"] != 4 || got["duration"] != 4 || len(got) != 2 {
		t.Errorf("counted %v", got)
	}
	b.err = nil
	if w := b.postSigned([]byte(`{}`)); w.Code != http.StatusOK {
		t.Errorf("after the failure: %d", w.Code)
	}
}

func TestReceiveClientGone(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	b.err = context.Canceled
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(`{}`))
	r.Header.Set("X-Hub-Signature-256", signatureOf(testSecret, []byte(`{}`)))
	b.do(r)
	if got := b.log.lines("ERROR"); len(got) != 0 {
		t.Errorf("log %v", got)
	}
}

// countingReader says how much was read of it.
type countingReader struct {
	io.Reader
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	return n, err
}

func TestReceiveTooLarge(t *testing.T) {
	const limit = 1000
	c := withSecrets(testSecret)
	c.MaxBody = limit
	tests := []struct {
		name     string
		size     int
		announce int64 // -1: not at all
		want     int
		read     int64 // at most
	}{
		{"Largest", limit, limit, 200, limit},
		{"LargestUnannounced", limit, -1, 200, limit},
		{"OneMore", limit + 1, limit + 1, 413, 0},
		{"OneMoreUnannounced", limit + 1, -1, 413, limit + 1},
		{"MuchMoreUnannounced", 10 << 20, -1, 413, firstBody},
		{"AnnouncedOnly", 10, 1 << 40, 413, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, c)
			body := bytes.Repeat([]byte("x"), test.size)
			reader := &countingReader{Reader: bytes.NewReader(body)}
			r := httptest.NewRequest(http.MethodPost, "/", reader)
			r.ContentLength = test.announce
			r.Header.Set("X-Hub-Signature-256", signatureOf(testSecret, body))
			w := b.do(r)
			if reader.n > test.read {
				t.Errorf("read %d bytes, want at most %d", reader.n, test.read)
			}
			if test.want == http.StatusOK {
				if w.Code != http.StatusOK || len(b.accepted) != 1 || !bytes.Equal(b.accepted[0].Body, body) {
					t.Errorf("got %d, %d accepted", w.Code, len(b.accepted))
				}
				return
			}
			wantRefusal(t, w, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE")
			if got := b.counted(); got["too_large"] != 1 || len(b.accepted) != 0 {
				t.Errorf("counted %v", got)
			}
		})
	}
}

func TestReceiveDefaultLimit(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	if w := b.postSigned(bytes.Repeat([]byte(" "), DefaultMaxBody)); w.Code != http.StatusOK {
		t.Errorf("at the limit: %d", w.Code)
	}
	wantRefusal(t, b.postSigned(bytes.Repeat([]byte(" "), DefaultMaxBody+1)), http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE")
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestReceiveReadFails(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader(`{}`), failingReader{io.ErrUnexpectedEOF}))
	r.Header.Set("X-Hub-Signature-256", signatureOf(testSecret, []byte(`{}`)))
	wantRefusal(t, b.do(r), http.StatusBadRequest, "BAD_REQUEST")
	if got := b.counted(); got["bad_request"] != 1 || len(b.accepted) != 0 {
		t.Errorf("counted %v, %d accepted", got, len(b.accepted))
	}
}

// TestReceiveReadsNothingUnsigned: without a signature that could fit the body isn't looked at.
func TestReceiveReadsNothingUnsigned(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	reader := &countingReader{Reader: strings.NewReader(`{}`)}
	wantRefusal(t, b.do(httptest.NewRequest(http.MethodPost, "/", reader)), http.StatusUnauthorized, "INVALID_SIGNATURE")
	if reader.n != 0 {
		t.Errorf("read %d bytes", reader.n)
	}
}

func TestReceiveBadSignatureLog(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	bad := func() { b.post([]byte(`{}`), "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)) }
	for range 1000 {
		bad()
	}
	b.advance(logEvery - 1)
	bad()
	if got := b.log.lines("WARN"); len(got) != 1 {
		t.Errorf("%d lines", len(got))
	}
	b.advance(1)
	bad()
	bad()
	if got := b.log.lines("WARN"); len(got) != 2 || got[1]["suppressed"] != 1000.0 {
		t.Errorf("log %v", got)
	}
	b.advance(-24 * time.Hour) // the clock was wrong
	bad()
	if got := b.log.lines("WARN"); len(got) != 3 || got[2]["suppressed"] != 1.0 {
		t.Errorf("log %v", got)
	}
	if got := b.unaudited.unsigned.Load(); got != 1004 {
		t.Errorf("%d are counted for the monitor", got)
	}
	if got := b.counted()["bad_signature"]; got != 1004 {
		t.Errorf("counted %v", got)
	}
}

func TestReceiveFollowsConfigure(t *testing.T) {
	b := newBench(t, Config{})
	body := []byte(`{}`)
	wantRefusal(t, b.postSigned(body), http.StatusUnauthorized, "INVALID_SIGNATURE")
	b.Configure(withSecrets("old", testSecret))
	if w := b.postSigned(body); w.Code != http.StatusOK {
		t.Errorf("with the secret: %d", w.Code)
	}
	b.Configure(withSecrets("new"))
	wantRefusal(t, b.postSigned(body), http.StatusUnauthorized, "INVALID_SIGNATURE")
}

type panicking struct{}

func (panicking) Account(string, string) (Route, bool) { panic("directory fell over") }

// TestReceivePanic: a body that breaks the parser must not come back for days.
func TestReceivePanic(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	b.directory = panicking{}
	body := read(t, "payloads/message-text.json")
	if w := b.postSigned(body); w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
	if len(b.accepted) != 1 || !b.accepted[0].Unparsed || !bytes.Equal(b.accepted[0].Body, body) {
		t.Errorf("accepted %v", b.accepted)
	}
	if got := b.log.lines("ERROR"); len(got) != 1 {
		t.Errorf("log %v", got)
	}
}

// TestReceiveTogether: bodies are lent from a pool; none must meet another's bytes.
func TestReceiveTogether(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	const posts = 60
	sizes := []int{10, 3 << 10, 5 << 10, 100 << 10, 300 << 10}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < posts; i += 8 {
				body := messagesBody(fmt.Sprintf(`{"id":"wamid.%d","type":"text","text":{"body":%q}}`, i, strings.Repeat("x", sizes[i%len(sizes)])))
				if w := b.postSigned(body); w.Code != http.StatusOK {
					t.Errorf("post %d: %d", i, w.Code)
				}
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for _, in := range b.accepted {
		id := in.Items[0].Message.MessageID
		if !bytes.Contains(in.Body, []byte(`"`+id+`"`)) || seen[id] {
			t.Errorf("%s came with another body, or twice", id)
		}
		seen[id] = true
	}
	if len(seen) != posts {
		t.Errorf("%d of %d accepted", len(seen), posts)
	}
	if got := b.bodies.crowd.taken.Load() + b.door.share.taken.Load(); got != 0 {
		t.Errorf("%d bytes are still counted as taken", got)
	}
}

// TestPlaces: what is parsed waits for a place among bodies of its size, the longest waiting first, and
// bodies of other sizes don't wait for it.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces()
		for _, c := range []struct{ size, places int }{{0, 256}, {16 << 10, 0}, {16<<10 + 1, 16}, {largeBody, 0}, {largeBody + 1, 2}, {64 << 20, 0}} {
			for range c.places {
				if _, err := p.enter(t.Context(), c.size); err != nil {
					t.Errorf("%d bytes: %v", c.size, err)
				}
			}
			begun := time.Now()
			if _, err := p.enter(t.Context(), c.size); err != errNoPlace || time.Since(begun) != placeWait {
				t.Errorf("one more of %d bytes: %v after %s", c.size, err, time.Since(begun))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.enter(ctx, 1); err != context.Canceled {
			t.Errorf("one whose sender went away: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces()
		first, err := p.enter(t.Context(), largeBody+1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.enter(t.Context(), largeBody+1); err != nil {
			t.Fatal(err)
		}
		var order []int
		for i := range 3 {
			go func() {
				leave, err := p.enter(t.Context(), largeBody+1)
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				leave()
			}()
			synctest.Wait()
		}
		first()
		synctest.Wait()
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("came in as %v", order)
		}
	})
}

// TestReceiveWithoutAPlace: Meta is asked to send again what could not be parsed for want of room.
func TestReceiveWithoutAPlace(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	large := bytes.Repeat([]byte(" "), largeBody+1)
	for range 2 {
		if _, err := b.places.enter(t.Context(), len(large)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(large))
	r.Header.Set("X-Hub-Signature-256", signatureOf(testSecret, large))
	wantRefusal(t, b.do(r), http.StatusServiceUnavailable, "SERVICE_DEGRADED")
	if w := b.postSigned([]byte(`{}`)); w.Code != http.StatusOK {
		t.Errorf("a small body: %d", w.Code)
	}
}

func TestKeptHeadersAreBounded(t *testing.T) {
	kept := keptHeaders(http.Header{"User-Agent": {strings.Repeat("é", maxKeptHeader) + "\xff"}, "X-Forwarded-For": {"\xff"}})
	if got := kept["User-Agent"]; len(got) != maxKeptHeader || strings.Trim(got, "é") != "" {
		t.Errorf("kept %d bytes", len(got))
	}
	if kept["X-Forwarded-For"] != "\uFFFD" || len(kept) != 2 {
		t.Errorf("kept %q", kept)
	}
}
