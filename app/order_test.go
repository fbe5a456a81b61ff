package app_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cubeconnect/config"
)

// contents says what came in, in order.
func contents(got []delivered) (list []string) {
	for _, d := range got {
		if c, ok := d.event["content"].(string); ok {
			list = append(list, c)
		} else {
			list = append(list, fmt.Sprint(d.event["status"]))
		}
	}
	return list
}

func inOrder(t *testing.T, got []delivered, want string) {
	t.Helper()
	if list := strings.Join(contents(got), " "); list != want {
		t.Errorf("came as %s, want %s", list, want)
	}
}

// The next delivery of a conversation begins when the one before succeeded or became a dead letter.
func TestConversationOrder(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	all := make(chan struct{}) // posted
	fails := map[string]int{"m1": 2, "m3": 3, "m5": 1}
	r.answers(func(n int, d *delivered) reply {
		re := reply{after: all}
		content, _ := d.event["content"].(string)
		if fails[content] > 0 {
			fails[content]--
			re.status = 500
		}
		return re
	})
	for i := 1; i <= 3; i++ {
		a.meta(text(customer, fmt.Sprintf("wamid.%d", i), fmt.Sprintf("m%d", i)))
	}
	a.meta(status("wamid.out", "sent", 1794821400)) // to the same customer
	a.meta(webhookOf(inMessages(waba1, phone1, "messages",
		textElement(customer, "wamid.4", "m4"), textElement(customer, "wamid.5", "m5"), textElement(customer, "wamid.6", "m6"))))
	close(all)
	list := n.ended(7)
	inOrder(t, r.requests(), "m1 m1 m1 m2 m3 m3 m3 sent m4 m5 m5 m6")
	for i, want := range []string{"succeeded", "succeeded", "failed", "succeeded", "succeeded", "succeeded", "succeeded"} {
		says(t, fmt.Sprintf("delivery %d", i+1), list[i], object{"status": want})
	}
}

func TestConversationsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t)
	stuck := make(chan struct{})
	r.answers(func(_ int, d *delivered) reply {
		if d.event["from"] == customer {
			return reply{after: stuck}
		}
		return reply{}
	})
	a.meta(text(customer, "wamid.1", "m1"), text(customer, "wamid.2", "m2"))
	r.wait(1)
	for i := range 20 {
		a.meta(text(fmt.Sprintf("1650555020%d", i), fmt.Sprintf("wamid.o%d", i), "other"))
	}
	r.wait(21)
	close(stuck)
	n.ended(22)
	got := contents(r.requests())
	if first, second := slices.Index(got, "m1"), slices.Index(got, "m2"); first != 0 || second != 21 {
		t.Errorf("m1 came as number %d, m2 as %d", first, second)
	}
}

// The order holds over a restart, and through a replay by hand of the one that holds the others up.
func TestOrderOverRestart(t *testing.T) {
	t.Parallel()
	a, n, _, r := shop(t, func(c *config.Config) { c.Delivery.Retries = schedule(time.Hour) })
	r.fails(1, 503)
	a.meta(text(customer, "wamid.1", "m1"))
	first := n.delivery("retrying")
	a.meta(text(customer, "wamid.2", "m2"), text(customer, "wamid.3", "m3"))
	a.restart()
	a.meta(text(customer, "wamid.4", "m4"), text("16505550999", "wamid.5", "other"))
	r.wait(2) // the other one came, so these would have too
	inOrder(t, r.requests(), "m1 other")
	for _, d := range reversed(a.list(n.path + "/deliveries"))[1:4] {
		says(t, "a waiting delivery", d, object{"status": "pending", "attempt_count": 0, "next_attempt_at": nil})
	}
	a.call("POST", n.path+"/deliveries/"+first["id"].(string)+"/retry", nil).ok(202)
	n.ended(5)
	inOrder(t, r.requests(), "m1 other m1 m2 m3 m4")
}

// Order is kept per endpoint: a failing one holds no other up.
func TestEndpointsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	a, n, e, failing := shop(t)
	e.patch(object{"retries": []string{"1h"}})
	failing.fails(1000, 500)
	good, hanging := receive(t), receive(t)
	n.endpoint(good.url, nil)
	hanging.answers(func(int, *delivered) reply { return reply{hang: true} })
	h := n.endpoint(hanging.url, nil)
	for i := 1; i <= 5; i++ {
		a.meta(text(customer, fmt.Sprintf("wamid.%d", i), fmt.Sprintf("m%d", i)))
	}
	inOrder(t, good.wait(5), "m1 m2 m3 m4 m5")
	inOrder(t, failing.wait(1), "m1")
	inOrder(t, hanging.wait(1), "m1")
	h.patch(object{"timeout": "100ms"})
}

