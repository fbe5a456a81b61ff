package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"cubeconnect/egress"
	"cubeconnect/webhook"
)

// message makes an event of a customer's message, as if Meta had sent it, and returns its id.
func (f *fixture) message(tenant uint32, wamid, customer string) webhook.ID {
	f.t.Helper()
	payload, err := json.Marshal(map[string]any{"event": webhook.MessageReceived, "wa_message_id": wamid, "from": customer, "content": "Hello\n<b>"})
	f.ok(err)
	in := webhook.Inbound{ReceivedAt: f.clock.now(), Tenants: []uint32{tenant}, Items: []webhook.Item{{
		TenantID: tenant, AccountID: tenant,
		Message: &webhook.MessageItem{PhoneNumberID: fmt.Sprint(200 + tenant), MessageID: wamid, Customer: customer, At: f.clock.now()},
		Event: &webhook.Event{
			TenantID: tenant, Type: webhook.MessageReceived, Payload: payload, Raw: []byte(`{"id":"` + wamid + `"}`), Conversation: webhook.ConversationOf(tenant, customer),
		},
	}}}
	_, err = f.store.Accept(f.t.Context(), &in)
	f.ok(err)
	return f.newest(tenant)
}

// messages makes many at once, each of another customer, and returns their events' ids.
func (f *fixture) messages(n int) []webhook.ID {
	f.t.Helper()
	in := webhook.Inbound{ReceivedAt: f.clock.now(), Tenants: []uint32{1}}
	for i := range n {
		wamid, customer := fmt.Sprint("wamid.", f.made+i), fmt.Sprint(966500000000+(f.made+i)%10_000)
		in.Items = append(in.Items, webhook.Item{
			TenantID: 1, AccountID: 1, Message: &webhook.MessageItem{PhoneNumberID: "201", MessageID: wamid, Customer: customer, At: f.clock.now()},
			Event: &webhook.Event{
				TenantID: 1, Type: webhook.MessageReceived, Conversation: webhook.ConversationOf(1, customer),
				Payload: fmt.Appendf(nil, `{"event":"message.received","tenant_id":1,"timestamp":"2026-03-10T14:30:00+03:00","whatsapp_account_id":1,"wa_message_id":"%s","from":"%s","sender_name":"Sara","type":"text","content":"%0100d"}`, wamid, customer, i),
			},
		})
	}
	f.made += n
	_, err := f.store.Accept(context.Background(), &in)
	f.ok(err)
	list, err := f.store.Audits(context.Background(), webhook.AuditFilter{}, webhook.Page{Limit: 1})
	f.ok(err)
	return list.Items[0].EventIDs
}

// settle ends deliveries to the first endpoint at once: dead letters each so many, the others delivered.
func (f *fixture) settle(events []webhook.ID, dead int) {
	f.t.Helper()
	var list []webhook.Settlement
	for i, id := range events {
		o := webhook.Outcome{Verdict: webhook.Delivered, Attempt: webhook.Attempt{StartedAt: f.clock.now(), StatusCode: 200, Duration: 80 * time.Millisecond, ResponseBody: []byte(`{"ok":true}`)}}
		if i%dead == 0 {
			o = webhook.Outcome{Verdict: webhook.Retry, Attempt: failedAttempt}
		}
		list = append(list, webhook.Settlement{ID: id.WithOwner(1), TenantID: 1, Outcome: o})
	}
	_, err := f.store.Settle(context.Background(), list, true)
	f.ok(err)
}

func (f *fixture) newest(tenant uint32) webhook.ID {
	f.t.Helper()
	list, err := f.store.Events(context.Background(), tenant, webhook.EventFilter{}, webhook.Page{Limit: 1})
	f.ok(err)
	return list.Items[0].ID
}

// publish makes an event that has no conversation.
func (f *fixture) publish(tenant uint32, event, payload string) webhook.ID {
	f.t.Helper()
	id, err := f.store.Publish(f.t.Context(), webhook.Publication{Event: webhook.Event{TenantID: tenant, Type: event, Payload: []byte(payload)}})
	f.ok(err)
	return id
}

