package console

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// harmless is as wrong as [hostile] wherever names have rules, and has nothing in it that means something in HTML.
const harmless = "zq9x y z"

// Whatever others choose is text: a page has the same elements and attributes with a hostile name as with a
// harmless one, and the name is on it as it was chosen.
func TestNothingEscapes(t *testing.T) {
	plain, bad := renderAll(t, harmless), renderAll(t, hostile)
	if got := slices.Sorted(maps.Keys(plain)); !slices.Equal(got, slices.Sorted(maps.Keys(bad))) {
		t.Fatalf("pages %q", got)
	}
	shown := 0
	for path, want := range plain {
		got := bad[path]
		if i := firstDifference(got.tags, want.tags); i >= 0 {
			t.Errorf("%s: element %d is %q, without the hostile name %q", path, i, at(got.tags, i), at(want.tags, i))
		}
		if strings.Contains(want.text, harmless) {
			shown++
			if !strings.Contains(got.text, hostile) {
				t.Errorf("%s doesn't show the name as it is", path)
			}
		}
	}
	if shown < 30 {
		t.Errorf("the name is on %d pages of %d", shown, len(plain))
	}
}

// skeleton is what a page consists of.
type skeleton struct {
	tags []string // of the elements, with the names of their attributes
	text string   // texts and the values of attributes, unescaped
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

func firstDifference(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if at(a, i) != at(b, i) {
			return i
		}
	}
	return -1
}

// renderAll returns every page over a fixture with this name, by path with the name as it is in there.
func renderAll(t *testing.T, name string) map[string]skeleton {
	t.Helper()
	f := chosenFixture(t, name)
	f.sender.outcome = webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{StatusCode: 500, Error: webhook.ErrorStatus, ResponseBody: []byte(name)}}
	quoted := jsonString(name)
	var records []string
	for _, body := range []string{
		messagePost("101", "201", "wamid."+name, `,"text":{"body":`+quoted+`}`),
		messagePost("101", "201", "wamid.name", `,"text":{"body":`+quoted+`},`+quoted+`:`+quoted),
		statusPost("101", "201", "wamid.2", "failed", `,"recipient_id":`+quoted+`,"errors":[{"code":`+quoted+`,"title":`+quoted+`,"message":"m","error_data":{"details":`+quoted+`}}]`),
		statusPost("101", "201", "wamid.3", "read", `,"recipient_participant_id":`+quoted),
		templatePost("101", name, name, `,"message_template_category":`+quoted+`,"reason":`+quoted),
		messagePost("WABA "+name, "number "+name, "wamid.4", ""),
		changePost("101", name, quoted),
		name,
	} {
		f.clock.advance(time.Second)
		records = append(records, f.inbound(body).ID.String())
	}
	for _, a := range append(slices.Clone(webhook.Actions), webhook.Action(name)) {
		f.ok(f.store.Note(webhook.WithActor(t.Context(), webhook.Actor{Kind: webhook.ActorKind(name), KeyID: 1, KeyName: name, RemoteAddr: name}),
			webhook.TrailEntry{Action: a, TenantID: 1, ObjectID: name, Name: name, Details: []string{name}}))
	}
	b := f.signedIn()
	b.header.Set("User-Agent", name)
	pages := slices.Clone(pages)
	for _, r := range records {
		pages = append(pages, "/audit/"+r)
	}
	for _, path := range []string{
		"/messages?id={name}", "/messages?id=wamid.{name}", "/messages?id=wamid.2", "/messages?id=wamid.3", "/audit?outcome=unrouted", "/audit?tenant=1", "/tenants/1/templates?status={name}",
		"/tenants/1/deliveries?find={name}", "/tenants/1/events?find={name}", "/tenants/1/new-account?waba_id={name}&phone_number_id={name}", "/?search={name}", "/trail?tenant=1",
		"/tenants/1/deliveries?event={name}", "/tenants/1/replay?find={name}", "/tenants?cursor={name}", "/nowhere/{name}", "/tenants/1/endpoints/{name}",
	} {
		pages = append(pages, strings.ReplaceAll(path, "{name}", url.PathEscape(name)))
	}
	all := map[string]skeleton{}
	add := func(as string, a answer) {
		t.Helper()
		checkPolicy(t, a)
		all[as] = parsePage(t, a)
	}
	for _, code := range languageCodes {
		b.cookies[languageCookie] = code
		for i, path := range pages {
			add(fmt.Sprintf("%s page %d, %s", code, i, regexp.MustCompile(`[?]?[^/?]*(`+regexp.QuoteMeta(url.PathEscape(name))+`|[0-9A-Z]{26}).*`).ReplaceAllString(path, "")), b.get(f.example(path)))
		}
		for i, path := range []string{"/new-tenant", "/tenants/1/details", "/tenants/1/new-endpoint", "/tenants/1/endpoints/1", "/tenants/1/new-account", "/tenants/1/accounts/1", "/new-api-key", "/password", "/tenants/1/verify"} {
			add(fmt.Sprintf("%s form %d, %s", code, i, path), b.post(path, "name", "", "timezone", name, "url", "bad "+name, "description", name, "events", name, "retries_of", "own", "retries", name, "timeout", name,
				"header_name", name, "header_value", name, "waba_id", name, "phone_number_id", name, "display_phone_number", name+strings.Repeat("x", 50), "access_token", name, "tenant", name, "password", "short", "headers", name, "body", name))
		}
		b.post("/tenants/1/endpoints/1/test")
		add(code+" test", b.get("/tenants/1/endpoints/1"))
		b.post("/new-api-key", "name", name)
		add(code+" key", b.get("/api-keys"))
	}
	return all
}

