package console

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// The pages about what came in are whole in both languages, whatever came in.
func TestInboundPages(t *testing.T) {
	f := hostileFixture(t)
	f.tenant("Other")
	bodies := []string{
		messagePost("101", "201", hostile, `,"text":{"body":`+jsonString(hostile+"\u202e"+"مرحبا")+`}`),
		messagePost("101", "201", hostile, ""),
		messagePost(hostile, hostile, "wamid.1", ""),
		messagePost("", "", "wamid.1", ""),
		statusPost("101", "201", "wamid.2", "failed", `,"errors":[{"code":131047,"title":`+jsonString(hostile)+`,"message":"m","error_data":{"details":`+jsonString(hostile)+`}}]`),
		statusPost("101", "201", "wamid.3", "read", `,"recipient_participant_id":`+jsonString(hostile)),
		templatePost("101", hostile, "APPROVED", `,"message_template_category":`+jsonString(hostile)+`,"reason":`+jsonString(hostile)),
		templatePost("101", "b", hostile, ""),
		hostile, "", "\xff\x00", "[" + strings.Repeat("[1,{},[],\"\\u0000\"],", 20000) + "1]",
	}
	var records []webhook.Audit
	for _, body := range bodies {
		f.clock.advance(time.Second)
		records = append(records, f.inbound(body))
	}
	b := f.signedIn()
	for _, code := range languageCodes {
		b.cookies[languageCookie] = code
		for _, path := range []string{
			"/audit", "/audit?outcome=unrouted", "/audit?tenant=1&since=2026-03-10T11:30&until=2026-03-11", "/audit?tenant=2", "/audit?cursor=" + records[0].ID.String(),
			"/messages", "/messages?id=wamid.2", "/messages?id=wamid.3", "/messages?id=" + url.QueryEscape(hostile), "/messages?id=wamid.9",
			"/tenants/1/templates", "/tenants/2/templates", "/tenants/1/templates?account=1&status=" + url.QueryEscape(hostile), "/tenants/1/templates?status=rejected",
			"/tenants/1/new-account?waba_id=" + url.QueryEscape(hostile) + "&phone_number_id=" + url.QueryEscape(hostile),
		} {
			checkPage(t, b.get(path), 200, code)
		}
		for i := range records {
			checkPage(t, b.get(auditURL(records[i].ID)), 200, code)
		}
		for _, query := range []string{"outcome=lost", "tenant=9", "tenant=x", "tenant=0", "since=soon", "until=0001-01-01T00:00", "since=2026-03-11&until=2026-03-10", "cursor=x", "since=" + url.QueryEscape(hostile)} {
			checkPage(t, b.get("/audit?"+query), 422, code)
		}
		checkPage(t, b.get("/tenants/1/templates?account=9"), 422, code)
		checkPage(t, b.get("/tenants/1/templates?account=x&status=y"), 422, code)
		for _, path := range []string{"/audit/x", "/audit/01M85J0Q8GCQBHD7ATE4000000", "/audit/01M85J0Q8GCQBHD7ATE4000000/body", "/add-account", "/add-account?tenant=9"} {
			checkPage(t, b.get(path), 404, code)
		}
		checkPage(t, b.post("/audit/01M85J0Q8GCQBHD7ATE4000000/reprocess"), 404, code)
	}
}

