package browsertest

import (
	"strings"
	"testing"
)

// What people write outside. None of it may become markup, run, turn the page around or break it.
const (
	markup = `<script>window.ran=1</script><img src=x onerror="window.ran=1">"'><svg onload=window.ran=1>{{.}}</textarea></title><!--`
	turned = "\u202Eesrever\u202E \u2067ltr"
)

var hostileNames = naming{
	tenant: "\"><script>window.ran=1</script> " + turned, zone: "Asia/Riyadh", account: "';window.ran=1;'" + turned + strings.Repeat("W", 60), phone: "<b>+966</b>\u202E11", description: markup[:100] + turned,
	path:     "/" + strings.Repeat("a-very-long-path", 20) + "?q=%22%3E%3Cscript%3E&x='\"",
	customer: "\u202E966<script>window.ran=1</script>" + strings.Repeat("5", 60), name: markup + turned, text: markup + turned + strings.Repeat("Donaudampfschifffahrt", 60),
	template: "<script>window.ran=1</script>" + strings.Repeat("long_", 60), reason: markup + turned + strings.Repeat("X", 300), key: "<i onclick='window.ran=1'>" + turned + strings.Repeat("K", 50),
	header: strings.Repeat("v", 300) + "'\"><script>window.ran=1</script>",
}

func TestHostileWords(t *testing.T) {
	for _, language := range []string{"English", "العربية"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			s := fill(t, hostileNames)
			b := s.signIn()
			if language != "English" {
				b.language(language)
			}
			for _, path := range s.pages {
				b.look(path, 390, 700, 1024, 1280)
				b.harmless(path)
			}
		})
	}
}

// harmless checks that words from outside stayed words.
func (b *tab) harmless(path string) {
	b.t.Helper()
	if found := eval[[]string](b, `[...document.querySelectorAll("script, img, i, b, iframe, [onclick], [onerror], [onload], svg:not(.icon, .plot, .axis, .strip)")]
		.filter((el) => !(el.localName === "script" && el.src.includes("/static/")) && !(el.localName === "b" && !el.textContent.includes("966"))).map(describe)
		.concat(window.ran ? ["a script ran"] : [])`); len(found) > 0 {
		b.t.Errorf("%s: %s", path, strings.Join(found, "\n\t"))
	}
	if found := eval[[]string](b, `mingled(/[\u202e\u2067]/, true)`); len(found) > 0 {
		b.t.Errorf("%s: what turns text around is not kept apart: %s", path, strings.Join(found, "\n\t"))
	}
}
