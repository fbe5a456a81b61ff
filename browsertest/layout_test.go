package browsertest

import (
	"strings"
	"testing"
)

// look opens a page and checks what holds for every page: that it is there, and fits.
func (b *tab) look(path string) {
	b.t.Helper()
	if status := b.visit(path); (status == 200) != ok(path) {
		b.t.Fatalf("%s: status %d", path, status)
	}
	b.fits(path)
}

// fits checks that a page is no wider than the window and cuts nothing off, on a phone, a tablet and a desk.
func (b *tab) fits(path string) {
	b.t.Helper()
	for _, width := range []int64{390, 700, 1024, 1280} {
		b.size(width, 900)
		if found := eval[[]string](b, "beyond()"); len(found) > 0 {
			b.t.Errorf("%s, %d wide: %s", path, width, strings.Join(found, "\n\t"))
		}
	}
}

// accessible checks a page with axe-core, all its rules; in dark colours too, those about colours.
func (b *tab) accessible(path string) {
	b.t.Helper()
	b.theme("light")
	eval[any](b, "(() => {"+axe+"\n})()")
	b.axe(path+", light", "{}")
	b.theme("dark")
	b.axe(path+", dark", `{runOnly: ["color-contrast", "link-in-text-block"]}`)
	b.theme("light")
}

func (b *tab) axe(what, options string) {
	b.t.Helper()
	type violation struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	found := eval[[]violation](b, `axe.run(document, Object.assign({resultTypes: ["violations"]}, `+options+`)).then((r) => r.violations)`)
	for _, v := range found {
		for _, n := range v.Nodes[:min(3, len(v.Nodes))] {
			b.t.Errorf("%s: %s (%s)\n\t%s\n\t%s", what, v.ID, v.Help, n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
}

// Every page in both languages, in both themes, on a desk and on a phone.
func TestPages(t *testing.T) {
	for _, of := range []struct {
		name string
		make func(*testing.T) *site
	}{
		{"Filled", func(t *testing.T) *site { return fill(t, plainNames) }},
		{"Begun", begun},
		{"Bare", bare},
	} {
		for _, language := range []string{"English", "العربية"} {
			t.Run(of.name+"/"+language, func(t *testing.T) {
				t.Parallel()
				s := of.make(t)
				b := s.signIn()
				if language != "English" {
					b.language(language)
				}
				for _, path := range s.pages {
					b.look(path)
					b.accessible(path)
				}
			})
		}
	}
}

// Who is not signed in sees these.
func TestDoors(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := browse(t, a.admin)
	for _, language := range []string{"English", "العربية"} {
		b.open("/sign-in")
		b.follow(language)
		for _, path := range []string{"/sign-in", a.setUp, "/setup?token=none"} {
			b.visit(path)
			b.fits(path)
			b.accessible(path)
		}
	}
}
