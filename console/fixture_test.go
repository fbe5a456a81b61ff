package console

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/admin"
	"cubeconnect/egress"
	"cubeconnect/ingress"
	"cubeconnect/keyring"
	"cubeconnect/store"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

const goodPassword = "correct horse"

// goodHash is goodPassword's, made once: it costs time.
var goodHash = HashPassword(goodPassword)

var begun = time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)

// fixture is the console beside the API, on a real store.
type fixture struct {
	t       testing.TB
	store   *store.Store
	console *Console
	h       http.Handler
	sender  *fakeSender
	clock   *clock
	install Installation
	woken   []uint32 // endpoints
	fresh   []webhook.Due

	event, delivery string // ids of a hostileFixture
	made            int    // messages

	sessions atomic.Int64
}

type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.ns.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// fakeSender answers every attempt with the same outcome and refuses URLs of "bad.example".
type fakeSender struct{ outcome webhook.Outcome }

func (s *fakeSender) Send(context.Context, *webhook.Claim) webhook.Outcome { return s.outcome }

func (s *fakeSender) CheckURL(_ context.Context, url string) error {
	if strings.Contains(url, "bad.example") {
		return errors.New("the host is not a valid name")
	}
	return nil
}

// newFixture makes a console without a password.
func newFixture(t testing.TB, change ...func(*store.Options)) *fixture {
	t.Helper()
	f := &fixture{t: t, sender: &fakeSender{}, clock: &clock{}}
	f.clock.ns.Store(begun.UnixNano())
	o := store.Options{Path: filepath.Join(t.TempDir(), "cubeconnect.db"), Ring: keyring.New(begun), Now: f.clock.now, Redact: ingress.Redact, OnFresh: func(fresh []webhook.Due) { f.fresh = append(f.fresh, fresh...) }}
	for _, ch := range change {
		ch(&o)
	}
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	f.store = s
	api := admin.New(admin.Options{
		Store: s, Sender: f.sender, Now: f.clock.now,
		ForbiddenHeader: func(name string) bool { return strings.EqualFold(name, "Host") },
		Defaults: func() (webhook.Schedule, time.Duration) {
			return webhook.Schedule{webhook.Duration(10 * time.Second)}, 10 * time.Second
		},
		Parse: func(rec *webhook.Audit) webhook.Inbound { return ingress.Parse(rec.Body, rec.ReceivedAt, directory{s}) },
		Wake:  func(endpoint uint32) { f.woken = append(f.woken, endpoint) },
		Session: func(r *http.Request) (admin.Identity, bool) {
			return admin.Identity{Name: "console"}, f.console.SignedIn(r)
		},
	})
	f.console = New(Options{
		Store: s, Admin: api, Now: f.clock.now, Installation: func() Installation { return f.install },
		Strangers: func(rec *webhook.Audit) []webhook.Stranger { return ingress.Strangers(rec.Body, directory{s}) },
		Header:    egress.New(egress.Options{}).Header, Match: egress.Match,
	})
	f.h = web.New(web.Options{Fail: f.console.Fail}, api.Routes(api.Keys), f.console.Routes())
	return f
}

// quick is for a store that is filled with much.
func quick(o *store.Options) { o.NoSync = true }

// directory is the store as ingress asks it.
type directory struct{ *store.Store }

func (d directory) Account(wabaID, phoneNumberID string) (ingress.Route, bool) {
	tenant, account, zone, ok := d.Route(wabaID, phoneNumberID)
	return ingress.Route{Tenant: tenant, Account: account, Location: zone}, ok
}

// inbound lets a POST from Meta come in, and returns its record.
func (f *fixture) inbound(body string) webhook.Audit {
	f.t.Helper()
	f.post(body)
	list, err := f.store.Audits(f.t.Context(), webhook.AuditFilter{}, webhook.Page{Limit: 1})
	f.ok(err)
	r, err := f.store.Audit(f.t.Context(), list.Items[0].ID)
	f.ok(err)
	return r
}

// post lets a POST from Meta come in.
func (f *fixture) post(body string) {
	f.t.Helper()
	in := ingress.Parse([]byte(body), f.clock.now(), directory{f.store})
	in.RemoteAddr, in.Headers = "203.0.113.9", map[string]string{"User-Agent": "facebookexternalua", "X-Hub-Signature-256": "sha256=00"}
	_, err := f.store.Accept(f.t.Context(), &in)
	f.ok(err)
}

// changePost is a POST with one element of changes[].
func changePost(wabaID, field, value string) string {
	return fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":%s,"changes":[{"field":%s,"value":%s}]}]}`, jsonString(wabaID), jsonString(field), value)
}

// messagePost is one with a customer's message to a number; more is further members of the message.
func messagePost(wabaID, phoneNumberID, id, more string) string {
	return changePost(wabaID, "messages", fmt.Sprintf(`{"metadata":{"phone_number_id":%s},"messages":[{"from":"16505550111","id":%s,"timestamp":"1773142200","type":"text"%s}]}`, jsonString(phoneNumberID), jsonString(id), more))
}

