package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cubeconnect/config"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	secret := e.newSecret()
	r.answers(func(n int, _ *delivered) reply {
		if n < 3 {
			return reply{status: 500 + n, body: fmt.Sprintf("attempt %d is refused", n)}
		}
		return reply{status: 202, body: "thanks"}
	})
	a.samples("message-text")
	d := n.delivery("succeeded")
	got := r.requests()
	if len(got) != 3 {
		t.Fatalf("%d requests", len(got))
	}
	for i := range got {
		wellFormed(t, &got[i])
		signedWith(t, secret, &got[i])
		if !bytes.Equal(got[i].body, got[0].body) || got[i].id() != got[0].id() {
			t.Errorf("attempt %d: %s %s, the first was %s %s", i+1, got[i].id(), got[i].body, got[0].id(), got[0].body)
		}
	}
	delivery := shape{
		"id": "ulid", "event_id": "ulid", "event": "string", "tenant_id": "int", "endpoint_id": "int", "status": "string", "attempt_count": "int",
		"next_attempt_at": "time|null", "created_at": "time", "finished_at": "time|null",
	}
	has(t, "a delivery", d, delivery)
	has(t, "a delivery", d, shape{"payload": "object", "attempts": "array"})
	says(t, "the delivery", d, object{
		"event": "message.received", "event_id": got[0].id(), "tenant_id": n.id, "endpoint_id": e.id, "attempt_count": 3, "next_attempt_at": nil, "payload": got[0].event,
	})
	attempts := d["attempts"].([]any)
	if len(attempts) != 3 {
		t.Fatalf("%d attempts", len(attempts))
	}
	for i, want := range []object{
		{"number": 1, "status_code": 501, "error": "status", "response_body": "attempt 1 is refused"},
		{"number": 2, "status_code": 502, "error": "status", "response_body": "attempt 2 is refused"},
		{"number": 3, "status_code": 202, "error": nil, "response_body": "thanks"},
	} {
		at := attempts[i].(object)
		has(t, "an attempt", at, shape{"number": "int", "started_at": "time", "duration_ms": "int", "status_code": "int|null", "error": "string|null", "response_body": "string"})
		says(t, "the attempt", at, want)
	}
	item := a.list(n.path + "/deliveries")[0]
	has(t, "a delivery in the list", item, delivery)
	hasNot(t, "a delivery in the list", item, "payload", "attempts")
	ofEvent := a.get(n.path + "/events/" + got[0].id())["deliveries"].([]any)
	if len(ofEvent) != 1 || ofEvent[0].(object)["id"] != d["id"] {
		t.Errorf("the event's deliveries: %s", encoded(ofEvent))
	}
}

// The schedule's waits hold, with a tenth more at most; between attempts it shows when the next one is.
func TestSchedule(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(10*time.Millisecond, time.Hour) })
	r.fails(2, 500)
	a.samples("message-text")
	r.wait(2)
	var d object
	eventually(t, func() error {
		if d = n.delivery("retrying"); number(t, d, "attempt_count") != 2 {
			return fmt.Errorf("attempt %s", d["attempt_count"])
		}
		return nil
	})
	wait := waits(t, d)
	if wait < time.Hour || wait > time.Hour*11/10+patience {
		t.Errorf("the second retry is after %s", wait)
	}
	if d["finished_at"] != nil {
		t.Errorf("finished_at %v", d["finished_at"])
	}
}

// waits returns the time between a delivery's last attempt and its next one.
func waits(t *testing.T, d object) time.Duration {
	t.Helper()
	attempts := d["attempts"].([]any)
	last, err := time.Parse(time.RFC3339, attempts[len(attempts)-1].(object)["started_at"].(string))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := d["next_attempt_at"].(string)
	next, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatalf("next_attempt_at: %v", err)
	}
	return next.Sub(last)
}

func TestDeadLetter(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	r.answers(func(int, *delivered) reply { return reply{status: 500, body: strings.Repeat("é", 10_000)} })
	a.samples("message-text")
	d := n.delivery("failed")
	if got := len(r.requests()); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
	says(t, "the dead letter", d, object{"attempt_count": 3, "next_attempt_at": nil})
	has(t, "the dead letter", d, shape{"finished_at": "time"})
	for _, at := range d["attempts"].([]any) {
		if b := at.(object)["response_body"].(string); b != strings.Repeat("é", 2048) {
			t.Errorf("%d bytes of the answer, want the first 4 KiB", len(b))
		}
	}
	m := a.metrics()
	if got := m.value("cubeconnect_dead_letters"); got != 1 {
		t.Errorf("dead_letters %v", got)
	}
	a.restart()
	if got := a.get(n.path + "/deliveries/" + d["id"].(string)); encoded(got) != encoded(d) {
		t.Errorf("after a restart %s, before %s", encoded(got), encoded(d))
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const inHalfAnHour = "a date in half an hour" // of the answer, which can come late
	for _, c := range []struct {
		name        string
		status      int
		header      string
		least, most time.Duration // the wait before the next attempt
	}{
		{"seconds", 503, "1800", 30 * time.Minute, 30 * time.Minute},
		{"on 429", 429, "1800", 30 * time.Minute, 30 * time.Minute},
		{"a date", 503, inHalfAnHour, 29 * time.Minute, 31 * time.Minute},
		{"an hour at most", 503, "86400", time.Hour, time.Hour},
		{"a far date", 429, "Fri, 31 Dec 2999 23:59:59 GMT", time.Hour, time.Hour},
		{"sooner than the schedule", 503, "1", time.Minute, 67 * time.Second},
		{"zero", 503, "0", time.Minute, 67 * time.Second},
		{"negative", 503, "-5", time.Minute, 67 * time.Second},
		{"a past date", 503, "Fri, 31 Dec 1999 23:59:59 GMT", time.Minute, 67 * time.Second},
		{"nonsense", 503, "soon", time.Minute, 67 * time.Second},
		{"huge", 503, strings.Repeat("9", 100), time.Minute, time.Hour},
		{"on another status", 500, "1800", time.Minute, 67 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, n, e, r := shop(t)
			e.patch(object{"retries": []string{"60s"}})
			r.answers(func(int, *delivered) reply {
				header := c.header
				if header == inHalfAnHour {
					header = time.Now().Add(30 * time.Minute).UTC().Format(http.TimeFormat)
				}
				return reply{status: c.status, header: http.Header{"Retry-After": {header}}}
			})
			n.campaign("1")
			wait := waits(t, n.delivery("retrying"))
			// It counts from the end of the attempt, which can take a moment.
			if wait < c.least || wait > c.most+patience {
				t.Errorf("the next attempt is after %s, want %s to %s", wait, c.least, c.most)
			}
		})
	}
}
