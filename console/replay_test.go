package console

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// confirm presses the button of a replay's page.
func (b *browser) confirm(a answer) answer {
	b.f.t.Helper()
	_, form, ok := strings.Cut(a.page(200).Body.String(), `<form method="post" action="/tenants/1/replay"`)
	if !ok {
		b.f.t.Fatalf("%s has nothing to confirm:\n%s", a.what, a.text())
	}
	form, _, _ = strings.Cut(form, "</form>")
	var fields []string
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(form, -1) {
		fields = append(fields, m[1], strings.ReplaceAll(m[2], "&#43;", "+"))
	}
	return b.post("/tenants/1/replay", fields...)
}

func (f *fixture) count(status webhook.Status) int {
	f.t.Helper()
	list, err := f.store.Deliveries(f.t.Context(), 1, webhook.DeliveryFilter{Status: status}, webhook.Page{Limit: webhook.MaxPage})
	f.ok(err)
	return len(list.Items)
}

func TestReplay(t *testing.T) {
	f, b, ids := deliveriesFixture(t)
	const at = "/tenants/1/replay"
	b.get(at).page(200, "Failed deliveries", "Events that were missed").lacks("Replay them all", "Nothing matches")
	for query, words := range map[string]string{
		"status=failed":                                   "1 delivery matches",
		"status=succeeded":                                "1 delivery matches",
		"status=missing":                                  "4 deliveries match",
		"status=missing&endpoint=2":                       "4 deliveries match",
		"status=missing&endpoint=1":                       "Nothing matches",
		"status=missing&until=2026-03-10T14:31":           "1 delivery matches",
		"status=failed&event=campaign.created":            "Nothing matches",
		"status=failed&since=2026-03-10T14:31":            "Nothing matches",
		"status=failed&find=966500000000":                 "1 delivery matches",
		"status=failed&find=966500000001":                 "Nothing matches",
		"status=missing&find=%2B966+50+000+0001&event=":   "1 delivery matches",
		"status=missing&find=wamid.failed":                "",
		"status=pending":                                  "",
		"status=lost":                                     "",
		"status=failed&endpoint=9":                        "",
		"status=failed&since=yesterday":                   "",
		"status=failed&since=2026-03-12&until=2026-03-11": "",
	} {
		status := 200
		if words == "" {
			status = 422
		}
		b.get(at+"?"+query).page(status, words)
	}
	if f.count(webhook.Pending) != 1 || len(f.woken) > 0 {
		t.Error("counting has changed something")
	}
	b.post(at).page(422)

	// What comes in after the count is no part of it.
	counted := b.get(at + "?status=missing&endpoint=2")
	f.clock.advance(time.Second)
	_, err := f.store.UpdateEndpoint(t.Context(), 1, 2, func(e *webhook.Endpoint) error { e.Enabled = false; return nil })
	f.ok(err)
	f.message(1, "wamid.late", "966500000009")
	b.confirm(counted).page(200, "4 deliveries are on their way again").lacks("Go on")
	if fmt.Sprint(f.woken) != "[2]" {
		t.Errorf("woken %v", f.woken)
	}
	b.get("/tenants/1/deliveries?endpoint=2").shows(ids["pending"].WithOwner(2), ids["retrying"].WithOwner(2), ids["succeeded"].WithOwner(2), ids["failed"].WithOwner(2))

	list := b.get("/tenants/1/deliveries?status=failed&endpoint=1&since=2026-03-10T14:30")
	link := regexp.MustCompile(`href="(/tenants/1/replay\?[^"]*)"`).FindStringSubmatch(list.Body.String())
	if link == nil {
		t.Fatal("no link from the list")
	}
	b.confirm(b.get(strings.ReplaceAll(link[1], "&amp;", "&")).page(200, "1 delivery matches")).page(200, "1 delivery is on its way again")
	if f.count(webhook.Failed) != 0 {
		t.Error("it is a dead letter still")
	}
	b.get("/tenants/9/replay").page(404)
	b.post("/tenants/9/replay", "status", "failed").page(404)
}

// Many deliveries go in steps, and each page leads to the next.
func TestReplayInSteps(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	f.settle(f.messages(10_150), 1)
	b := f.signedIn()
	counted := b.get("/tenants/1/replay?status=failed").page(200, "More than 10,000 deliveries match")
	half := b.confirm(counted).page(200, "10,000 deliveries so far", "Go on").lacks("on their way")
	if !strings.Contains(half.Body.String(), " data-auto>") || strings.Contains(counted.Body.String(), " data-auto>") {
		t.Error("script goes on by itself where it should not, or not where it should")
	}
	b.confirm(half).page(200, "10,150 deliveries are on their way again").lacks("Go on")
	if f.count(webhook.Failed) != 0 {
		t.Error("some are left")
	}
	b.confirm(half).page(200, "10,000 deliveries are on their way again") // the last step once more does nothing
	b.post("/tenants/1/replay", "status", "failed", "cursor", "x").page(422)
}
