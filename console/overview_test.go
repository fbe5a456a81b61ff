package console

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// failed is an attempt that ended so.
func failed(class webhook.ErrorClass, status int) webhook.Outcome {
	return webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: class, StatusCode: status, Duration: 3 * time.Second}}
}

var succeeded = webhook.Outcome{Verdict: webhook.Delivered, Attempt: webhook.Attempt{StatusCode: 200, Duration: 40 * time.Millisecond}}

// tried makes an event of a tenant with one endpoint, and an attempt to deliver it. With next, another
// follows; without, a failed one is a dead letter.
func (f *fixture) tried(tenant, endpoint uint32, o webhook.Outcome, next time.Duration) {
	f.t.Helper()
	id, err := f.store.Publish(f.t.Context(), webhook.Publication{Event: webhook.Event{TenantID: tenant, Type: webhook.CampaignCreated, Payload: []byte("{}")}})
	f.ok(err)
	at := time.Time{}
	if next > 0 {
		at = f.clock.now().Add(next)
	}
	_, err = f.store.Finish(f.t.Context(), id.WithOwner(endpoint), tenant, o, at)
	f.ok(err)
}

func TestOverviewPages(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	f.tenant("Oasis")
	f.tenant("Nour")
	f.tenant("Quiet")
	f.inbound(messagePost("101", "201", "wamid.1", ""))
	f.clock.advance(time.Minute)
	f.tried(1, 1, succeeded, 0)
	f.tried(2, 2, succeeded, 0)
	f.tried(2, 2, failed(webhook.ErrorStatus, 503), 0)
	f.clock.advance(time.Minute)
	f.tried(2, 2, failed(webhook.ErrorTimeout, 0), 90*time.Minute)
	f.clock.advance(3 * time.Minute)

	all := b.get("/").page(200, "1 endpoint needs attention", isolated("50%")+" 4 attempts 2 of them failed", "Oldest: 5 minutes ago", "1 failed and will be tried again",
		"There was no complete answer in time.", "Have the receiving system answer first", "Next retry: in 1 hour", "Began 4 minutes ago",
		"Needs attention", "Nothing delivered yet", "5 minutes ago", "1 in the last hour")
	body := all.Body.String()
	for _, link := range []string{"/tenants/2/endpoints/2/health", "/tenants/2/deliveries?endpoint=2&amp;status=retrying", "/tenants/2/deliveries?endpoint=2&amp;status=failed", "/tenants/3", "/?window=7d", "/?show=dead-letters#endpoints"} {
		if !strings.Contains(body, `href="`+link+`"`) {
			t.Errorf("no link to %s", link)
		}
	}
	if failing, healthy := strings.Index(body, "endpoints/2/health"), strings.Index(body, "endpoints/1/health"); failing > healthy {
		t.Error("the failing one is not the first")
	}
	theirs := b.get("/tenants/1").page(200, "Oasis", "Everything works", isolated("100%")+" 1 attempt", "10 Mar 2026, 14:35 UTC+03:00").lacks("Nour", "needs attention", "Refused: bad signature")
	if strings.Contains(theirs.Body.String(), `id="tenants"`) {
		t.Error("a tenant's page lists tenants")
	}
	b.get("/tenants/3").page(200, "Nothing has been delivered yet", "Nothing has come from Meta in the last 7 days.", "Nothing sent yet")
	b.get("/tenants/9").page(404)
	b.get("/?show=healthy").page(200, "Oasis https").lacks("no complete answer")
	b.get("/?search=nour").page(200, "no complete answer").lacks("Oasis https")
	b.get("/?search=zzz").page(200, "No endpoint matches", "Show all")

	h := b.get("/tenants/2/endpoints/2/health").page(200, "Failing", "There was no complete answer in time.", "p95", "33.3%", "Next retry: in 1 hour", "1 hour", "7 days", "As a table")
	for _, link := range []string{"/tenants/2/deliveries?endpoint=2", "/tenants/2/endpoints/2", "/tenants/2/endpoints/2#test", "/tenants/2/endpoints/2/health?window=1h", "/tenants/2"} {
		if !strings.Contains(h.Body.String(), `href="`+link+`"`) {
			t.Errorf("no link to %s", link)
		}
	}
	b.get("/tenants/1/endpoints/1/health").page(200, "Healthy", "Events arrive. The last one was delivered 4 minutes ago")
	b.get("/tenants/3/endpoints/3/health").page(200, "Nothing sent yet", "Nothing has been sent to it yet.", "Nothing in this time.")
	b.get("/tenants/1/endpoints/2/health").page(404)
	if !strings.Contains(b.get("/tenants/2/endpoints/2").page(200).Body.String(), `href="/tenants/2/endpoints/2/health"`) {
		t.Error("the settings don't lead to the health")
	}

	_, err := f.store.DisableEndpoint(t.Context(), 2, "the endpoint answered 410 Gone")
	f.ok(err)
	b.get("/").page(200, "Disabled by itself", "The endpoint answered 410: it wants no more events.", "When the cause is mended").lacks("Next retry")
	b.get("/tenants/2/endpoints/2/health").page(200, "Disabled by itself", "The endpoint answered 410")
	_, err = f.store.UpdateEndpoint(t.Context(), 1, 1, func(e *webhook.Endpoint) error { e.Enabled = false; return nil })
	f.ok(err)
	b.get("/tenants/1/endpoints/1/health").page(200, "Disabled", "It is disabled: nothing is delivered to it.").lacks("Disabled by itself")
}

