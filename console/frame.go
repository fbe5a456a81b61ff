package console

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// frame is what every page has around it. Pages embed it.
type frame struct {
	Title    string // in the page's language
	Lang     string
	Dir      string
	Theme    string
	Here     string // where to come back to after a change of language or theme
	Choices  []*language
	SignedIn bool
	Nav      []navGroup
	Note     note
}

func (f *frame) base() *frame { return f }

// page is a struct that embeds [frame].
type page interface{ base() *frame }

// navGroup is a part of the navigation.
type navGroup struct {
	Title string // in the page's language, or a tenant's name
	Name  bool   // Title is a name
	Items []navItem
}

type navItem struct {
	Text, Icon, Path string
	Current          bool
}

// frame begins a page. Title is the key of a message; active is the path of the navigation's item that
// the page belongs to.
func (q *request) frame(title, active string) frame {
	return q.frameOf(nil, q.lang.must(title), active)
}

// frameOf begins a page of a tenant. Its title is text.
func (q *request) frameOf(t *webhook.Tenant, title, active string) frame {
	f := frame{Title: title, Lang: q.lang.Code, Dir: q.lang.Dir, Theme: themeOf(q.Request.Request), Here: q.URL.RequestURI(), SignedIn: q.signedIn}
	for _, code := range languageCodes {
		f.Choices = append(f.Choices, languages[code])
	}
	if q.signedIn {
		f.Nav = q.navigation(t, active)
		if !q.posted() && !byItself(q.Request.Request) {
			f.Note = q.c.notes.take(q.session, q.URL.Path, q.c.now())
		}
	}
	return f
}

func (q *request) navigation(t *webhook.Tenant, active string) (groups []navGroup) {
	item := func(key, icon, path string) navItem {
		return navItem{q.lang.must(key), icon, path, path == active}
	}
	if t != nil {
		at := tenantURL(t.ID)
		groups = append(groups, navGroup{Title: t.Name, Name: true, Items: []navItem{
			item("nav.overview", "overview", at),
			item("nav.webhook", "webhook", at+"/webhook"),
			item("nav.deliveries", "deliveries", at+"/deliveries"),
			item("nav.events", "events", at+"/events"),
			item("nav.accounts", "phone", at+"/accounts"),
			item("nav.templates", "template", at+"/templates"),
			item("nav.details", "settings", at+"/details"),
		}})
	}
	return append(groups, navGroup{Title: q.lang.must("nav.installation"), Items: []navItem{
		item("nav.overview", "overview", "/"),
		item("nav.tenants", "tenants", "/tenants"),
		item("nav.keys", "key", "/api-keys"),
		item("nav.messages", "message", "/messages"),
		item("nav.audit", "audit", "/audit"),
		item("nav.trail", "trail", "/trail"),
	}})
}

func tenantURL(id uint32) string { return "/tenants/" + strconv.FormatUint(uint64(id), 10) }

// policy is what pages may load: their own files. Nothing inline runs or applies.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// render writes a page. Nothing has been written if it returns an error.
func (q *request) render(status int, name string, p page) error {
	var b bytes.Buffer
	if err := q.lang.templates.page(name).ExecuteTemplate(&b, "frame", p); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	h := q.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	// Not no-referrer: browsers would hide the origin of forms too, by which we know our own.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Add("Vary", "Cookie, Accept-Language")
	q.w.WriteHeader(status)
	_, _ = q.w.Write(b.Bytes()) // a client that has gone is nobody's error
	return nil
}

type errorPage struct {
	frame
	Status int
	Text   string
}

// failed shows why a request failed.
func (q *request) failed(f web.Failure) error {
	for name, value := range f.Header {
		q.w.Header().Set(name, value)
	}
	title := "error.title"
	if f.Status == http.StatusNotFound {
		title = "error.missing"
	}
	p := &errorPage{frame: q.frame(title, ""), Status: f.Status, Text: q.lang.below(f.Message)}
	p.Here = "/"
	return q.render(f.Status, "error", p)
}