// One tenant's customer is not another tenant's.
func TestTenantsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	a, _, _, r := shop(t)
	stuck := make(chan struct{})
	defer close(stuck)
	r.answers(func(int, *delivered) reply { return reply{after: stuck} })
	two := a.tenant("Two", "UTC")
	two.account(waba2, phone2)
	other := receive(t)
	two.endpoint(other.url, nil)
	a.meta(text(customer, "wamid.1", "m1"))
	r.wait(1)
	a.meta(webhookOf(inMessages(waba2, phone2, "messages", textElement(customer, "wamid.1", "m1"))))
	other.wait(1)
}

func TestConcurrencyPerEndpoint(t *testing.T) {
	t.Parallel()
	const limit, count = 3, 30
	a, n, _, slow := shop(t, func(c *config.Config) { c.Delivery.PerEndpoint, c.Delivery.Concurrency = limit, 2*limit })
	quick := receive(t)
	n.endpoint(quick.url, nil)
	release := make(chan struct{})
	slow.answers(func(int, *delivered) reply { return reply{after: release} })
	var elements []any
	for i := range count {
		elements = append(elements, textElement(fmt.Sprintf("165055502%02d", i), fmt.Sprintf("wamid.%d", i), "x"))
	}
	a.meta(webhookOf(inMessages(waba1, phone1, "messages", elements...)))
	quick.wait(count) // all of it, while the slow one has its share only
	if got := len(slow.wait(limit)); got != limit {
		t.Errorf("%d requests at a time, want %d", got, limit)
	}
	close(release)
	n.ended(2 * count)
	for _, r := range []*receiver{slow, quick} {
		r.mu.Lock()
		if len(r.got) != count || r.most > limit {
			t.Errorf("%d requests, at most %d at a time; want %d and %d", len(r.got), r.most, count, limit)
		}
		r.mu.Unlock()
	}
}

// neverBack checks that no conversation goes back: each message is named by its number in its customer's.
func neverBack(t *testing.T, got []delivered) {
	t.Helper()
	last := map[any]int{}
	for i, d := range got {
		from, ok := d.event["from"]
		if !ok {
			continue
		}
		number, err := strconv.Atoi(d.event["content"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if number < last[from] {
			t.Errorf("request %d: number %d of %s comes after number %d", i, number, from, last[from])
		}
		last[from] = number
	}
}

// Whatever fails, is restarted and is disabled meanwhile: each conversation comes in order, and all of it.
func TestOrderUnderTrouble(t *testing.T) {
	t.Parallel()
	const customers, messages = 6, 25
	a, n, e, r := shop(t, func(c *config.Config) {
		c.Delivery.Retries = schedule(time.Millisecond, time.Millisecond, time.Millisecond)
	})
	chance := rand.New(rand.NewPCG(1, 2)) // under the receiver's lock
	r.answers(func(int, *delivered) reply {
		if chance.IntN(2) == 0 {
			return reply{status: 500}
		}
		return reply{}
	})
	for i := 1; i <= messages; i++ {
		var elements []any
		for c := range customers {
			elements = append(elements, textElement(fmt.Sprintf("1650555020%d", c), fmt.Sprintf("wamid.%d.%d", c, i), fmt.Sprint(i)))
		}
		a.meta(webhookOf(inMessages(waba1, phone1, "messages", elements...)))
		switch i % 10 {
		case 3:
			a.restart()
		case 6:
			e.patch(object{"description": "changed"})
			a.restart()
		}
	}
	list := n.ended(customers * messages)
	neverBack(t, r.requests())
	attempts := map[string]int64{}
	for _, d := range r.requests() {
		attempts[d.id()]++
	}
	dead := 0
	for _, d := range list {
		if d["status"] == "failed" {
			dead++
			says(t, "a dead letter", d, object{"attempt_count": 4})
		}
		if got := attempts[d["event_id"].(string)]; got != number(t, d, "attempt_count") {
			t.Errorf("event %s came %d times, on record are %s attempts", d["event_id"], got, d["attempt_count"])
		}
	}
	t.Logf("%d deliveries, %d of them dead letters", len(list), dead)
}
