package app_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cubeconnect/config"
	"cubeconnect/webhook"
)

// everything reads all that the API shows.
func (a *appliance) everything(n *tenant) string {
	a.t.Helper()
	var b strings.Builder
	for _, path := range []string{"/tenants", n.path + "/accounts", n.path + "/endpoints", n.path + "/events", n.path + "/deliveries", "/audit", "/templates", "/api-keys"} {
		fmt.Fprintf(&b, "%s %s\n", path, encoded(a.all(path)))
	}
	for _, d := range a.all(n.path + "/deliveries") {
		fmt.Fprintln(&b, encoded(a.get(n.path+"/deliveries/"+d["id"].(string))))
	}
	for _, rec := range a.all("/audit") {
		fmt.Fprintln(&b, encoded(a.get("/audit/"+rec["id"].(string))))
	}
	for _, p := range n.payloads() {
		if id, ok := p["message_id"].(string); ok {
			fmt.Fprintln(&b, encoded(a.get("/messages/"+url.PathEscape(id))))
		}
	}
	return b.String()
}

// What was there before a restart is there after it, to the letter.
func TestRestartChangesNothing(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t)
	secret := e.newSecret()
	key := n.key()
	r.answers(func(_ int, d *delivered) reply {
		if d.event["type"] == "text" {
			return reply{status: 500}
		}
		return reply{}
	})
	a.samples("message-text", "message-image", "status-sent", "status-failed-131047", "template-rejected", "business-capability-update", "calls-connect", "message-text")
	n.campaign("1")
	n.ended(6)
	before := a.everything(n)
	for range 3 {
		a.restart()
		if after := a.everything(n); after != before {
			t.Fatalf("after a restart\n%s\nbefore\n%s", after, before)
		}
	}
	a.as(key, "GET", n.path, nil).ok(200)
	seen := len(r.requests())
	n.campaign("2")
	got := r.wait(seen + 1)[seen]
	signedWith(t, secret, &got) // the secret is the same
	if m := a.metrics(); m.value("cubeconnect_dead_letters") != 1 {
		t.Errorf("dead_letters %v", m.value("cubeconnect_dead_letters"))
	}
}

// What was not delivered when it stopped is delivered when it starts.
func TestRestartGoesOn(t *testing.T) {
	t.Parallel()
	a, n, e, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(300*time.Millisecond, time.Hour) })
	secret := e.newSecret()
	known := map[string]bool{}
	r.answers(func(_ int, d *delivered) reply {
		if known[d.id()] {
			return reply{}
		}
		known[d.id()] = true
		return reply{status: 500}
	})
	for i := range 20 {
		a.meta(text(fmt.Sprintf("165055502%02d", i), fmt.Sprintf("wamid.%d", i), fmt.Sprint(i)))
	}
	r.wait(20)
	a.restart()
	for _, d := range n.ended(20) {
		says(t, "a delivery", d, object{"status": "succeeded", "attempt_count": 2})
	}
	bodies := map[string]string{}
	for _, d := range r.requests() {
		signedWith(t, secret, &d)
		if b, again := bodies[d.id()]; again && b != string(d.body) {
			t.Errorf("event %s came as %s and as %s", d.id(), b, d.body)
		}
		bodies[d.id()] = string(d.body)
	}
	if len(bodies) != 20 {
		t.Errorf("%d events came", len(bodies))
	}
}

// A stop takes no webhook any more, and waits for the deliveries under way: they don't happen twice.
func TestStopDrains(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	release := make(chan struct{})
	r.answers(func(int, *delivered) reply { return reply{after: release} })
	const count = 5
	for i := range count {
		n.campaign(fmt.Sprint(i))
	}
	r.wait(count)
	public := strings.TrimPrefix(a.public, "http://")
	a.cancel()
	eventually(t, func() error {
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", public)
		if err != nil {
			return nil
		}
		conn.Close()
		return fmt.Errorf("it still listens")
	})
	select {
	case <-a.ended:
		t.Fatal("it ended with deliveries under way")
	default:
	}
	close(release)
	a.restart()
	for _, d := range n.ended(count) {
		says(t, "a delivery", d, object{"status": "succeeded", "attempt_count": 1})
	}
	if got := len(r.requests()); got != count {
		t.Errorf("%d requests, want %d", got, count)
	}
}

