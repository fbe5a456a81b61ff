package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

//go:embed page.js
var pageScript string

// tab is a window of a browser with a profile of its own. When the test ends it fails if the browser had
// anything to complain about: an error in a script, something the policy of a page forbids, a file that
// is not there.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu         sync.Mutex
	complaints []string
}

// browse opens a browser at an appliance's console. The address is that of the admin listener.
func browse(t *testing.T, base string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx, base: base}
	t.Cleanup(func() {
		cancel()
		for _, c := range b.heard() {
			t.Errorf("the browser complains: %s", c)
		}
	})
	b.try(chromedp.Listen(ctx, b.hear))
	call(b, audits.Enable, cdp.Empty{})
	call(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}) // as if somebody looked
	b.size(1280, 900)
	b.theme("light")
	return b
}

// signIn opens a browser that is signed in.
func (a *appliance) signIn() *tab {
	a.t.Helper()
	b := browse(a.t, a.admin)
	b.open("/sign-in")
	b.write("Password", password)
	b.follow("Sign in")
	b.at("/")
	return b
}

func (b *tab) hear(ev any) {
	said := ""
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		if e := ev.Entry; e.Level == log.EntryLevelError || e.Level == log.EntryLevelWarning {
			// A page that says what is wrong with a form, or that it is missing, is a page like any other.
			if e.Source == log.EntrySourceNetwork && strings.Contains(e.Text, "status of 4") && !strings.Contains(e.URL, "/static/") {
				return
			}
			said = fmt.Sprintf("%s: %s (%s)", e.Source, e.Text, e.URL)
		}
	case *runtime.EventExceptionThrown:
		said = (&chromedp.ExceptionError{ExceptionDetails: ev.ExceptionDetails}).Error()
	case *runtime.EventConsoleAPICalled:
		said = fmt.Sprintf("console.%s", ev.Type)
		for _, arg := range ev.Args {
			said += fmt.Sprintf(" %s %s", arg.Value, arg.Description)
		}
	case *audits.EventIssueAdded:
		if csp := ev.Issue.Details.ContentSecurityPolicyIssueDetails; csp != nil {
			said = fmt.Sprintf("the policy forbids %s %s", csp.ViolatedDirective, csp.BlockedURL)
		}
	}
	if said != "" {
		b.mu.Lock()
		b.complaints = append(b.complaints, said)
		b.mu.Unlock()
	}
}

// heard returns the complaints so far, and forgets them.
func (b *tab) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := b.complaints
	b.complaints = nil
	return heard
}

func (b *tab) try(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// call runs a command of the browser's protocol.
func call[P, R any](b *tab, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, c, params)
	if err != nil {
		b.t.Fatalf("%s: %v", c.Method, err)
	}
	return r
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.text())
	}
}

// size sets the window's size. A narrow one is a phone's.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
}

// theme sets what the system prefers: light or dark. Nothing moves in either, so that a page is what it will be.
func (b *tab) theme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
}

// scripts turns the pages' scripts on or off, from the next page on.
func (b *tab) scripts(on bool) {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// open goes to a page, which must be there.
func (b *tab) open(path string) {
	b.t.Helper()
	if status := b.visit(path); status != 200 {
		b.t.Fatalf("%s: status %d", path, status)
	}
}

// visit goes to a page and returns its status.
func (b *tab) visit(path string) int64 {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.base + path
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Run(ctx, chromedp.NavigateResponse(path))
	if err != nil {
		b.t.Fatalf("%s: %v", path, err)
	}
	return r.Status
}

// eval returns what an expression is in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := tryEval[T](b, expression)
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func tryEval[T any](b *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T]("(() => {"+pageScript+"\nreturn ("+expression+");})()", chromedp.EvalAwaitPromise))
}

// until waits for an expression to be true in the page, be it another page by then.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ok, err := tryEval[bool](b, "!!("+expression+")")
		if ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s never happens (%v) on %s\n%s", what, err, b.url(), b.text())
		}
	}
}

func (b *tab) url() string {
	u, _ := tryEval[string](b, "location.href")
	return u
}

func (b *tab) text() string {
	text, _ := tryEval[string](b, "words()")
	return text
}

// quote makes text a JavaScript string.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings can be
	}
	return string(b)
}

// at waits until the page's path is this one.
func (b *tab) at(path string) {
	b.t.Helper()
	b.until("being at "+path, "location.pathname+location.search === "+quote(path))
}

// sees waits until the page shows all of these.
func (b *tab) sees(words ...string) {
	b.t.Helper()
	for _, w := range words {
		b.until("seeing "+w, "words().includes(plain("+quote(w)+"))")
	}
}

// misses checks that the page shows none of these.
func (b *tab) misses(words ...string) {
	b.t.Helper()
	for _, w := range words {
		if text := b.text(); strings.Contains(text, w) {
			b.t.Errorf("%s shows %q:\n%s", b.url(), w, text)
		}
	}
}

// press clicks on what has a name, with the mouse.
func (b *tab) press(name string) {
	b.t.Helper()
	at := b.spot(name)
	b.do(chromedp.MouseClickXY(at.X, at.Y))
}

// follow clicks on what has a name, and waits until the page that it leads to has loaded.
func (b *tab) follow(name string) {
	b.t.Helper()
	at := b.spot(name)
	b.load(chromedp.MouseClickXY(at.X, at.Y))
}

// load waits until the page that a step leads to has loaded.
func (b *tab) load(step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, step)); err != nil {
		b.t.Fatalf("no page follows: %v\n%s", err, b.text())
	}
}

type point struct{ X, Y float64 }

func (b *tab) spot(name string) point {
	b.t.Helper()
	b.until("a way to click "+name, "spot("+quote(name)+")")
	return eval[point](b, "spot("+quote(name)+")")
}

// write puts text into a field, in place of what is there.
func (b *tab) write(name, text string) {
	b.t.Helper()
	b.press(name)
	eval[any](b, "document.activeElement.select()")
	call(b, input.InsertText, input.InsertTextParams{Text: text})
	if got := eval[string](b, "find("+quote(name)+").value"); strings.ReplaceAll(got, "\r\n", "\n") != text {
		b.t.Fatalf("the field %s has %q", name, got)
	}
}

// choose picks the option of a list that says something.
func (b *tab) choose(name, option string) {
	b.t.Helper()
	if !eval[bool](b, `(() => {
		const list = find(`+quote(name)+`), option = [...list.options].find((o) => plain(o.text).includes(`+quote(option)+`));
		if (option) option.selected = list.dispatchEvent(new Event("change", { bubbles: true }));
		return !!option;
	})()`) {
		b.t.Fatalf("%s has no option %s", name, option)
	}
}

// keys presses keys, one after the other.
func (b *tab) keys(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// language changes the language of the pages, with the menu.
func (b *tab) language(name string) {
	b.t.Helper()
	b.press("Administrator")
	b.follow(name)
}

// clipboard is what was copied last.
func (b *tab) clipboard() string {
	b.t.Helper()
	_, err := chromedp.CallBrowser(b.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted,
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID})
	b.try(err)
	return eval[string](b, "navigator.clipboard.readText()")
}

// path is the path of the page.
func (b *tab) path() string {
	b.t.Helper()
	u, err := url.Parse(b.url())
	b.try(err)
	return u.Path
}