// parsePage reads a page as a browser would, but for what browsers forgive.
func parsePage(t *testing.T, a answer) (s skeleton) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(a.Body.String()))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var text strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			s.text = text.String()
			return s
		}
		if err != nil {
			t.Fatalf("%s: %v", a.what, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			tag := token.Name.Local
			for _, attr := range token.Attr {
				tag += " " + attr.Name.Local
				text.WriteString("\n" + attr.Value)
				switch attr.Name.Local {
				case "href", "src", "action", "formaction":
					if !strings.HasPrefix(attr.Value, "/") && !strings.HasPrefix(attr.Value, "#") && !strings.HasPrefix(attr.Value, "?") && !strings.HasPrefix(attr.Value, "https://developers.facebook.com/") || strings.HasPrefix(attr.Value, "//") {
						t.Errorf("%s: %s leads to %q", a.what, tag, attr.Value)
					}
				}
			}
			s.tags = append(s.tags, tag)
		case xml.CharData:
			text.WriteString("\n" + string(token))
		}
	}
}

func checkPolicy(t *testing.T, a answer) {
	t.Helper()
	if got := a.Header().Get("Content-Security-Policy"); got != policy {
		t.Errorf("%s (%d): Content-Security-Policy %q", a.what, a.Code, got)
	}
}

// Every page that there is is among those that the tests look at, and what is no page can't become one.
func TestEveryPageIsKnown(t *testing.T) {
	f := hostileFixture(t)
	b := f.signedIn()
	record := f.inbound(hostile).ID.String()
	known := append(slices.Clone(pages), "/audit/{id}", "/setup", "/sign-in")
	bodies := map[string]string{"/audit/{id}/body": "/audit/" + record + "/body", deliveryPath + "/body": f.example(deliveryPath + "/body"), eventPath + "/payload": f.example(eventPath + "/payload")}
	for _, r := range f.console.Routes() {
		if r.Method != http.MethodGet || r.Pattern == "/static/{file}" || r.Pattern == livePath || r.Pattern == "/add-account" {
			continue // files, a stream, a redirection
		}
		if path, ok := bodies[r.Pattern]; ok {
			a := b.get(path)
			if h := a.Header(); a.Code != 200 || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || strings.Contains(h.Get("Content-Type"), "html") {
				t.Errorf("%s: %d %v", a.what, a.Code, h)
			}
			continue
		}
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(r.Pattern), "[^/?]+") + `(\?|$)`)
		if !slices.ContainsFunc(known, pattern.MatchString) {
			t.Errorf("no test looks at %s", r.Pattern)
		}
	}
}

// Error pages are as safe as others, whatever went wrong.
func TestErrorPages(t *testing.T) {
	f := newFixture(t)
	for status := 400; status < 600; status++ {
		if http.StatusText(status) == "" {
			continue
		}
		r := httptest.NewRequest(http.MethodGet, "/"+url.PathEscape(hostile), nil)
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		f.console.Fail(w, r, web.Failure{Status: status, Code: web.CodeInternal, Message: hostile})
		a := answer{w, t, fmt.Sprint("error ", status), nil}
		checkPolicy(t, a)
		if s := parsePage(t, a); a.Code != status || !strings.Contains(s.text, hostile) || slices.ContainsFunc(s.tags, func(tag string) bool { return strings.HasPrefix(tag, "img") }) {
			t.Errorf("%s: %d %q", a.what, a.Code, s.tags)
		}
	}
}