func TestAuditList(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	b.get("/audit").page(200, "Nothing has come in yet", "Tenants")
	b.get("/audit?outcome=unrouted").page(200, "No POST matches", "Show all")
	f.tenant("Oasis")
	f.tenant("Najd")
	f.inbound(messagePost("101", "201", "wamid.1", ""))
	f.clock.advance(time.Hour)
	f.inbound(messagePost("101", "201", "wamid.1", ""))
	f.clock.advance(time.Hour)
	f.inbound(messagePost("999", "999", "wamid.1", ""))
	f.clock.advance(time.Hour)
	f.inbound(messagePost("102", "202", "wamid.2", ""))
	f.inbound("hello")
	f.inbound(changePost("101", "calls", "{}"))

	b.get("/audit").page(200, "Accepted", "Duplicate", "Unrouted", "Unparsed", "Ignored", "Oasis", "Najd", "203.0.113.9", "10 Mar 2026, 14:30:00 UTC", "5 B").lacks("Show all")
	rows := func(query string, want ...string) {
		t.Helper()
		a := b.get("/audit?"+query).page(200, want...)
		if got := strings.Count(a.Body.String(), `<td class="main">`); got != len(want) {
			t.Errorf("%s: %d lines, want %d", query, got, len(want))
		}
	}
	rows("outcome=unrouted", "13:30:00")
	b.get("/audit?outcome=unrouted").page(200, "no tenant has", "Show all")
	rows("tenant=2", "14:30:00")
	rows("tenant=1&since=2026-03-10T11:31&until=2026-03-10T14:00", "12:30:00")
	rows("since=2026-03-10T13:30:00Z&until=2026-03-10T14:30:00Z", "13:30:00")
	rows("since=2026-03-10T16:30:00%2B03:00&until=2026-03-10T17:30:00+03:00", "13:30:00")
	if a := b.get("/audit?since=2026-03-10T16:30:00%2B03:00"); !strings.Contains(a.Body.String(), `value="2026-03-10T13:30"`) {
		t.Error("a time with a zone is not shown as the field wants it")
	}
	b.get("/audit?outcome=lost").page(422, "Choose one of those that are offered", "Nothing is shown").lacks("Nothing has come in", "No POST matches")
	b.get("/audit?since=soon").page(422, "Enter a date and a time")
	b.get("/audit?since=2026-03-11&until=2026-03-10").page(422, "This is before the beginning")
}

// The pages of a filtered list keep the filter, and what was looked through in vain is no end.
func TestAuditPager(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	for i := range webhook.DefaultPage + 1 {
		f.inbound(messagePost("101", "201", fmt.Sprint("wamid.", i), ""))
		f.clock.advance(time.Second)
	}
	b := f.signedIn()
	next := regexp.MustCompile(`href="(/audit\?[^"]*cursor=[^"]*)"`)
	m := next.FindStringSubmatch(b.get("/audit?tenant=1&outcome=accepted").page(200, "Next page").Body.String())
	if m == nil {
		t.Fatal("no link to the next page")
	}
	path := strings.ReplaceAll(m[1], "&amp;", "&")
	if !strings.HasPrefix(path, "/audit?outcome=accepted&tenant=1&cursor=") {
		t.Errorf("the next page is %s", path)
	}
	b.get(path).page(200, "First page", "11:30:00").lacks("Next page", "11:30:01")
}

func TestAuditRecord(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	b := f.signedIn()
	r := f.inbound(messagePost("101", "201", "wamid.1", `,"text":{"body":"\u0645\u0631\u062d\u0628\u0627 <b>"}`))
	at := auditURL(r.ID)
	event := tenantURL(1) + "/events/" + r.EventIDs[0].String()
	page := b.get(at).page(200, "Accepted", "A customer wrote", "Under way", "Oasis", "203.0.113.9", "X-Hub-Signature-256", "sha256=00", "مرحبا <b>", `\u0645\u0631\u062d\u0628\u0627`, "Exactly as it came", "There is nothing to do")
	if body := page.Body.String(); !strings.Contains(body, `href="`+event+`"`) || !strings.Contains(body, `<span class="k">&#34;body&#34;</span>: <span class="s">&#34;مرحبا &lt;b&gt;&#34;</span>`) {
		t.Errorf("no link to the event, or no colours:\n%s", body)
	}
	file := b.get(at + "/body")
	if file.Code != 200 || file.Body.String() != string(r.Body) || file.Header().Get("Content-Disposition") != `attachment; filename="`+r.ID.String()+`.json"` ||
		file.Header().Get("Content-Type") != "application/octet-stream" || file.Header().Get("X-Content-Type-Options") != "nosniff" || file.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %q", file.Code, file.Header(), file.Body)
	}

	b.get(auditURL(f.inbound(messagePost("101", "201", "wamid.1", "")).ID)).page(200, "Duplicate", "No event came of it", "Meta repeats")
	b.get(auditURL(f.inbound("\x00\xff").ID)).page(200, "Unparsed", "who else has the app secret", `\u0000`+"\uFFFD")
	b.get(auditURL(f.inbound("").ID)).page(200, "Unparsed", "It was empty")

	f.ok(f.store.DeleteTenant(t.Context(), 1))
	b.get(at).page(200, "Tenant 1, deleted", "No longer kept")
	b.get("/audit").page(200, "Tenant 1, deleted")
}

