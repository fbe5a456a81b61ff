package browsertest

import (
	"strings"
	"testing"
)

// look opens a page and checks what holds for every page: that it is there, and fits windows of some widths.
func (b *tab) look(path string, widths ...int64) {
	b.t.Helper()
	if status := b.visit(path); (status == 200) != ok(path) {
		b.t.Fatalf("%s: status %d", path, status)
	}
	b.fits(path, widths...)
}

// fits checks that a page is no wider than the window and cuts nothing off.
func (b *tab) fits(path string, widths ...int64) {
	b.t.Helper()
	for _, width := range widths {
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

// rightToLeft checks that what is written from left to right is kept apart from the Arabic around it.
func (b *tab) rightToLeft(path string) {
	b.t.Helper()
	if dir := eval[string](b, "getComputedStyle(document.body).direction + document.documentElement.lang"); dir != "rtlar" {
		b.t.Errorf("%s: %s", path, dir)
	}
	if found := eval[[]string](b, `mingled(/https?:\/\/|wamid\.|whsec_|\+\d{3}|\d{6,}|[0-9A-HJKMNP-TV-Z]{26}|\d\d:\d\d/)`); len(found) > 0 {
		b.t.Errorf("%s: not kept apart: %s", path, strings.Join(found, "\n\t"))
	}
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
					b.look(path, 390, 1280)
					b.accessible(path)
					if language != "English" {
						b.rightToLeft(path)
					}
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
			b.fits(path, 390, 1280)
			b.accessible(path)
		}
	}
}