// statusPost is one with a status of a message; more is further members of the status.
func statusPost(wabaID, phoneNumberID, id, word, more string) string {
	return changePost(wabaID, "messages", fmt.Sprintf(`{"metadata":{"phone_number_id":%s},"statuses":[{"id":%s,"recipient_id":"16505550111","status":%s,"timestamp":"1773142205"%s}]}`, jsonString(phoneNumberID), jsonString(id), jsonString(word), more))
}

// templatePost is one with a change of a template's state; more is further members of it.
func templatePost(wabaID, name, event, more string) string {
	return changePost(wabaID, "message_template_status_update", fmt.Sprintf(`{"event":%s,"message_template_name":%s,"message_template_language":"en_US"%s}`, jsonString(event), jsonString(name), more))
}

// withPassword sets goodPassword.
func (f *fixture) withPassword() *fixture {
	f.t.Helper()
	f.ok(f.store.UpdateLogin(f.t.Context(), func(l *webhook.Login) error { l.SetPassword(goodHash); return nil }))
	return f
}

func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// browser keeps cookies as browsers do.
type browser struct {
	f       *fixture
	cookies map[string]string
	remote  string
	tls     bool
	header  http.Header // of each request
}

func (f *fixture) browser() *browser {
	return &browser{f: f, cookies: map[string]string{}, remote: "192.0.2.1:1234", header: http.Header{"Accept": {"text/html"}, "Sec-Fetch-Site": {"same-origin"}}}
}

// signedIn returns a browser with a session. It does not go through the page: that costs time.
func (f *fixture) signedIn() *browser {
	f.t.Helper()
	b := f.browser()
	id := fmt.Sprintf("session-%d", f.sessions.Add(1))
	b.cookies[cookieName] = id
	f.ok(f.store.UpdateLogin(f.t.Context(), func(l *webhook.Login) error {
		l.Begin(sha256.Sum256([]byte(id)), f.clock.now())
		return nil
	}))
	return b
}

type answer struct {
	*httptest.ResponseRecorder
	t    testing.TB
	what string
	set  map[string]*http.Cookie
}

func (b *browser) do(method, path string, form url.Values) answer {
	b.f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.RemoteAddr = b.remote
	if b.tls {
		r.TLS = &tls.ConnectionState{}
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.f.h.ServeHTTP(w, r)
	a := answer{w, b.f.t, method + " " + path, map[string]*http.Cookie{}}
	for _, c := range w.Result().Cookies() {
		a.set[c.Name] = c
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return a
}

func (b *browser) get(path string) answer {
	b.f.t.Helper()
	return b.do("GET", path, nil)
}

// post sends a form; its fields come in pairs of name and value.
func (b *browser) post(path string, fields ...string) answer {
	b.f.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.do("POST", path, form)
}

// page checks that it is a page with a status, and with these words.
func (a answer) page(status int, words ...string) answer {
	a.t.Helper()
	if a.Code != status || !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") {
		a.t.Errorf("%s: %d %s, want a page with %d", a.what, a.Code, a.Header().Get("Content-Type"), status)
	}
	for _, w := range words {
		if !strings.Contains(a.text(), w) {
			a.t.Errorf("%s: no %q in\n%s", a.what, w, a.text())
		}
	}
	return a
}

// lacks checks that words are not on the page.
func (a answer) lacks(words ...string) answer {
	a.t.Helper()
	for _, w := range words {
		if strings.Contains(a.text(), w) {
			a.t.Errorf("%s: there is %q", a.what, w)
		}
	}
	return a
}

// to checks that it leads to a path.
func (a answer) to(path string) answer {
	a.t.Helper()
	if a.Code != http.StatusSeeOther || a.Header().Get("Location") != path {
		a.t.Errorf("%s: %d %q, want to go to %q\n%s", a.what, a.Code, a.Header().Get("Location"), path, a.text())
	}
	return a
}

var tag = regexp.MustCompile(`<[^>]*>`)

// text is what a page shows, and the values of its inputs.
func (a answer) text() string {
	body := a.Body.String()
	var values []string
	for _, m := range regexp.MustCompile(`<input [^>]*value="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		values = append(values, m[1])
	}
	return html.UnescapeString(strings.Join(strings.Fields(tag.ReplaceAllString(body, " ")+" "+strings.Join(values, " ")), " "))
}

// tenant makes one with an account and an endpoint, all of number 1 in a new fixture.
func (f *fixture) tenant(name string) webhook.Tenant {
	f.t.Helper()
	t, err := f.store.CreateTenant(f.t.Context(), webhook.Tenant{Name: name, Timezone: "Asia/Riyadh"})
	f.ok(err)
	_, err = f.store.CreateAccount(f.t.Context(), webhook.Account{
		TenantID: t.ID, Name: name, WABAID: fmt.Sprint(100 + t.ID), PhoneNumberID: fmt.Sprint(200 + t.ID), DisplayPhoneNumber: "+966 11 000 0000",
	})
	f.ok(err)
	_, err = f.store.CreateEndpoint(f.t.Context(), webhook.Endpoint{
		TenantID: t.ID, URL: "https://crm.example.com/hooks", Description: name, Events: []string{"*"}, Enabled: true,
	})
	f.ok(err)
	return t
}
