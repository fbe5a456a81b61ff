package app_test

import (
	"fmt"
	"testing"
)

// Every list has pages, newest first, that a newcomer doesn't shift.
func TestPages(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	const count = 7
	r := receive(t)
	for i := range count {
		a.tenant(fmt.Sprint(i), "UTC")
		n.endpoint(r.url, object{"enabled": false})
		n.account(waba1, fmt.Sprintf("52%d", i))
		n.key()
		a.meta(text(customer, fmt.Sprintf("wamid.%d", i), "x"), template(int64(i+1), fmt.Sprintf("t%d", i), "de", "APPROVED", 1794821400))
	}
	for _, path := range []string{"/tenants", n.path + "/endpoints", n.path + "/accounts", "/api-keys", n.path + "/events", n.path + "/deliveries", "/audit", "/templates"} {
		t.Run(path, func(t *testing.T) {
			all := a.list(path)
			if len(all) < count {
				t.Fatalf("%d items", len(all))
			}
			if path != "/templates" {
				for i := 1; i < len(all); i++ {
					if all[i]["created_at"] != nil && all[i]["created_at"].(string) > all[i-1]["created_at"].(string) {
						t.Errorf("number %d is newer than the one before", i)
					}
				}
			}
			var got []object
			next := path + "?limit=3"
			for {
				page := a.call("GET", next, nil)
				items := page.items()
				if len(items) > 3 {
					t.Errorf("a page of %d", len(items))
				}
				got = append(got, items...)
				cursor, more := page.ok(200)["next_cursor"].(string)
				if !more {
					break
				}
				next = path + "?limit=3&cursor=" + cursor
			}
			if encoded(got) != encoded(all) {
				t.Errorf("page by page %d items, at once %d", len(got), len(all))
			}
			for _, query := range []string{"?limit=0", "?limit=-1", "?limit=201", "?limit=ten", "?limit=1&limit=2", "?cursor=%00", "?page=2"} {
				a.call("GET", path+query, nil).refused(422, "VALIDATION_ERROR")
			}
			if got := a.list(path + "?limit=200"); len(got) != len(all) {
				t.Errorf("%d of %d", len(got), len(all))
			}
		})
	}
	// Without a limit a page has 50.
	for i := range 51 {
		n.campaign(fmt.Sprint(i))
	}
	page := a.call("GET", n.path+"/events", nil)
	if got := len(page.items()); got != 50 || page.ok(200)["next_cursor"] == nil {
		t.Errorf("%d items, next_cursor %v", got, page.ok(200)["next_cursor"])
	}
	// A newcomer between two pages.
	first := a.call("GET", "/tenants?limit=3", nil)
	a.tenant("new", "UTC")
	second := a.call("GET", "/tenants?limit=3&cursor="+first.ok(200)["next_cursor"].(string), nil).items()
	last := first.items()[2]
	if number(t, second[0], "id") != number(t, last, "id")-1 {
		t.Errorf("after %s comes %s", last["id"], second[0]["id"])
	}
}
