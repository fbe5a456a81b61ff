package webhook

import (
	"slices"
	"time"
)

// Bounds of a console session.
const (
	SessionIdle = 12 * time.Hour     // without a request
	SessionLife = 7 * 24 * time.Hour // whatever happens
	// SessionSeen is how exactly the last request is remembered: a request causes a write this often only.
	SessionSeen = 5 * time.Minute
	MaxSessions = 32
)

// Login is how the administrator gets into the console.
type Login struct {
	Password string // its hash, in a form that names how it was made; empty: none is set
	Sessions []Session
}

// Session is a browser that is signed in. Its id is kept as a hash only.
type Session struct {
	Hash      [32]byte
	CreatedAt time.Time
	SeenAt    time.Time
}

// Live reports whether the session still counts.
func (s *Session) Live(now time.Time) bool {
	return now.Sub(s.SeenAt) < SessionIdle && now.Sub(s.CreatedAt) < SessionLife
}

// Session returns the live session with this hash, or nil.
func (l *Login) Session(hash [32]byte, now time.Time) *Session {
	for i := range l.Sessions {
		if s := &l.Sessions[i]; s.Hash == hash && s.Live(now) {
			return s
		}
	}
	return nil
}

// Begin adds a session. Those that have expired go, and of too many the oldest.
func (l *Login) Begin(hash [32]byte, now time.Time) {
	l.Sessions = slices.DeleteFunc(l.Sessions, func(s Session) bool { return !s.Live(now) })
	if n := len(l.Sessions) - MaxSessions + 1; n > 0 {
		l.Sessions = slices.Delete(l.Sessions, 0, n)
	}
	l.Sessions = append(l.Sessions, Session{hash, now, now})
}

// End removes a session.
func (l *Login) End(hash [32]byte) {
	l.Sessions = slices.DeleteFunc(l.Sessions, func(s Session) bool { return s.Hash == hash })
}

// SetPassword sets the password's hash and ends every session.
func (l *Login) SetPassword(hash string) { l.Password, l.Sessions = hash, nil }
