package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Dead letters are found by filters and sent again: one, and all that match.
func TestReplay(t *testing.T) {
	t.Parallel()
	a := ready(t)
	r, other := receive(t), receive(t)
	a.api("POST", "/tenants", object{"name": "Oasis Trading", "timezone": "Asia/Riyadh"})
	a.api("POST", "/tenants/1/accounts", object{"name": "Support line", "waba_id": waba1, "phone_number_id": phone1})
	a.api("POST", "/tenants/1/endpoints", object{"url": r.url, "description": "Order system", "retries": []string{}})
	a.api("POST", "/tenants/1/endpoints", object{"url": other.url, "description": "Archive", "retries": []string{}})
	r.answers(http.StatusBadGateway)
	const letters = 12
	for i := range letters {
		a.meta(message(waba1, phone1, fmt.Sprintf("96655550%04d", i), "Ana Torres", fmt.Sprintf("wamid.%d", i), "Hello"))
	}
	count := func(status string, want int) {
		t.Helper()
		eventually(t, func() error {
			if n := len(a.list("/tenants/1/deliveries?endpoint=1&status=" + status)); n != want {
				return fmt.Errorf("%d %s, want %d", n, status, want)
			}
			return nil
		})
	}
	count("failed", letters)

	b := a.signIn()
	b.open("/tenants/1/deliveries")
	b.follow("Failed")
	b.choose("Endpoint", "Order system")
	b.choose("Event", "message.received")
	b.write("Find", "+966 55 550 0007")
	b.follow("Filter")
	if rows := eval[int](b, "document.querySelectorAll('tbody tr').length"); rows != 1 {
		t.Fatalf("%d rows\n%s", rows, b.text())
	}
	b.follow("message.received")
	b.sees("Failed", "HTTP 502", "966555500007")
	r.answers(http.StatusOK)
	b.follow("Replay")
	b.sees("Delivered", "HTTP 200")
	count("succeeded", 1)

	b.open("/tenants/1/deliveries?status=failed&endpoint=1")
	b.follow("Replay all of these")
	b.sees(fmt.Sprintf("%d deliveries match", letters-1))
	eval[any](b, "window.stays = true")
	b.press("Replay them all")
	b.sees(fmt.Sprintf("%d deliveries are on their way again", letters-1))
	if !eval[bool](b, "window.stays === true && document.activeElement.matches('.result')") {
		t.Error("the page was loaded again, or the result has no focus")
	}
	count("succeeded", letters)
	b.follow("main >> Deliveries")
	b.misses("HTTP 502")

	b.open("/tenants/1/replay?status=failed&endpoint=1")
	b.sees("Nothing matches")

	// A new endpoint catches up on what was before it.
	late := receive(t)
	a.api("POST", "/tenants/1/endpoints", object{"url": late.url, "description": "Late"})
	b.open("/tenants/1/endpoints/3")
	b.follow("Catch up on missed events")
	b.sees(fmt.Sprintf("%d deliveries match", letters))
	b.press("Replay them all")
	b.sees("on their way again")
	late.wait(letters)
}

// A replay that takes several steps says how far it is, and goes on by itself.
func TestReplayInSteps(t *testing.T) {
	t.Parallel()
	a := ready(t)
	b := a.signIn()
	a.api("POST", "/tenants", object{"name": "Oasis Trading", "timezone": "UTC"})
	a.api("POST", "/tenants/1/accounts", object{"name": "Support line", "waba_id": waba1, "phone_number_id": phone1})
	const events, each = 11_000, 500 // one answer does 10,000
	for i := 0; i < events; i += each {
		var messages []any
		for j := range each {
			messages = append(messages, object{"from": fmt.Sprint(966555500000 + (i+j)%1000), "id": fmt.Sprintf("wamid.%d", i+j), "timestamp": "1794821400", "type": "text", "text": object{"body": "Hello"}})
		}
		a.meta(change(waba1, "messages", object{"metadata": object{"phone_number_id": phone1}, "messages": messages}))
	}
	a.api("POST", "/tenants/1/endpoints", object{"url": "http://127.0.0.1:9/hooks", "enabled": false})
	b.open("/tenants/1/replay?status=missing&endpoint=1")
	b.sees("More than 10,000 deliveries match")
	eval[any](b, `(() => {
		window.seen = [];
		new MutationObserver(() => { if (document.querySelector("#replay progress")) window.seen.push(words()); }).observe(document.body, { childList: true, subtree: true });
	})()`)
	b.press("Replay them all")
	b.sees("11,000 deliveries are on their way again")
	if seen := eval[[]string](b, "window.seen"); len(seen) == 0 || !strings.Contains(seen[0], "10,000") {
		t.Errorf("on the way it said %q", seen)
	}
}