// attempt ends an attempt at a delivery: with 200, or with an error. Next is the time of the one after it.
func (f *fixture) attempt(tenant uint32, delivery webhook.ID, a webhook.Attempt, next time.Time) {
	f.t.Helper()
	o := webhook.Outcome{Verdict: webhook.Delivered, Attempt: a}
	if a.StartedAt.IsZero() {
		o.Attempt.StartedAt = f.clock.now()
	}
	if a.Error != "" {
		o.Verdict = webhook.Retry
	} else if a.StatusCode == 0 {
		o.Attempt.StatusCode = 200
	}
	_, err := f.store.Finish(f.t.Context(), delivery, tenant, o, next)
	f.ok(err)
}

var failedAttempt = webhook.Attempt{Error: webhook.ErrorStatus, StatusCode: 503, Duration: 1200 * time.Millisecond, ResponseBody: []byte("<i>down</i>")}

// deliveriesFixture has one delivery of each status, a minute apart, and a second endpoint that is new.
func deliveriesFixture(t *testing.T) (f *fixture, b *browser, ids map[string]webhook.ID) {
	f = newFixture(t).withPassword()
	f.tenant("Oasis")
	ids = map[string]webhook.ID{}
	for i, name := range []string{"failed", "succeeded", "retrying", "pending"} {
		id := f.message(1, "wamid."+name, fmt.Sprint("96650000000", i)).WithOwner(1)
		ids[name] = id
		switch name {
		case "failed":
			f.attempt(1, id, failedAttempt, time.Time{})
		case "succeeded":
			f.attempt(1, id, webhook.Attempt{Duration: 90 * time.Millisecond}, time.Time{})
		case "retrying":
			f.attempt(1, id, webhook.Attempt{Error: webhook.ErrorTimeout, Duration: 10 * time.Second}, f.clock.now().Add(90*time.Minute))
		}
		f.clock.advance(time.Minute)
	}
	_, err := f.store.CreateEndpoint(t.Context(), webhook.Endpoint{TenantID: 1, URL: "https://other.example.com/in", Events: []string{"*"}, Enabled: true})
	f.ok(err)
	return f, f.signedIn(), ids
}

// shows checks which deliveries or events a page links to, in this order.
func (a answer) shows(want ...webhook.ID) answer {
	a.t.Helper()
	a.page(200)
	var got []string
	for _, m := range regexp.MustCompile(`<td class="main"><a href="[^"]*/([0-9A-Z]{26})"`).FindAllStringSubmatch(a.Body.String(), -1) {
		got = append(got, m[1])
	}
	var ids []string
	for _, id := range want {
		ids = append(ids, id.String())
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		a.t.Errorf("%s shows %v, want %v", a.what, got, ids)
	}
	return a
}

func TestDeliveryList(t *testing.T) {
	f, b, ids := deliveriesFixture(t)
	failed, succeeded, retrying, pending := ids["failed"], ids["succeeded"], ids["retrying"], ids["pending"]
	const at = "/tenants/1/deliveries"
	page := b.get(at).shows(pending, retrying, succeeded, failed).page(200,
		"Pending 1", "Retrying 1", "Failed 1", "HTTP 503 · 1.2 s", "HTTP 200 · 90 ms", "No answer in time · 10 s", "In 1 h 28 min", "Now",
		"Times are in Asia/Riyadh (UTC+03:00)", "10 Mar, 14:30:00", "Oasis", "A customer wrote", "Replay…")
	if !strings.Contains(page.Body.String(), `<time datetime="2026-03-10T14:30:00.000+03:00">`) {
		t.Error("the time is not the tenant's")
	}
	for name, id := range ids {
		b.get(at + "?status=" + name).shows(id)
	}
	b.get(at+"?status=failed").page(200, "Replay all of these")
	b.get(at+"?status=retrying").page(200, "Replay…")
	b.get(at+"?event=message.received&endpoint=1").shows(pending, retrying, succeeded, failed)
	b.get(at+"?endpoint=2").shows().page(200, "No delivery matches", "Show all")
	b.get(at + "?event=campaign.created").shows()
	// Times are the tenant's, three hours ahead.
	for query, want := range map[string][]webhook.ID{
		"since=2026-03-10T14:31":                              {pending, retrying, succeeded},
		"until=2026-03-10T14:31":                              {failed},
		"since=2026-03-10T14:31&until=2026-03-10T14:32":       {succeeded},
		"since=2026-03-10T14:33":                              {pending},
		"since=2026-03-10T11:33:00Z":                          {pending},
		"since=2026-03-11":                                    nil,
		"until=2026-03-10":                                    nil,
		"since=2026-03-10T14:30:01&until=2026-03-10T14:31:01": {succeeded},
		"status=failed&since=2026-03-10T14:31":                nil,
	} {
		b.get(at + "?" + query).shows(want...)
	}
	b.get(at+"?since=2026-03-10T11:31:30Z").page(200, "2026-03-10T14:31:30").lacks("Z\"")
	for query, words := range map[string]string{
		"since=yesterday":                   "Enter a date and a time.",
		"until=0001-01-01":                  "Enter a date and a time.",
		"since=2026-03-11&until=2026-03-10": "This is before the beginning.",
		"status=lost":                       "Choose one of those that are offered.",
		"status=missing":                    "Choose one of those that are offered.",
		"event=message.lost":                "Choose one of those that are offered.",
		"endpoint=x":                        "Choose one of those that are offered.",
		"endpoint=0":                        "Choose one of those that are offered.",
	} {
		b.get(at+"?"+query).page(422, words)
	}
	b.get(at+"?cursor=x").page(422, "This page of the list doesn't exist")
	b.get(at+"?endpoint=77").shows().page(200, "Endpoint 77, deleted")

	// Whose endpoint is gone, whose is disabled.
	_, err := f.store.UpdateEndpoint(t.Context(), 1, 1, func(e *webhook.Endpoint) error { e.Enabled = false; return nil })
	f.ok(err)
	b.get(at+"?status=pending").page(200, "When the endpoint is enabled")
	f.ok(f.store.DeleteEndpoint(t.Context(), 1, 1))
	b.get(at+"?status=failed").page(200, "Endpoint 1, deleted")

	f.tenant("Empty")
	b.get("/tenants/2/deliveries").page(200, "No deliveries yet", "WhatsApp accounts")
	b.get("/tenants/9/deliveries").page(404)
	_, err = f.store.CreateTenant(t.Context(), webhook.Tenant{Name: "new", Timezone: "UTC"})
	f.ok(err)
	b.get("/tenants/3/deliveries").page(200, "No deliveries yet", "Add endpoint")
}

