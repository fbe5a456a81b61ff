package console

import (
	"net/http"
	"slices"
	"time"
)

// The cookies that remember what a person prefers. They hold nothing that needs hiding.
const (
	languageCookie = "cubeconnect-language"
	themeCookie    = "cubeconnect-theme"
	preferenceLife = 365 * 24 * time.Hour
)

var themes = []string{"light", "dark"}

// themeOf returns the theme that was chosen; empty: the system's.
func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(themes, c.Value) {
		return c.Value
	}
	return ""
}

// prefer remembers a choice and goes back to where it was made.
func (q *request) prefer() error {
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	if code := f.Value("language"); languages[code] != nil {
		q.remember(languageCookie, code)
	}
	switch theme := f.Value("theme"); {
	case slices.Contains(themes, theme):
		q.remember(themeCookie, theme)
	case theme == "system":
		q.remember(themeCookie, "")
	}
	return q.redirect(local(f.Value("back")))
}

func (q *request) remember(name, value string) {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure(q.Request.Request), MaxAge: int(preferenceLife / time.Second),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(q.w, c)
}