// A record of many events shows some at a time.
func TestAuditManyEvents(t *testing.T) {
	f := newFixture(t).withPassword()
	f.tenant("Oasis")
	var messages []string
	for i := range 2*eventsShown + 1 {
		messages = append(messages, fmt.Sprintf(`{"from":"16505550111","id":"wamid.%d","timestamp":"1773142200","type":"text"}`, i))
	}
	r := f.inbound(changePost("101", "messages", `{"metadata":{"phone_number_id":"201"},"messages":[`+strings.Join(messages, ",")+`]}`))
	b := f.signedIn()
	at := auditURL(r.ID)
	id := func(n int) string { return r.EventIDs[n-1].String() }
	b.get(at).page(200, "1–25 / 51", id(1), id(25), "Next page").lacks(id(26), "Previous page")
	b.get(at+"?from=26").page(200, "26–50 / 51", id(26), id(50), "Next page", "Previous page").lacks(id(25), id(51))
	b.get(at+"?from=51").page(200, "51–51 / 51", id(51), "Previous page").lacks(id(50), "Next page")
	for _, from := range []string{"0", "-1", "52", "x", "99999999999999999999"} {
		b.get(at+"?from="+from).page(200, "1–25 / 51")
	}
}

// A big body is shown in part, and downloaded whole.
func TestAuditBigBody(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	for name, body := range map[string]string{
		"JSON": messagePost("101", "201", "wamid.1", `,"text":{"body":"`+strings.Repeat("ب", 3<<20)+`"}`),
		"many": "[" + strings.Repeat("1,", 2<<20) + "1]",
		"deep": strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"text": strings.Repeat("\xd9\xa8\xff", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			r := f.inbound(body)
			page := b.get(auditURL(r.ID)).page(200)
			if page.Body.Len() > 2<<20 {
				t.Errorf("the page has %d bytes", page.Body.Len())
			}
			if len(body) > maxShown && !strings.Contains(page.text(), "This is the beginning only") {
				t.Error("it doesn't say that there is more")
			}
			if file := b.get(auditURL(r.ID) + "/body"); file.Body.String() != body {
				t.Errorf("the file has %d bytes", file.Body.Len())
			}
		})
	}
}

// What belongs to nobody says whose it could be, leads to the form of a new account with the ids filled in,
// and can be derived again.
func TestUnrouted(t *testing.T) {
	f := newFixture(t).withPassword()
	b := f.signedIn()
	r := f.inbound(messagePost("500", "600", "wamid.1", ""))
	at := auditURL(r.ID)
	b.get(at).page(200, "Unrouted", "500", "600", "Add a tenant first")
	f.tenant("Oasis")
	f.tenant("Najd")
	page := b.get(at).page(200, "Whose number is it?", "Oasis", "Najd").Body.String()
	if !strings.Contains(page, `action="/add-account"`) {
		t.Error("no form")
	}
	b.get("/add-account?waba_id=500&phone_number_id=600&tenant=2").to("/tenants/2/new-account?phone_number_id=600&waba_id=500")
	b.get("/tenants/2/new-account?phone_number_id=600&waba_id=500").page(200, "500", "600")

	b.get(auditURL(f.inbound(messagePost("102", "601", "wamid.2", "")).ID)).page(200, "belongs to Najd", "does not have the number yet")
	other := auditURL(f.inbound(messagePost("102", "201", "wamid.3", "")).ID)
	if page := b.get(other).page(200, "with another WhatsApp Business Account ID").Body.String(); !strings.Contains(page, `href="/tenants/1/accounts/1"`) {
		t.Error("no link to the account with the number")
	}
	b.get(auditURL(f.inbound(messagePost("", "", "wamid.4", "")).ID)).page(200, "It names no account at all")
	mixed := strings.Replace(messagePost("101", "201", "wamid.5", ""), `"entry":[`, `"entry":[{"id":"700","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"701"}}}]},`, 1)
	b.get(auditURL(f.inbound(mixed).ID)).page(200, "Accepted", "Part of it is for a number", "700", "701")
	b.get("/audit").page(200, "Part of it belongs to no account")

	b.post(at + "/reprocess").to(at)
	b.get(at).page(200, "there is nothing new in it")
	b.post("/tenants/2/new-account", "name", "Sales", "waba_id", "500", "phone_number_id", "600").to("/tenants/2/accounts/3")
	b.get(at).page(200, "By now there is an account for all of it").lacks("Whose number is it?")
	b.post(at + "/reprocess").to(at)
	b.get(at).page(200, "new events came of it", "Accepted", "A customer wrote", "Najd").lacks("By now")
	b.post(at + "/reprocess").to(at)
	b.get(at).page(200, "there is nothing new in it")
}