// What somebody has in hand leads to its deliveries and events.
func TestFind(t *testing.T) {
	f, b, ids := deliveriesFixture(t)
	failed, event := ids["failed"], ids["failed"].OfTenant(1)
	conversation := fmt.Sprintf("conversation:%016x", uint64(webhook.ConversationOf(1, "966500000000")))
	published := f.publish(1, webhook.CampaignCreated, `{"event":"campaign.created"}`)
	user := f.message(1, "wamid.user", "US.1234567890")
	for _, text := range []string{
		event.String(), strings.ToLower(event.String()), failed.String(), "wamid.failed", " wamid.failed ", conversation,
		"966500000000", "+966 50 000 0000", "00966-50-000-0000", "\u202a+966 50\u00a0000 0000\u202c", "٩٦٦٥٠٠٠٠٠٠٠٠", "۹۶۶۵۰۰۰۰۰۰۰۰",
	} {
		b.get("/tenants/1/deliveries?find=" + url.QueryEscape(text)).shows(failed)
		b.get("/tenants/1/events?find=" + url.QueryEscape(text)).shows(event)
	}
	b.get("/tenants/1/deliveries?find="+url.QueryEscape("US.1234567890")).shows(user.WithOwner(2), user.WithOwner(1))
	b.get("/tenants/1/deliveries?find="+published.String()).shows(published.WithOwner(1), published.WithOwner(2))
	b.get("/tenants/1/deliveries?find=" + published.WithOwner(2).String()).shows(published.WithOwner(2))
	b.get("/tenants/1/deliveries?endpoint=1&find=" + published.String()).shows(published.WithOwner(1))
	b.get("/tenants/1/deliveries?status=failed&find=wamid.failed").shows(failed).page(200, "Replay…")
	for _, query := range []string{
		"status=succeeded&find=wamid.failed", "event=campaign.created&find=wamid.failed", "endpoint=2&find=wamid.failed", "since=2026-03-11&find=wamid.failed", "until=2026-03-10&find=wamid.failed",
		"find=wamid.unknown", "find=966", "find=nobody", "find=conversation:x", "find=conversation:0", "find=" + webhook.IDAt(begun).String(),
	} {
		b.get("/tenants/1/deliveries?"+query).shows().page(200, "No delivery matches")
	}
	f.tenant("Other")
	b.get("/tenants/2/deliveries?find=wamid.failed").shows()
	b.get("/tenants/2/deliveries?find=" + event.String()).shows()
	b.get("/tenants/2/events?find=" + event.String()).shows()
}

