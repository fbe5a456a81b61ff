package browsertest

import (
	"fmt"
	"net/http"
	"testing"
)

// The overview shows an endpoint as failing, and as healthy again, without being loaded again.
func TestLiveOverview(t *testing.T) {
	t.Parallel()
	a := ready(t)
	r := receive(t)
	a.api("POST", "/tenants", object{"name": "Oasis Trading", "timezone": "UTC"})
	a.api("POST", "/tenants/1/accounts", object{"name": "Support line", "waba_id": waba1, "phone_number_id": phone1})
	a.api("POST", "/tenants/1/endpoints", object{"url": r.url, "description": "Order system"})
	send := func(id string) {
		a.meta(message(waba1, phone1, "966555501234", "Ana Torres", id, "Hello"))
	}
	send("wamid.1")
	pages := map[string]string{"/": "Everything works", "/tenants/1": "Everything works", "/tenants/1/endpoints/1/health": "Events arrive."}
	tabs := map[string]*tab{}
	for path, well := range pages {
		b := a.signIn()
		b.open(path)
		b.sees("Live", well)
		b.badge("Healthy")
		eval[any](b, "window.stays = true")
		tabs[path] = b
	}
	tabs["/"].press("#tiles + #problems + #charts >> As a table")
	r.answers(http.StatusServiceUnavailable)
	send("wamid.2")
	for path, b := range tabs {
		b.badge("Failing")
		b.sees("It answered with status 503.")
		b.misses(pages[path])
	}
	tabs["/"].sees("1 endpoint needs attention")
	tabs["/"].until("a table that stays open", "document.querySelector('#charts details').open")
	r.answers(http.StatusOK)
	send("wamid.3")
	for path, b := range tabs {
		b.badge("Healthy")
		b.misses("It answered with status 503.")
		if !eval[bool](b, "window.stays === true") {
			t.Errorf("%s was loaded again", path)
		}
	}
	tabs["/"].follow("Show them") // the dead letter
	tabs["/"].sees("Failed")

	// A delivery's page shows what becomes of it, too.
	b := tabs["/tenants/1"]
	r.answers(http.StatusServiceUnavailable)
	a.api("PATCH", "/tenants/1/endpoints/1", object{"retries": []string{"1h"}})
	send("wamid.4")
	b.open("/tenants/1/deliveries")
	eventually(t, func() error {
		if n := len(a.list("/tenants/1/deliveries?status=retrying")); n != 1 {
			return fmt.Errorf("%d are retrying", n)
		}
		return nil
	})
	b.follow("Retrying")
	b.follow("message.received")
	b.sees("Next attempt", "Attempt 1", "HTTP 503")
	r.answers(http.StatusOK)
	b.follow("Try now")
	b.sees("It is sent again now.", "Attempt 2", "HTTP 200", "Delivered")
}

// badge waits until something has this state.
func (b *tab) badge(state string) {
	b.t.Helper()
	b.until(state, "[...document.querySelectorAll('.badge')].some((el) => plain(el.innerText) === "+quote(state)+")")
}
