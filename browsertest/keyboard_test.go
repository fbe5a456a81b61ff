package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// focus says what has the focus, and whether one can see that it has.
type focus struct {
	Name    string
	Visible bool
	HTML    string
}

func (b *tab) focus() focus {
	b.t.Helper()
	return eval[focus](b, `(() => {
		const el = document.activeElement, style = getComputedStyle(el), box = el.getBoundingClientRect();
		const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
		return { Name: el === document.body ? "" : nameOf(el), HTML: describe(el),
			Visible: marked && visible(el) && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth };
	})()`)
}

// reach presses Tab until something has the focus. All that has it on the way must show it.
func (b *tab) reach(name string) {
	b.t.Helper()
	var passed []string
	for range 80 {
		b.keys(kb.Tab)
		f := b.focus()
		if f.Name == "" {
			continue // the browser's own
		}
		if !f.Visible {
			b.t.Errorf("one can't see that this has the focus: %s", f.HTML)
		}
		if strings.HasPrefix(f.Name, name) {
			return
		}
		passed = append(passed, f.Name)
	}
	b.t.Fatalf("the keyboard never comes to %q, only to %q", name, passed)
}

// enter presses the key that follows a link or sends a form, and waits for the page.
func (b *tab) enter() {
	b.t.Helper()
	b.load(chromedp.KeyEvent(kb.Enter))
}

func (b *tab) types(text string) {
	b.t.Helper()
	call(b, input.InsertText, input.InsertTextParams{Text: text})
}

// Everything can be done with the keyboard, and one always sees where one is.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	a := ready(t)
	r := receive(t)
	b := browse(t, a.admin)
	b.open("/sign-in")
	b.reach("Skip to content")
	b.reach("Password")
	b.types(password)
	b.enter()
	b.at("/")

	b.keys(kb.Tab)
	if f := b.focus(); f.Name != "Skip to content" || !f.Visible {
		t.Fatalf("the first is %+v", f)
	}
	b.keys(kb.Enter)
	b.until("the focus in the page", "document.activeElement.id === 'main'")
	b.reach("Add tenant")
	b.enter()
	b.reach("Name")
	b.types("Oasis Trading")
	b.reach("Time zone")
	b.types("Asia/Riyadh")
	b.enter()
	b.at("/tenants/1/webhook")
	b.reach("Add endpoint")
	b.enter()
	b.reach("URL")
	b.types(r.url)
	b.reach("All events")
	b.keys(" ")
	b.reach("A customer wrote")
	b.keys(" ")
	b.reach("Retries, timeout")
	b.keys(kb.Enter)
	b.reach("As in the configuration")
	b.keys(kb.ArrowDown)
	b.reach("Waits before each retry")
	b.types("1s, 1m")
	b.enter()
	b.sees("The endpoint is added.")

	b.reach("Send Test")
	b.keys(kb.Enter)
	b.sees("Your system took the event.")
	b.until("the focus at the result", "document.activeElement.matches('.result')")
	r.wait(1)
	b.reach("Generate new secret")
	b.enter()
	b.sees("Copy the secret now")
	b.reach("Copy")
	b.keys(kb.Enter)
	b.sees("Copied")
	b.reach("PHP") // the first of the languages' tabs
	b.keys(kb.ArrowRight)
	if f := b.focus(); f.Name == "PHP" || !f.Visible || !eval[bool](b, "document.activeElement.ariaSelected === 'true'") {
		t.Errorf("the next tab is %+v", f)
	}

	// What can't be undone asks first.
	b.reach("Delete endpoint")
	b.enter()
	b.at("/tenants/1/endpoints/1/delete")
	b.reach("Cancel")
	b.enter()
	b.at("/tenants/1/endpoints/1")
	b.reach("Delete endpoint")
	b.enter()
	b.until("the question", "location.pathname.endsWith('/delete')")
	b.reach("Delete endpoint")
	b.enter()
	b.at("/tenants/1/webhook")
	b.sees("The endpoint is deleted.")

	// The menu opens, and Escape closes it where it was opened.
	b.reach("Administrator")
	b.keys(kb.Enter)
	b.reach("Dark")
	b.keys(kb.Escape)
	if f := b.focus(); f.Name != "Administrator" || eval[bool](b, "document.querySelector('details.account').open") {
		t.Errorf("after Escape the focus is at %+v", f)
	}
	b.keys(kb.Enter)
	b.reach("Dark")
	b.enter()
	if got := eval[string](b, "document.documentElement.dataset.theme"); got != "dark" {
		t.Errorf("the theme is %q", got)
	}
	b.reach("Administrator")
	b.keys(kb.Enter)
	b.reach("Sign out")
	b.enter()
	b.at("/sign-in")
}