// Pages lead on with their filter. One that looks for little says how far it has looked.
func TestDeliveryPages(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	rare := f.publish(1, webhook.CampaignCreated, `{}`)
	f.clock.advance(time.Hour)
	f.messages(firstParts*webhook.MaxScan + 10)
	next := regexp.MustCompile(`href="([^"]*cursor=[^"]*)" rel="next"`)
	follow := func(a answer) answer {
		t.Helper()
		m := next.FindStringSubmatch(a.page(200).Body.String())
		if m == nil {
			t.Fatalf("%s leads nowhere", a.what)
		}
		return b.get(strings.ReplaceAll(m[1], "&amp;", "&"))
	}
	for _, list := range []string{"deliveries", "events"} {
		second := follow(b.get("/tenants/1/"+list+"?event=message.received&since=2026-03-10").page(200, "Next page").lacks("First page"))
		if q := second.what; !strings.Contains(q, "event=message.received&since=2026-03-10T00") {
			t.Errorf("the filter is gone: %s", q)
		}
		second.page(200, "Next page", "First page")
		far := b.get("/tenants/1/"+list+"?event=campaign.created").shows().page(200, "40,000 records were looked at, back to 10 Mar 2026, 15:30:00", "Look further back")
		id := rare
		if list == "deliveries" {
			id = rare.WithOwner(1)
		}
		follow(far).shows(id).lacks("Look further back")
	}
}

func TestDeliveryPage(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	secret := webhook.GenerateSecret()
	_, err := f.store.UpdateEndpoint(t.Context(), 1, 1, func(e *webhook.Endpoint) error {
		e.Secret, e.IncludeRaw, e.Headers = secret, true, map[string]string{"Authorization": "Bearer hidden-token"}
		e.URL = "https://crm.example.com/it's"
		return nil
	})
	f.ok(err)
	event := f.message(1, "wamid.1", "966500000001")
	id := event.WithOwner(1)
	at, start := "/tenants/1/deliveries/"+id.String(), f.clock.now()
	b := f.signedIn()
	b.get(at).page(200, "Pending", "Next attempt Now", "Deliveries of the same conversation").lacks("Replay", "Try now")

	asks := func(want bool) {
		t.Helper()
		if got := strings.Contains(b.get(at).Body.String(), `id="delivery" data-refresh="2"`); got != want {
			t.Errorf("it is fetched again: %v", got)
		}
	}
	asks(true)
	first := failedAttempt
	first.StartedAt = start.Add(time.Second)
	f.attempt(1, id, first, f.clock.now().Add(time.Minute))
	b.get(at).page(200, "Retrying", "Try now", "In 60 s · 10 Mar 2026, 14:31:00", "Attempt 1 HTTP 503", "took 1.2 s", "Its own log says why", "<i>down</i>")
	asks(false)
	f.clock.advance(50 * time.Second)
	asks(true)
	f.attempt(1, id, webhook.Attempt{StartedAt: start.Add(12200 * time.Millisecond), Error: webhook.ErrorRefused}, time.Time{})
	asks(false)
	f.clock.advance(time.Hour)
	page := b.get(at).page(200, "Failed", "Replay", "Attempt 2 Connection refused", "Nothing accepts connections there", "10 s after the attempt before",
		"https://crm.example.com/it's", `"raw" : {`, `"content" : "Hello\n<b>"`, "User-Agent CubeConnect-Webhook/1.0", "X-Webhook-Id "+event.String(),
		"X-Webhook-Timestamp 2026-03-10T11:30:12+00:00", "webhook-timestamp 1773142201", "Authorization hidden", "Headers are not kept", "Finished",
		`curl -sS -i -X POST 'https://crm.example.com/it'\''s'`, "-H 'Authorization: VALUE'", "write them in place of VALUE").lacks("hidden-token", secret.Reveal())

	// The body is what is sent, and the command's signature is good now.
	_, ev, err := f.store.Delivery(t.Context(), 1, id)
	f.ok(err)
	body := b.get(at + "/body")
	if body.Code != 200 || !bytes.Equal(body.Body.Bytes(), ev.Body(true)) || body.Header().Get("Content-Disposition") != `attachment; filename="body.json"` {
		t.Errorf("body %d %s", body.Code, body.Body)
	}
	command := page.text()[strings.Index(page.text(), "curl -sS"):]
	header := http.Header{}
	for _, m := range regexp.MustCompile(`-H '([^:']+): ([^']*)'`).FindAllStringSubmatch(command, -1) {
		header.Set(m[1], m[2])
	}
	data := regexp.MustCompile(`--data-binary '(\{.*?\}\})'`).FindStringSubmatch(command)
	if data == nil {
		t.Fatal(command)
	}
	if err := egress.Verify(secret, header, []byte(data[1]), f.clock.now(), time.Minute); err != nil {
		t.Error(err)
	}

	b.post(at + "/replay").to(at)
	b.get(at).page(200, "It is sent again now", "Pending", "Attempt 2").lacks("Try now")
	d, _, err := f.store.Delivery(t.Context(), 1, id)
	f.ok(err)
	if d.Status != webhook.Pending || len(f.woken) == 0 || f.woken[0] != 1 {
		t.Errorf("%s, woken %v", d.Status, f.woken)
	}

	for range webhook.MaxAttemptsKept {
		f.attempt(1, id, failedAttempt, f.clock.now())
	}
	b.get(at).page(200, "2 earlier attempts are no longer kept", "Attempt 62").lacks("Attempt 2 ")
	f.attempt(1, id, webhook.Attempt{ResponseBody: bytes.Repeat([]byte("x"), webhook.MaxResponseBytes)}, time.Time{})
	b.get(at).page(200, "Delivered", "The beginning of its answer", "Replay")
	f.ok(f.store.DeleteEndpoint(t.Context(), 1, 1))
	b.get(at).page(200, "Endpoint 1, deleted", "X-Webhook-Timestamp").lacks("curl", "X-Webhook-Signature", "Replay")
	b.post(at+"/replay").page(409, "The delivery's endpoint was deleted.")

	for _, path := range []string{"/tenants/1/deliveries/x", "/tenants/1/deliveries/" + event.String(), "/tenants/2/deliveries/" + id.String(), at + "x"} {
		b.get(path).page(404)
		b.get(path + "/body").page(404)
		b.post(path + "/replay").page(404)
	}
}