// What a person chose stays in the address, and what is none of the choices is said.
func TestOverviewChoices(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	f.tenant("Oasis")
	for i := range 30 {
		_, err := f.store.CreateEndpoint(t.Context(), webhook.Endpoint{TenantID: 1, URL: fmt.Sprintf("https://n%02d.example/", i), Events: []string{"*"}, Enabled: true})
		f.ok(err)
	}
	first := b.get("/?window=1h&show=unused").page(200, "1–25 of 31", "Next page").lacks("Previous page", "n04.example")
	second := "/?page=2&amp;show=unused&amp;window=1h#endpoints"
	if !strings.Contains(first.Body.String(), `href="`+second+`"`) {
		t.Errorf("no link to %s", second)
	}
	b.get("/?page=2&show=unused&window=1h").page(200, "26–31 of 31", "Previous page", "n04.example").lacks("Next page", "n10.example")
	b.get("/?page=7").page(200, "No endpoint matches", "Previous page")
	for query, says := range map[string]string{
		"window=1y": "This choice doesn't exist", "show=broken": "This choice doesn't exist", "page=0": "This page of the list doesn't exist", "page=x": "This page of the list doesn't exist",
		"page=99999999999999999999": "This page of the list doesn't exist", "search=" + strings.Repeat("x", 101): "at most 100",
	} {
		b.get("/?"+query).page(422, says)
		b.cookies[languageCookie] = "ar"
		if text := b.get("/tenants/1?" + query).page(422).text(); strings.Contains(text, "request") {
			t.Errorf("%s: not Arabic: %s", query, text)
		}
		b.cookies[languageCookie] = "en"
	}
	b.get("/tenants/1/endpoints/1/health?window=1y").page(422, "This choice doesn't exist")
	b.get("/?search="+url.QueryEscape(hostile)).page(200, hostile)
	for _, s := range monitor.Shows {
		b.get("/?show=" + string(s)).page(200)
	}
}

func TestOverviewEmpty(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	b.get("/").page(200, "Begin with a tenant", "Add tenant").lacks("Live", "Search")
	_, err := f.store.CreateTenant(t.Context(), webhook.Tenant{Name: "One", Timezone: "UTC"})
	f.ok(err)
	for _, path := range []string{"/", "/tenants/1"} {
		if a := b.get(path).page(200, "Add an endpoint"); !strings.Contains(a.Body.String(), `href="/tenants/1/new-endpoint"`) {
			t.Errorf("%s doesn't lead to a new endpoint", path)
		}
	}
	_, err = f.store.CreateTenant(t.Context(), webhook.Tenant{Name: "Two", Timezone: "UTC"})
	f.ok(err)
	b.get("/").page(200, "Add an endpoint", "Open a tenant to add one")
}

