package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// request is a browser's request on its way through a page.
type request struct {
	*web.Request
	c    *Console
	w    http.ResponseWriter
	lang *language

	signedIn bool
	session  [32]byte // hash of the session's id, if signed in
}

type handler func(*request) error

func (c *Console) request(w http.ResponseWriter, r *web.Request) *request {
	return &request{Request: r, c: c, w: w, lang: languageOf(r.Request)}
}

// open lets everybody in. What changes something must come from the console's own pages.
func (c *Console) open(h handler) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		q := c.request(w, r)
		if err := q.identify(); err != nil {
			return err
		}
		if err := new(http.CrossOriginProtection).Check(r.Request); err != nil {
			return web.Forbidden("The request came from another site. Open the console itself and try again.")
		}
		return h(q)
	}
}

// page lets in who is signed in, and sends everybody else to sign in.
func (c *Console) page(h handler) web.Handler {
	return c.open(func(q *request) error {
		if q.signedIn {
			q.act(webhook.ByConsole)
			return h(q)
		}
		to := "/sign-in"
		if q.Method == http.MethodGet && q.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(q.URL.RequestURI())
		}
		return q.redirect(to)
	})
}

// identify finds out who asks.
func (q *request) identify() (err error) {
	q.session, q.signedIn, err = q.c.find(q.Request.Request)
	return err
}

// act says who makes the request, for the trail.
func (q *request) act(kind webhook.ActorKind) {
	ctx := webhook.WithActor(q.Context(), webhook.Actor{Kind: kind, RemoteAddr: web.RemoteAddr(q.Request.Request)})
	q.Request.Request = q.WithContext(ctx)
}

// redirect sends the browser on with a GET.
func (q *request) redirect(to string) error {
	q.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(q.w, q.Request.Request, to, http.StatusSeeOther)
	return nil
}

// done ends a form that worked: the page that follows shows the note once.
func (q *request) done(to string, n note) error {
	q.c.notes.put(q.session, to, n, q.c.now())
	return q.redirect(to)
}

func (q *request) posted() bool { return q.Method == http.MethodPost }

// local returns where a form wants to go back to: somewhere in the console, or home.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

// number reads an integer id of the path. What is none can't exist.
func (q *request) number(name string) (uint32, error) {
	s := q.Param(name)
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || s[0] == '0' {
		return 0, webhook.ErrNotFound
	}
	return uint32(n), nil
}

// cursor reads which page of a list is meant.
func (q *request) cursor() webhook.Page {
	return webhook.Page{Limit: webhook.DefaultPage, Cursor: q.FormValue("cursor")}
}

// parseForm reads what a form posted.
func (q *request) parseForm() (form, error) {
	if err := q.Request.ParseForm(); err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return form{}, err
		}
		return form{}, web.Failure{Status: http.StatusBadRequest, Code: web.CodeValidation, Message: "The form did not arrive whole. Go back and send it again."}
	}
	return newForm(q.PostForm), nil
}