// One that waits for another of its conversation says so, and a large body stays out of the page.
func TestDeliveryThatWaits(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	for payload, words := range map[string][]string{
		`{"name":"` + strings.Repeat("x", maxArgument) + `"}`: {"64.0 KiB", "This is the beginning only", "--data-binary @body.json", "the request is not signed"},
		"{\"name\":\"a\u202eb\"}":                             {"16 B", `a\u202eb`, "--data-binary @body.json"},
		`{"name":"ab"}`:                                       {"13 B", `--data-binary '{"name":"ab"}'`},
	} {
		id := f.publish(1, webhook.CampaignCreated, payload).WithOwner(1)
		b.get("/tenants/1/deliveries/"+id.String()).page(200, words...).lacks("\u202e")
	}
	first, second := f.message(1, "wamid.1", "966500000001"), f.message(1, "wamid.2", "966500000001")
	f.attempt(1, first.WithOwner(1), failedAttempt, f.clock.now().Add(time.Hour))
	f.ok(f.store.Park(t.Context(), 1, webhook.ID{}, []webhook.ID{second.WithOwner(1)}))
	at := "/tenants/1/deliveries/" + second.WithOwner(1).String()
	page := b.get(at).page(200, "After an earlier one of its conversation").lacks("Try now")
	same := regexp.MustCompile(`href="(/tenants/1/deliveries\?find=conversation:[0-9a-f]{16})"`).FindStringSubmatch(page.Body.String())
	if same == nil {
		t.Fatal("no link to the conversation")
	}
	b.get(same[1]).shows(second.WithOwner(1), first.WithOwner(1))
}