// What is off about what comes from Meta is said, with what to do, in both languages.
func TestProblems(t *testing.T) {
	posts := func(f *fixture, n int) {
		for i := range n {
			f.inbound(messagePost("101", "201", fmt.Sprint("wamid.", f.clock.now().Unix(), ".", i), ""))
		}
	}
	for name, c := range map[string]struct {
		happens func(*fixture)
		says    string
		quiet   []string // what is not said
	}{
		"nothing ever":       {func(*fixture) {}, "Nothing has come from Meta in the last 7 days.", []string{"signature is wrong"}},
		"all is well":        {func(f *fixture) { posts(f, 3) }, "Everything works", []string{"Nothing has come", "signature is wrong", "repeats", "no tenant has."}},
		"silence":            {func(f *fixture) { posts(f, 1); f.clock.advance(30 * time.Hour) }, "The last webhook from Meta came 30 hours ago", nil},
		"all refused":        {func(f *fixture) { f.store.CountUnsigned(); f.store.CountUnsigned() }, "2 webhooks came in the last hour, and all were refused", nil},
		"strangers":          {func(f *fixture) { posts(f, 30); f.store.CountUnsigned() }, "1 webhook of the last 24 hours was refused", []string{"what comes from Meta needs attention"}},
		"many refused":       {func(f *fixture) { posts(f, 3); f.store.CountUnsigned() }, "what comes from Meta needs attention", nil},
		"numbers of nobody":  {func(f *fixture) { f.inbound(messagePost("1", "2", "wamid.1", "")) }, "1 webhook of the last 24 hours was for a number that no tenant has", nil},
		"what can't be read": {func(f *fixture) { f.inbound("[]") }, "1 webhook of the last 24 hours could not be read", nil},
		"given up": {func(f *fixture) {
			posts(f, 1)
			f.tried(1, 1, failed(webhook.ErrorReset, 0), 0)
			f.tried(1, 1, succeeded, 0)
		}, "1 event was given up in the last 24 hours", []string{"Everything works"}},
		"many repeats":         {func(f *fixture) { posts(f, 2); again(f, 10) }, "10 webhooks of the last 24 hours were repeats", nil},
		"few repeats":          {func(f *fixture) { posts(f, 2); again(f, 9) }, "Everything works", []string{"were repeats"}},
		"few repeats in a lot": {func(f *fixture) { posts(f, 60); again(f, 10) }, "Everything works", []string{"were repeats"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t).withPassword()
			f.tenant("Oasis")
			f.tried(1, 1, succeeded, 0)
			c.happens(f)
			b := f.signedIn()
			b.get("/").page(200, c.says).lacks(c.quiet...)
			b.cookies[languageCookie] = "ar"
			checkPage(t, b.get("/"), 200, "ar")
			b.get("/").lacks(c.says)
		})
	}
}

// again repeats the first POST of this second.
func again(f *fixture, n int) {
	for range n {
		f.inbound(messagePost("101", "201", fmt.Sprint("wamid.", f.clock.now().Unix(), ".0"), ""))
	}
}

// For each kind of error there is a sentence, and advice.
func TestErrorWords(t *testing.T) {
	said := map[string]bool{}
	for _, class := range append(slices.Clone(webhook.ErrorClasses), "new") {
		statuses := []int{0}
		if class == webhook.ErrorStatus {
			statuses = []int{302, 400, 401, 403, 404, 405, 410, 413, 429, 500, 503}
		}
		for _, status := range statuses {
			for code, l := range languages {
				e := &monitor.Endpoint{State: monitor.Failing, Endpoint: webhook.Endpoint{Enabled: true}, Stats: webhook.EndpointStats{LastError: class, LastStatus: status}}
				w := l.whyOf(e)
				if status > 0 && !strings.Contains(w.Text, fmt.Sprint(status)) {
					t.Errorf("%s %d: %q doesn't name the status", class, status, w.Text)
				}
				arabic := func(s string) bool {
					return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Arabic, r) })
				}
				if arabic(w.Text) != (code == "ar") || arabic(string(w.Do)) != (code == "ar") || strings.Contains(w.Text+string(w.Do), "{") || strings.Contains(w.Text, "why.") {
					t.Errorf("%s %d in %s: %q, %q", class, status, code, w.Text, w.Do)
				}
				said[string(w.Do)] = true
			}
		}
	}
	if len(said) != 2*(len(webhook.ErrorClasses)-1+8) {
		t.Errorf("%d kinds of advice", len(said))
	}
	for _, state := range []monitor.State{monitor.Healthy, monitor.Unused, monitor.Disabled} {
		if w := languages["en"].whyOf(&monitor.Endpoint{State: state}); w != nil {
			t.Errorf("%s: %+v", state, w)
		}
	}
}

