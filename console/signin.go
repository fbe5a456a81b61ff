package console

import (
	"net/http"
	"strconv"
	"time"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

type signInPage struct {
	frame
	Form    form
	Next    string
	Unset   bool // no password is set yet
	Minutes int  // to wait; 0: none
}

func (q *request) signIn() error {
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	p := &signInPage{frame: q.frame("signin.title", ""), Form: f, Next: local(q.FormValue("next"))}
	if q.signedIn && !q.posted() {
		return q.redirect(p.Next)
	}
	login, err := q.c.store.Login(q.Context())
	if err != nil {
		return err
	}
	p.Unset = login.Password == ""
	if !q.posted() {
		return q.render(http.StatusOK, "sign-in", p)
	}
	ok, wait, err := q.verify(login.Password, f.Value("password"))
	switch {
	case err != nil:
		return err
	case wait > 0:
		p.Minutes = q.toWait(wait)
		return q.render(http.StatusTooManyRequests, "sign-in", p)
	case ok:
		q.act(webhook.ByConsole)
		err := q.begin(func(l *webhook.Login) error {
			if l.Password != login.Password {
				return errChanged
			}
			return nil
		})
		if err == nil {
			return q.redirect(p.Next)
		}
		if err != errChanged {
			return err
		}
	}
	f.faults.Add("password", "is not the password")
	return q.render(http.StatusUnprocessableEntity, "sign-in", p)
}

// verify compares a password, unless too many wrong ones came before.
func (q *request) verify(phc, password string) (ok bool, wait time.Duration, err error) {
	addr := web.ClientAddr(q.Request.Request)
	if wait := q.c.throttle.begin(addr); wait > 0 {
		return false, wait, nil
	}
	ok, err = q.c.hashing.verify(q.Context(), phc, password)
	if ok {
		q.c.throttle.succeeded(addr)
	} else if err == nil {
		q.c.log.Warn("wrong console password", "remote", addr)
		q.refuse()
	}
	return ok, 0, err
}

// refuse notes a wrong password. That it can't be noted is no reason to let anybody in.
func (q *request) refuse() {
	if !q.signedIn {
		q.act(webhook.ByNobody)
	}
	if err := q.c.store.Note(q.Context(), webhook.TrailEntry{Action: webhook.SignInRefused}); err != nil {
		q.c.log.Error("wrong console password not noted in the trail", "error", err)
	}
}

// toWait says when to come back: to machines in the header, to people in minutes.
func (q *request) toWait(wait time.Duration) int {
	q.w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	return int((wait + time.Minute - 1) / time.Minute)
}

type passwordPage struct {
	frame
	Form    form
	Minutes int
}

// password changes the password and ends every other session.
func (q *request) password() error {
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	p := &passwordPage{frame: q.frame("password.title", "/password"), Form: f}
	if !q.posted() {
		return q.render(http.StatusOK, "password", p)
	}
	password, good := newPassword(f)
	if !good {
		return q.render(http.StatusUnprocessableEntity, "password", p)
	}
	login, err := q.c.store.Login(q.Context())
	if err != nil {
		return err
	}
	ok, wait, err := q.verify(login.Password, f.Value("old"))
	if err != nil {
		return err
	}
	if wait > 0 {
		p.Minutes = q.toWait(wait)
		return q.render(http.StatusTooManyRequests, "password", p)
	}
	if !ok {
		f.faults.Add("old", "is not the password")
		return q.render(http.StatusUnprocessableEntity, "password", p)
	}
	phc, err := q.c.hashing.hash(q.Context(), password)
	if err != nil {
		return err
	}
	err = q.begin(func(l *webhook.Login) error {
		if l.Password != login.Password {
			return errChanged
		}
		l.SetPassword(phc)
		return nil
	})
	if err == errChanged {
		f.faults.Add("old", "is not the password")
		return q.render(http.StatusUnprocessableEntity, "password", p)
	}
	if err != nil {
		return err
	}
	q.c.log.Info("console password changed")
	return q.done("/password", note{Text: "password.done"})
}