func TestEventPages(t *testing.T) {
	f, b, ids := deliveriesFixture(t)
	event := ids["failed"].OfTenant(1)
	b.get("/tenants/1/events").shows(ids["pending"].OfTenant(1), ids["retrying"].OfTenant(1), ids["succeeded"].OfTenant(1), event).page(200, "A customer wrote", "Failed", "Delivered", event.String())
	b.get("/tenants/1/events?event=campaign.created").page(200, "No event matches")
	b.get("/tenants/1/events?since=x").page(422, "Enter a date and a time.")
	b.get("/tenants/1/events?until=2026-03-10T14:31").shows(event)
	at := "/tenants/1/events/" + event.String()
	b.get(at).shows(ids["failed"]).page(200, "Oasis", "HTTP 503", `"wa_message_id" : "wamid.failed"`, "A webhook of Meta", "Events of the same conversation", event.String()).lacks("Meta's own object")
	if a := b.get(at + "/payload"); a.Code != 200 || !json.Valid(a.Body.Bytes()) || !strings.Contains(a.Body.String(), `"from":"966500000000"`) {
		t.Errorf("payload %d %s", a.Code, a.Body)
	}
	f.ok(f.store.DeleteEndpoint(t.Context(), 1, 1))
	b.get(at).shows(ids["failed"]).page(200, "Endpoint 1, deleted", "HTTP 503")

	_, err := f.store.UpdateEndpoint(t.Context(), 1, 2, func(e *webhook.Endpoint) error {
		e.Events = []string{webhook.CampaignCreated}
		e.IncludeRaw = true
		return nil
	})
	f.ok(err)
	lonely := f.publish(1, webhook.CampaignStarted, `{"event":"campaign.started"}`)
	b.get("/tenants/1/events?event=campaign.started").shows(lonely).page(200, "No endpoint")
	b.get("/tenants/1/events/"+lonely.String()).page(200, "No endpoint that was enabled wanted this event", "Catch up on missed events", "Published through the API")
	_, err = f.store.UpdateEndpoint(t.Context(), 1, 2, func(e *webhook.Endpoint) error { e.Events = []string{"*"}; return nil })
	f.ok(err)
	b.get("/tenants/1/events/"+f.message(1, "wamid.raw", "1").String()).page(200, "Meta's own object", `"id" : "wamid.raw"`)

	f.tenant("Empty")
	b.get("/tenants/2/events").page(200, "No events yet")
	for _, path := range []string{"/tenants/1/events/x", "/tenants/2/events/" + event.String(), "/tenants/1/events/" + ids["failed"].String()} {
		b.get(path).page(404)
		b.get(path + "/payload").page(404)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0: {"0 ms", "0 ملي ث"}, 900 * time.Microsecond: {"1 ms", "1 ملي ث"}, 1234 * time.Millisecond: {"1.2 s", "1.2 ث"}, 10 * time.Second: {"10 s", "10 ث"}, 9990 * time.Millisecond: {"10.0 s", "10.0 ث"},
		90 * time.Second: {"90 s", "90 ث"}, 125 * time.Second: {"2 min 5 s", "2 د 5 ث"}, 3 * time.Minute: {"3 min", "3 د"}, 90 * time.Minute: {"1 h 30 min", "1 س 30 د"}, 50 * time.Hour: {"2 d 2 h", "2 ي 2 س"}, -time.Second: {"1 s", "1 ث"},
	} {
		if got := [2]string{languages["en"].span(d), languages["ar"].span(d)}; got != want {
			t.Errorf("%s: %v", d, got)
		}
	}
}

// BenchmarkDeliveries renders the list's pages with many deliveries in the file: CUBECONNECT_BENCH_DELIVERIES of
// them, or a hundred thousand.
func BenchmarkDeliveries(b *testing.B) {
	many := 100_000
	if s := os.Getenv("CUBECONNECT_BENCH_DELIVERIES"); s != "" {
		if _, err := fmt.Sscan(s, &many); err != nil {
			b.Fatal(err)
		}
	}
	f := newFixture(b).withPassword()
	f.tenant("Oasis")
	const batch = 5000
	for i := 0; i < many; i += batch {
		f.clock.advance(time.Minute)
		f.settle(f.messages(batch), 500)
	}
	f.ok(f.store.Flush(context.Background()))
	newest := f.newest(1)
	br := f.signedIn()
	for _, page := range []struct{ name, path string }{
		{"list", "/deliveries"},
		{"failed", "/deliveries?status=failed"},
		{"range", "/deliveries?status=succeeded&event=message.received&since=2026-03-10T14:30&until=2026-03-10T15:00"},
		{"message", "/deliveries?find=wamid." + fmt.Sprint(many/2)},
		{"customer", "/deliveries?find=966500000007"},
		{"nothing", "/deliveries?event=campaign.created"},
		{"one", "/deliveries/" + newest.WithOwner(1).String()},
		{"events", "/events"},
		{"replay", "/replay?status=failed"},
	} {
		b.Run(page.name, func(b *testing.B) {
			for b.Loop() {
				br.get("/tenants/1" + page.path).page(200)
			}
		})
	}
}
