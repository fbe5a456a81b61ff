package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"

	"cubeconnect/webhook"
)

// SetUpLife is how long the link that sets the first password is good for.
const SetUpLife = 24 * time.Hour

// setUp is the link of this start. Once there is a password it leads nowhere.
type setUp struct {
	token string
	until time.Time
}

func newSetUp(now time.Time) setUp {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return setUp{token: base64.RawURLEncoding.EncodeToString(b), until: now.Add(SetUpLife)}
}

func (s setUp) valid(token string, now time.Time) bool {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && now.Before(s.until)
}

// SetUpPath returns the path of the link that sets the first password. Empty: one is set.
func (c *Console) SetUpPath(ctx context.Context) (string, error) {
	l, err := c.store.Login(ctx)
	if err != nil || l.Password != "" {
		return "", err
	}
	return "/setup?token=" + url.QueryEscape(c.setUp.token), nil
}

type setUpPage struct {
	frame
	Form  form
	Token string
	Valid bool
}

// setUp sets the first password and signs in.
func (q *request) setUp() error {
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	token := q.FormValue("token") // a form's own goes before the address's
	login, err := q.c.store.Login(q.Context())
	if err != nil {
		return err
	}
	p := &setUpPage{frame: q.frame("setup.title", ""), Form: f, Token: token}
	p.Valid = login.Password == "" && q.c.setUp.valid(token, q.c.now())
	if !p.Valid {
		return q.render(http.StatusForbidden, "setup", p)
	}
	if !q.posted() {
		return q.render(http.StatusOK, "setup", p)
	}
	password, ok := newPassword(f)
	if !ok {
		return q.render(http.StatusUnprocessableEntity, "setup", p)
	}
	phc, err := q.c.hashing.hash(q.Context(), password)
	if err != nil {
		return err
	}
	q.act(webhook.BySetUp)
	err = q.begin(func(l *webhook.Login) error {
		if l.Password != "" {
			return errChanged
		}
		l.SetPassword(phc)
		return nil
	})
	if err == errChanged { // by another browser with the same link, or on the command line
		p.Valid = false
		return q.render(http.StatusForbidden, "setup", p)
	}
	if err != nil {
		return err
	}
	q.c.log.Info("console password set with the set-up link")
	return q.done("/", note{Text: "setup.done"})
}

// newPassword reads a new password and its repetition.
func newPassword(f form) (string, bool) {
	password := f.Value("password")
	f.Merge(CheckPassword(password))
	if len(f.faults) == 0 && f.Value("again") != password {
		f.faults.Add("again", "does not match the new password")
	}
	return password, len(f.faults) == 0
}