func TestAgo(t *testing.T) {
	for code, cases := range map[string]map[time.Duration]string{
		"en": {0: "just now", time.Minute: "1 minute ago", 59*time.Minute + 59*time.Second: "59 minutes ago", 47 * time.Hour: "47 hours ago", 50 * time.Hour: "2 days ago", -time.Minute: "just now"},
		"ar": {0: "قبل لحظات", time.Minute: "منذ دقيقة", 2 * time.Minute: "منذ دقيقتين", 5 * time.Hour: "منذ 5 ساعات", 11 * time.Hour: "منذ 11 ساعة", 72 * time.Hour: "منذ 3 أيام"},
	} {
		for d, want := range cases {
			got := string(languages[code].ago(begun.Add(-d), begun, time.UTC))
			if !strings.HasSuffix(got, ">"+want+"</time>") || !strings.Contains(got, `datetime="`+begun.Add(-d).Format(time.RFC3339)+`"`) {
				t.Errorf("%v in %s: %s", d, code, got)
			}
		}
	}
	if got := string(languages["en"].until(begun.Add(90*time.Minute), begun, time.UTC)); !strings.Contains(got, ">in 1 hour<") {
		t.Error(got)
	}
	if got := string(languages["en"].until(begun.Add(-time.Hour), begun, time.UTC)); !strings.Contains(got, ">any moment<") {
		t.Error(got)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.01: "0.01", 0.25: "0.25", 2.5: "2.5", 7: "7", 12.4: "12", 1999.6: "2,000"} {
		if got := decimal(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]float64{0: 1, 0.07: 0.08, 0.09: 0.1, 1: 1, 1.1: 2, 4: 4, 21: 30, 51: 60, 81: 100} {
		if got := ceiling(v); got < want*0.999 || got > want*1.001 {
			t.Errorf("above %v: %v, want %v", v, got, want)
		}
	}
	for d, want := range map[time.Duration]string{2500 * time.Microsecond: "2.5 ms", 40 * time.Millisecond: "40 ms", 1200 * time.Millisecond: "1.2 s", 30 * time.Second: "30 s"} {
		if got := languages["en"].took(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	for want, a := range map[string]webhook.Activity{
		"–": {}, isolated("100%"): {Succeeded: 3}, isolated("99.9%"): {Succeeded: 99999, Failed: 1}, isolated("0%"): {Failed: 1}, isolated("66.6%"): {Succeeded: 2, Failed: 1},
	} {
		if got := percent(&a); got != want {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
}

var boxes = regexp.MustCompile(`M([0-9.]+) `)

// A strip shows what failed in another shape, not in another colour alone, and goes the way the language
// goes.
func TestStrip(t *testing.T) {
	spans := make([]webhook.Activity, 4)
	for i := range spans {
		spans[i].At = begun.Add(time.Duration(i) * time.Hour)
	}
	spans[0].Succeeded = 5
	spans[1].Succeeded, spans[1].Failed = 1, 3
	spans[3].Failed = 2
	for code, where := range map[string][]string{"en": {"11", "31"}, "ar": {"21", "1"}} {
		drawing := string(languages[code].strip(spans, time.Hour, time.UTC, `a "label"`))
		marks := regexp.MustCompile(`class="bad"[^>]* d="([^"]*)"`).FindStringSubmatch(drawing)
		var at []string
		for _, m := range boxes.FindAllStringSubmatch(marks[1], -1) {
			at = append(at, m[1])
		}
		if !slices.Equal(at, where) {
			t.Errorf("%s: marks at %v, want %v", code, at, where)
		}
		if got := strings.Count(drawing, "<title>"); got != len(spans) {
			t.Errorf("%s: %d titles", code, got)
		}
		if !strings.Contains(drawing, `aria-label="a &#34;label&#34;"`) {
			t.Errorf("%s: no label: %s", code, drawing)
		}
	}
	drawing := string(languages["en"].strip(spans, time.Hour, time.UTC, ""))
	for _, says := range []string{"10 Mar, " + isolated("11:30–12:30") + ": " + isolated("100%") + " delivered, 0 failed", isolated("25%") + " delivered, 3 failed", ": no attempts"} {
		if !strings.Contains(drawing, says) {
			t.Errorf("no %q in %s", says, drawing)
		}
	}
}

// The axis has round times of the zone; a chart's table has every span in which something happened.
func TestFigure(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata") // half an hour off
	if err != nil {
		t.Fatal(err)
	}
	l, w := languages["en"], &windows[1]
	now := begun.Add(7 * time.Minute)
	a := &monitor.Windows{Series: []webhook.Activity{{At: begun.Add(-23 * time.Hour), Succeeded: 30, Failed: 15}, {At: begun, Succeeded: 15}}}
	a.Series[0].Durations.Count(40 * time.Millisecond)
	f := l.deliveriesChart().figure(l, w, a, now, kolkata)
	if len(f.Rows) != 2 || !slices.Equal(f.Rows[0].Cells, []string{"30", "15"}) || f.Top != "3" || f.Half != "1.5" {
		t.Errorf("%+v", f)
	}
	if got := regexp.MustCompile(`>([0-9:]+)</text>`).FindAllStringSubmatch(string(f.Axis), -1); len(got) < 3 || got[0][1] != "18:00" || got[1][1] != "00:00" {
		t.Errorf("axis %v", got)
	}
	if strings.Count(string(f.Drawing), "<title>") != 2 || !strings.Contains(string(f.Drawing), apart("Delivered")+" "+apart("30")+", "+apart("Failed")+" "+apart("15")) {
		t.Errorf("%s", f.Drawing)
	}
	if f := l.latencyChart().figure(l, w, a, now, time.UTC); len(f.Rows) != 2 || f.Rows[0].Cells[0] != l.took(a.Series[0].Durations.Quantile(0.5)) {
		t.Errorf("%+v", f.Rows)
	}
	if f := l.inboundChart(true).figure(l, w, a, now, time.UTC); len(f.Rows) != 0 || f.Drawing != "" || len(f.Columns) != 2 {
		t.Errorf("%+v", f)
	}
	if all := l.inboundChart(false).figure(l, w, a, now, time.UTC); len(all.Columns) != 3 {
		t.Errorf("%+v", all)
	}
	week := windows[2].marks(begun, time.UTC)
	if len(week) != 7 || week[0].text != "11/03" || week[1].text != "" {
		t.Errorf("%+v", week)
	}
}

// The overview of an installation with 1,000 endpoints of 50 tenants that have been busy for a week, a tenth
// of them failing.
func BenchmarkOverview(b *testing.B) {
	f := newFixture(b).withPassword()
	ctx := context.Background()
	const tenants, endpoints = 50, 20
	for n := range tenants {
		t, err := f.store.CreateTenant(ctx, webhook.Tenant{Name: fmt.Sprint("Tenant ", n), Timezone: "Asia/Riyadh"})
		f.ok(err)
		for i := range endpoints {
			_, err := f.store.CreateEndpoint(ctx, webhook.Endpoint{TenantID: t.ID, URL: fmt.Sprintf("https://crm-%d.example.com/hooks/%d", n, i), Events: []string{"*"}, Enabled: true})
			f.ok(err)
		}
	}
	const step = 6 * time.Hour
	f.clock.advance(-7 * 24 * time.Hour)
	for left := 7 * 24 * time.Hour; left > 0; left -= step {
		for t := range uint32(tenants) {
			id, err := f.store.Publish(ctx, webhook.Publication{Event: webhook.Event{TenantID: t + 1, Type: webhook.CampaignCreated, Payload: []byte("{}")}})
			f.ok(err)
			var settle []webhook.Settlement
			for i := range uint32(endpoints) {
				st := webhook.Settlement{ID: id.WithOwner(t*endpoints + i + 1), TenantID: t + 1, Outcome: succeeded}
				if i%10 == 3 && left <= 24*time.Hour {
					st.Outcome, st.Next = failed(webhook.ErrorStatus, 503), f.clock.now().Add(time.Hour)
				}
				settle = append(settle, st)
			}
			_, err = f.store.Settle(ctx, settle, true)
			f.ok(err)
		}
		f.ok(f.store.RecordNow(ctx))
		f.clock.advance(step)
	}
	browser := f.signedIn()
	for _, path := range []string{"/", "/?window=7d", "/?search=crm-7&show=healthy", "/tenants/7", "/tenants/7/endpoints/124/health"} {
		b.Run(path, func(b *testing.B) {
			browser.get(path).page(200)
			for b.Loop() {
				browser.get(path)
			}
			b.ReportMetric(float64(browser.get(path).Body.Len()), "page-B")
		})
	}
}
