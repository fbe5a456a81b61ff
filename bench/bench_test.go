package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

var one = []number{{waba: "398712345600000", phone: "510000000000000"}}

// Each conversation belongs to one connection, and all connections together send every message once.
func TestSequence(t *testing.T) {
	t.Parallel()
	const conversations, capacity = 103, 1000
	f := newFlight(one, conversations, capacity)
	for _, n := range []int64{1, 4, 64} {
		sent := map[int64]bool{}
		owner := map[int64]int64{}
		for i := range n {
			last := int64(-1)
			for k := int64(0); ; k++ {
				seq, ok := f.sequence(i, n, k)
				if !ok {
					break
				}
				if sent[seq] || seq < last-conversations {
					t.Fatalf("%d connections: message %d of %d again or much too early", n, seq, i)
				}
				sent[seq], last = true, seq
				if o, ok := owner[seq%conversations]; ok && o != i {
					t.Fatalf("%d connections: conversation %d is %d's and %d's", n, seq%conversations, o, i)
				}
				owner[seq%conversations] = i
			}
		}
		if len(sent) != capacity {
			t.Errorf("%d connections send %d of %d messages", n, len(sent), capacity)
		}
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		arrivals  []string // number of the message, or a whole id
		unordered bool
		want      string
	}{
		{name: "all is well", arrivals: []string{"1", "0", "2", "3"}},
		{name: "lost", arrivals: []string{"0", "1", "3"}, want: "1 lost"},
		{name: "repeated", arrivals: []string{"0", "1", "1", "2", "3"}, want: "1 repeated"},
		{name: "out of order", arrivals: []string{"2", "1", "0", "3"}, want: "1 out of order"},
		{name: "no order kept", arrivals: []string{"2", "1", "0", "3"}, unordered: true},
		{name: "foreign", arrivals: []string{"0", "1", "2", "3", "wamid.other-1", "7", "-1", "x"}, want: "4 not of this run"},
	} {
		f := newFlight(one, 2, 4) // conversations: 0 and 2, 1 and 3
		f.unordered = c.unordered
		for n := range int64(4) {
			f.send(n, time.Microsecond)
		}
		for _, id := range c.arrivals {
			if !strings.HasPrefix(id, "wamid.") {
				id = "wamid." + f.run + "-" + id
			}
			f.arrive([]byte(id))
		}
		if got := f.wrong(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What comes in at a silent number need not arrive, and if it does, that says nothing.
func TestSilent(t *testing.T) {
	t.Parallel()
	f := newFlight([]number{{phone: "1"}, {phone: "2", silent: true}}, 10, 100)
	for n := range int64(20) {
		f.send(n, 0)
	}
	for n := range 20 {
		if n%2 == 0 || n < 5 {
			f.arrive(fmt.Appendf(nil, "wamid.%s-%d", f.run, n))
		}
	}
	if got := f.wrong(); got != "" || f.due.Load() != 10 || f.got.Load() != 10 {
		t.Errorf("%q, %d of %d", got, f.got.Load(), f.due.Load())
	}
}

type meta struct {
	Entry []struct {
		ID      string
		Changes []struct {
			Value struct {
				Metadata struct {
					PhoneNumberID string `json:"phone_number_id"`
				}
				Messages []struct {
					ID, From string
					Text     struct{ Body string }
				}
			}
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	f := newFlight(one, 1000, 1_000_000)
	body := f.body(nil, 12_345)
	next := int64(0)
	batch, n := f.batch(nil, longText, func() (int64, bool) {
		next++
		return next - 1, true
	})
	last, none := f.batch(nil, longText, func() (int64, bool) { return 0, false })
	if len(body) != bodySize || len(batch) > batchSize || len(batch) < batchSize-2*longText || int64(n) != next || none != 0 || len(last) > 100 {
		t.Errorf("%d bytes; %d messages of %d in %d bytes; %d messages", len(body), n, next, len(batch), none)
	}
	for _, c := range []struct {
		body     []byte
		messages int
		from, id string
	}{
		{body, 1, "16500000345", "-12345"}, {batch, n, "16500000000", "-0"},
	} {
		var m meta
		if err := json.Unmarshal(c.body, &m); err != nil {
			t.Fatal(err)
		}
		value := m.Entry[0].Changes[0].Value
		if m.Entry[0].ID != one[0].waba || value.Metadata.PhoneNumberID != one[0].phone || len(value.Messages) != c.messages {
			t.Errorf("%d messages for %s, %s", len(value.Messages), m.Entry[0].ID, value.Metadata.PhoneNumberID)
		}
		id := "wamid." + f.run + c.id
		if got := value.Messages[0]; got.From != c.from || got.ID != id || string(messageID(c.body)) != id {
			t.Errorf("from %s, %s", got.From, got.ID)
		}
	}
}

// The receiver does as it is told, and only what it answers with 200 has arrived.
func TestReceiver(t *testing.T) {
	t.Parallel()
	r, err := newReceiver(fails)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	f := newFlight(one, 10, 10)
	r.flight.Store(f)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post := func(n string) (int, error) {
		resp, err := client.Post(r.url(), "application/json", strings.NewReader(`{"wa_message_id":"wamid.`+f.run+`-`+n+`"}`))
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}
	if status, err := post("1"); status != 500 || f.got.Load() != 0 {
		t.Errorf("failing: %d, %v, %d arrived", status, err, f.got.Load())
	}
	r.does.Store(int32(answers))
	if status, err := post("1"); status != 200 || f.got.Load() != 1 {
		t.Errorf("answering: %d, %v, %d arrived", status, err, f.got.Load())
	}
	r.does.Store(int32(lingers))
	if status, err := post("0"); status != 200 || f.got.Load() != 2 {
		t.Errorf("lingering: %d, %v, %d arrived", status, err, f.got.Load())
	}
	r.does.Store(int32(hangs))
	client.Timeout = 50 * time.Millisecond
	if status, err := post("2"); err == nil || f.got.Load() != 2 {
		t.Errorf("hanging: %d, %d arrived", status, f.got.Load())
	}
	r.does.Store(int32(waits))
	client.Timeout = 0
	done := make(chan int)
	go func() {
		status, _ := post("3")
		done <- status
	}()
	r.goOn()
	if status := <-done; status != 200 || f.got.Load() != 3 {
		t.Errorf("going on: %d, %d arrived", status, f.got.Load())
	}
}

// A ratio is to the yardstick of the same round.
func TestTargets(t *testing.T) {
	t.Parallel()
	b := &bench{results: map[string][]sample{}}
	add := func(scenario string, round int, value float64) {
		x := nothing()
		x[delivered] = value
		b.results[scenario] = append(b.results[scenario], sample{round, x})
	}
	for round, pair := range [][3]float64{{100, 40, 60}, {10, 8, 12}, {1000, 400, 200}} {
		add("relay", round, pair[1])
		add("relay", round, pair[2])
		add("closed64", round, pair[0])
	}
	for _, c := range []struct {
		name string
		goal goal
		want string // end of the line
	}{
		{"ratio of at least", goal{"", "closed64", delivered, "relay", 2, true}, "| 2.00 (1.00 to 3.33) | ≥ 2x | met |"},
		{"ratio of more", goal{"", "closed64", delivered, "relay", 2.1, true}, "≥ 2.1x | missed |"},
		{"at most", goal{"", "closed64", delivered, "", 100, false}, "| 100 (10.0 to 1000) | - | - | ≤ 100 | met |"},
		{"less", goal{"", "closed64", delivered, "", 99, false}, "≤ 99 | missed |"},
		{"no target", goal{"", "closed64", delivered, "relay", none, true}, "| 2.00 (1.00 to 3.33) | - |  |"},
		{"not measured", goal{"", "closed64", accepted, "", 1, false}, ""},
		{"no yardstick", goal{"", "closed64", delivered, "handler", 1, false}, ""},
	} {
		if got := b.row(c.goal); !strings.HasSuffix(strings.TrimSpace(got), c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if s := spreadOf([]float64{4, math.NaN(), 1, 3, 2}); s != (spread{2.5, 1, 4}) {
		t.Errorf("%v", s)
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int64{"1KiB": 1024, "200MiB": 200 << 20, "10GiB": 10 << 30} {
		if got, err := parseSize(s); got != want || err != nil {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "10", "GiB", "-1MiB", "0MiB", "1.5GiB", "10GB"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q: %d", s, got)
		}
	}
}
