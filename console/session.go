package console

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"

	"cubeconnect/webhook"
)

// The names of the session's cookie. With the prefix browsers take it over TLS only, and from nobody else
// in the domain.
const (
	cookieName       = "cubeconnect"
	secureCookieName = "__Host-cubeconnect"
)

// secure reports whether the browser came over TLS. Who claims it wrongly only loses their own cookie.
func secure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

func sessionCookie(r *http.Request, value string) *http.Cookie {
	c := &http.Cookie{Name: cookieName, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if secure(r) {
		c.Name, c.Secure = secureCookieName, true
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// find returns the session that a request belongs to.
func (c *Console) find(r *http.Request) (hash [32]byte, ok bool, err error) {
	cookie, err := r.Cookie(sessionCookie(r, "").Name)
	if err != nil {
		return hash, false, nil
	}
	hash = sha256.Sum256([]byte(cookie.Value))
	login, err := c.store.Login(r.Context())
	if err != nil {
		return hash, false, err
	}
	now := c.now()
	s := login.Session(hash, now)
	if s == nil {
		return hash, false, nil
	}
	if now.Sub(s.SeenAt) >= webhook.SessionSeen && !byItself(r) {
		if err := c.store.UpdateLogin(r.Context(), func(l *webhook.Login) error {
			if s := l.Session(hash, now); s != nil {
				s.SeenAt = now
			}
			return nil
		}); err != nil {
			c.log.Warn("session's last use not stored", "error", err) // a full disk is no reason to show nothing
		}
	}
	return hash, true, nil
}

// SignedIn reports whether a request comes from a browser that is signed in.
func (c *Console) SignedIn(r *http.Request) bool {
	_, ok, err := c.find(r)
	if err != nil {
		c.log.Error("session not looked up", "error", err)
	}
	return ok
}

// errChanged says that the password is no longer the one that was verified.
var errChanged = errors.New("the password was changed meanwhile")

// begin signs the browser in under a new id, after change. Whatever session it had before is over.
func (q *request) begin(change func(*webhook.Login) error) error {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	id := base64.RawURLEncoding.EncodeToString(b)
	hash, old := sha256.Sum256([]byte(id)), q.session
	if err := q.c.store.UpdateLogin(q.Context(), func(l *webhook.Login) error {
		if err := change(l); err != nil {
			return err
		}
		l.End(old)
		l.Begin(hash, q.c.now())
		return nil
	}); err != nil {
		return err
	}
	q.session, q.signedIn = hash, true
	http.SetCookie(q.w, sessionCookie(q.Request.Request, id))
	return nil
}

func (q *request) signOut() error {
	if err := q.c.store.UpdateLogin(q.Context(), func(l *webhook.Login) error { l.End(q.session); return nil }); err != nil {
		return err
	}
	q.c.notes.drop(q.session)
	http.SetCookie(q.w, sessionCookie(q.Request.Request, ""))
	return q.redirect("/sign-in")
}
