package browsertest

import (
	"errors"
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

// violation is a fault that axe-core finds.
type violation struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

func (b *tab) violations(options string) []violation {
	b.t.Helper()
	return eval[[]violation](b, `axe.run(document, Object.assign({resultTypes: ["violations"]}, `+options+`)).then((r) => r.violations)`)
}

func (b *tab) axe(what, options string) {
	b.t.Helper()
	for _, v := range b.violations(options) {
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

// What the tests look for is found where it is.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	a := ready(t)
	b := a.signIn()
	b.open("/tenants")
	b.accessible("/tenants")
	eval[any](b, `document.querySelector("main").insertAdjacentHTML("beforeend",
		'<button></button><p style="color: red">\u202egnorw</p><img src="https://example.com/x.png"><p class="wide">Wide</p><p>before \u202egnorw <b>after</b></p>')`)
	eval[any](b, `document.querySelector(".wide").style.width = "3000px"`)
	b.until("a complaint", "document.images[0].complete")
	if heard := strings.Join(b.heard(), "\n"); !strings.Contains(heard, "style-src") || !strings.Contains(heard, "img-src") {
		t.Errorf("of the policy one hears %q", heard)
	}
	ids := ""
	for _, v := range b.violations("{}") {
		ids += v.ID + " "
	}
	if !strings.Contains(ids, "button-name") || !strings.Contains(ids, "image-alt") {
		t.Errorf("axe-core finds %q", ids)
	}
	if found := eval[[]string](b, "beyond()"); len(found) < 2 {
		t.Errorf("beyond the window are %q", found)
	}
	if found := eval[[]string](b, `mingled(/[\u202e]/, true)`); len(found) != 1 {
		t.Errorf("not kept apart are %q", found)
	}
	eval[any](b, `setTimeout(() => { throw new Error("a fault") }) && 0`)
	eventually(t, func() error {
		if heard := strings.Join(b.heard(), "\n"); !strings.Contains(heard, "a fault") {
			return errors.New("a fault in a script is not heard")
		}
		return nil
	})
}