// What an endpoint doesn't answer in time is handed back: it costs no attempt, and is made at the next start.
func TestStopHandsBack(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t, func(c *config.Config) { c.Delivery.Timeout = webhook.Duration(time.Minute) })
	r.answers(func(int, *delivered) reply { return reply{hang: true} })
	n.campaign("1")
	r.wait(1)
	begun := time.Now()
	a.stop()
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the stop took %s", took)
	}
	r.answers(func(int, *delivered) reply { return reply{} })
	a.open()
	says(t, "the delivery", n.delivery("succeeded"), object{"attempt_count": 1})
	if got := r.requests(); len(got) != 2 || got[0].id() != got[1].id() {
		t.Errorf("%d requests", len(got))
	}
}

// A stop in the middle of traffic: what was answered 200 is there afterwards, and nothing is there twice.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	var mu sync.Mutex
	taken := map[string]bool{}
	public := a.public
	var posts sync.WaitGroup
	stopped := make(chan struct{})
	for p := range 4 {
		posts.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stopped:
					return
				default:
				}
				id := fmt.Sprintf("wamid.%d.%d", p, i)
				if a.try(public, text(fmt.Sprintf("1650555030%d", p), id, "x")) {
					mu.Lock()
					taken[id] = true
					mu.Unlock()
				}
			}
		})
	}
	r.wait(20)
	a.stop()
	close(stopped)
	posts.Wait()
	a.open()
	seen := map[string]int{}
	for _, p := range n.payloads() {
		seen[p["wa_message_id"].(string)]++
	}
	for id := range taken {
		if seen[id] != 1 {
			t.Errorf("%s was answered 200 and led to %d events", id, seen[id])
		}
	}
	n.ended(len(seen))
	got := map[string]int{}
	for _, d := range r.requests() {
		got[d.event["wa_message_id"].(string)]++
	}
	for id := range seen {
		if got[id] != 1 {
			t.Errorf("%s was delivered %d times", id, got[id])
		}
	}
}

// What is done with goes after its time; what waits, and what a repeat is known by, stays.
func TestRetention(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t, func(c *config.Config) {
		c.Delivery.Retries = schedule(time.Hour)
		c.Retention.Audit, c.Retention.Deliveries = webhook.Duration(time.Second), webhook.Duration(time.Second)
	})
	a.samples("message-text")
	n.ended(1)
	r.fails(1, 500)
	waiting := n.campaign("1")
	r.wait(2)
	last := time.Now()
	eventually(t, func() error {
		if time.Since(last) < 1100*time.Millisecond {
			return fmt.Errorf("nothing is due to go yet")
		}
		return nil
	})
	a.restart() // it looks right after its start
	eventually(t, func() error {
		if audits, events := len(a.list("/audit")), n.events(); audits != 0 || len(events) != 1 || events[0]["id"] != waiting {
			return fmt.Errorf("%d audit records, %d events", audits, len(events))
		}
		return nil
	})
	if list := a.list(n.path + "/deliveries"); len(list) != 1 || list[0]["status"] != "retrying" {
		t.Errorf("deliveries %s", encoded(list))
	}
	a.samples("message-text")
	if got := a.list("/audit")[0]["outcome"]; got != "duplicate" {
		t.Errorf("a repeat is %s", got)
	}
}

// A second program on the same folder, or on a port that is taken, is an error that says so.
func TestSecondProgram(t *testing.T) {
	t.Parallel()
	a := start(t)
	for name, change := range map[string]func(*config.Config){
		"folder": func(*config.Config) {},
		"port": func(c *config.Config) {
			c.DataDir, c.Public.Listen = t.TempDir(), strings.TrimPrefix(a.public, "http://")
		},
	} {
		c := a.config
		change(&c)
		if err := tryStart(c); err == nil {
			t.Errorf("%s: it started", name)
		} else if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, adminKey) {
			t.Errorf("%s: %s", name, text)
		}
	}
	a.get("/tenants")
}