func TestFormatJSON(t *testing.T) {
	plain := func(s string) string { return regexp.MustCompile(`</?span[^>]*>`).ReplaceAllString(s, "") }
	for body, want := range map[string]string{
		`{}`:                        `{}`,
		` [ ] `:                     `[]`,
		`{"a":[1,2.50,-0e3]}`:       "{\n  &#34;a&#34;: [\n    1,\n    2.50,\n    -0e3\n  ]\n}",
		`{"a":{"b":null},"c":{}}`:   "{\n  &#34;a&#34;: {\n    &#34;b&#34;: null\n  },\n  &#34;c&#34;: {}\n}",
		`"\u0645\/<&\u202e\n"`:      `&#34;م/&lt;&amp;\u202e\n&#34;`,
		`12345678901234567890123`:   `12345678901234567890123`,
		`true`:                      `true`,
		`["\ud83d\ude00","\u0000"]`: "[\n  &#34;😀&#34;,\n  &#34;\\u0000&#34;\n]",
		`{} x`:                      "", `{`: "", `[1,]`: "", ``: "", `hello`: "", `{"a" 1}`: "", `{}{}`: "", `]`: "",
	} {
		if got, short := formatJSON([]byte(body), 1000); plain(string(got)) != want || short {
			t.Errorf("%s: %q %t", body, plain(string(got)), short)
		}
	}
	got, _ := formatJSON([]byte(`{"k":["s",1,true,null]}`), 1000)
	for _, span := range []string{`<span class="k">&#34;k&#34;</span>`, `<span class="s">&#34;s&#34;</span>`, `<span class="n">1</span>`, `<span class="l">true</span>`, `<span class="l">null</span>`} {
		if !strings.Contains(string(got), span) {
			t.Errorf("no %s in %s", span, got)
		}
	}
	if got, short := formatJSON([]byte(`{"aaaa":"bbbbbbbbbb","c":1`), 15); !short || !strings.HasSuffix(plain(string(got)), "bb…") {
		t.Errorf("%s %t", got, short)
	}
}

// partOfList is a store whose lists have only looked through some of their records.
type partOfList struct{ Store }

func (partOfList) Audits(context.Context, webhook.AuditFilter, webhook.Page) (list webhook.List[webhook.Audit], err error) {
	list.Next = webhook.IDAt(begun).String()
	return list, nil
}

func TestAuditLooksOn(t *testing.T) {
	f := newFixture(t).withPassword()
	f.console.store = partOfList{f.store}
	page := f.signedIn().get("/audit?outcome=unparsed").page(200, "Nothing found yet", "back to 10 Mar 2026, 11:30:00 UTC", "Look further back").lacks("No POST matches")
	if want := `href="/audit?outcome=unparsed&amp;cursor=` + webhook.IDAt(begun).String() + `"`; !strings.Contains(page.Body.String(), want) {
		t.Errorf("no %s in\n%s", want, page.Body)
	}
}
