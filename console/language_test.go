package console

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"cubeconnect/egress"
	"cubeconnect/web"
	"cubeconnect/webhook"
)

// Both languages have every message, with the same placeholders, and no message is left over.
func TestMessages(t *testing.T) {
	en, ar := languages["en"].words().messages, languages["ar"].words().messages
	if a, b := slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(ar)); !slices.Equal(a, b) {
		t.Errorf("English has %v\nArabic has %v", a, b)
	}
	for key := range en {
		if a, b := placeholders(en[key]), placeholders(ar[key]); a != b {
			t.Errorf("%s: %q in English, %q in Arabic", key, a, b)
		}
		if (en[key].forms == nil) != (ar[key].forms == nil) {
			t.Errorf("%s has plural forms in one language only", key)
		}
	}
	for code, forms := range map[string][]string{"en": {"one", "other"}, "ar": {"zero", "one", "two", "few", "many", "other"}} {
		for key, m := range languages[code].words().messages {
			if m.forms != nil && !slices.Equal(slices.Sorted(maps.Keys(m.forms)), slices.Sorted(slices.Values(forms))) {
				t.Errorf("%s: %s has the forms %v", code, key, slices.Sorted(maps.Keys(m.forms)))
			}
			if m.forms == nil && strings.TrimSpace(m.text) == "" {
				t.Errorf("%s: %s says nothing", code, key)
			}
		}
	}
	used := map[string]bool{}
	literal := regexp.MustCompile(`"([a-z_.]+)"`)
	for _, pattern := range []string{"*.go", "html/*.html"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range literal.FindAllStringSubmatch(string(b), -1) {
				used[m[1]] = true
			}
			for _, m := range regexp.MustCompile(`\b(?:t|rich|must) "([^"]+)"|must\("([^"]+)"|Text: "([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
				key := m[1] + m[2] + m[3]
				if _, ok := en[key]; !ok {
					t.Errorf("%s: there is no message %s", name, key)
				}
			}
		}
	}
	for key := range en {
		if !used[key] {
			t.Errorf("nobody says %s", key)
		}
	}
}

func placeholders(m message) string {
	found := map[string]bool{}
	texts := append(slices.Collect(maps.Values(m.forms)), m.text)
	for _, text := range texts {
		for _, p := range regexp.MustCompile(`\{[a-z]+\}`).FindAllString(text, -1) {
			found[p] = true
		}
		for _, p := range regexp.MustCompile("`[^`]+`").FindAllString(text, -1) {
			found[p] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), " ")
}

func TestPlural(t *testing.T) {
	for n, want := range map[int][2]string{
		0: {"other", "zero"}, 1: {"one", "one"}, 2: {"other", "two"}, 3: {"other", "few"}, 10: {"other", "few"}, 11: {"other", "many"}, 99: {"other", "many"},
		100: {"other", "other"}, 101: {"other", "other"}, 102: {"other", "other"}, 103: {"other", "few"}, 111: {"other", "many"}, 1000: {"other", "other"}, 1003: {"other", "few"},
	} {
		if got := [2]string{pluralEnglish(n), pluralArabic(n)}; got != want {
			t.Errorf("%d: %v", n, got)
		}
	}
	for n, want := range map[int]string{0: "لا أحداث", 1: "حدث واحد", 2: "حدثان", 5: "5 أحداث", 11: "11 حدثًا", 100: "100 حدث"} {
		if got, err := languages["ar"].text("events.count", "n", n); err != nil || got != want {
			t.Errorf("%d: %q %v", n, got, err)
		}
	}
	if _, err := languages["en"].text("events.count"); err == nil {
		t.Error("a plural without a number is no error")
	}
	if _, err := languages["en"].text("no.such.key"); err == nil {
		t.Error("a message that doesn't exist is no error")
	}
}

func TestRich(t *testing.T) {
	l := newLanguageOf(map[string]message{"x": {text: "a `b<c` {name} & {n}"}})
	got, err := l.rich("x", "name", "<i>", "n", 3)
	if want := `a <code dir="ltr">b&lt;c</code> <bdi>&lt;i&gt;</bdi> &amp; <bdi>3</bdi>`; err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
}

func newLanguageOf(m map[string]message) *language {
	return &language{words: func() *words { return &words{messages: m} }, plural: pluralEnglish}
}

func TestTime(t *testing.T) {
	riyadh, err := time.LoadLocation("Asia/Riyadh")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 24, 22, 5, 59, 0, time.UTC)
	for code, want := range map[string]string{
		"en": `<time datetime="2026-11-25T01:05:59+03:00">25 Nov 2026, 01:05 <span class="zone" dir="ltr">UTC+03:00</span></time>`,
		"ar": `<time datetime="2026-11-25T01:05:59+03:00">25 نوفمبر 2026، 01:05 <span class="zone" dir="ltr">UTC+03:00</span></time>`,
	} {
		if got := languages[code].time(at, riyadh); string(got) != want {
			t.Errorf("%s", got)
		}
	}
	if got := languages["en"].time(at, time.UTC); !strings.Contains(string(got), ">24 Nov 2026, 22:05 <") || !strings.Contains(string(got), ">UTC<") {
		t.Errorf("%s", got)
	}
	if got := grouped(1234567); got != "1,234,567" || grouped(999) != "999" {
		t.Errorf("%s %s", got, grouped(999))
	}
}

// What other packages say about what somebody entered, and about what went wrong, is said in Arabic too.
func TestBelow(t *testing.T) {
	long := strings.Repeat("x", 5000)
	said := map[string]bool{}
	hear := func(faults webhook.FieldErrors) {
		for _, texts := range faults {
			for _, text := range texts {
				said[text] = true
			}
		}
	}
	for _, s := range []string{"", "x", long, "\x00", "a\nb", "é", "1x"} {
		hear((&webhook.Tenant{Name: s, Timezone: s}).Validate())
		hear((&webhook.Account{Name: s, WABAID: s, PhoneNumberID: s, DisplayPhoneNumber: s, AccessToken: webhook.NewSecret(s)}).Validate())
		forbidden := func(string) bool { return s == "x" }
		hear((&webhook.Endpoint{URL: s, Events: []string{s, s}, Description: s, Timeout: -1, Headers: map[string]string{s: s, "A": long + long}}).Validate(forbidden))
		hear(CheckPassword(s))
	}
	hear((&webhook.Endpoint{Retries: make(webhook.Schedule, 51)}).Validate(nil))
	hear((&webhook.Endpoint{Retries: webhook.Schedule{-1}, Headers: map[string]string{"a": "", "A": "", "B": " x"}}).Validate(nil))
	many := map[string]string{}
	for i := range 21 {
		many[fmt.Sprint("H", i)] = ""
	}
	hear((&webhook.Endpoint{Headers: many}).Validate(nil))
	for _, s := range []string{"soon", "99999d", "xd", "36500d2540400h"} {
		if _, err := webhook.ParseDuration(s); err != nil {
			said[err.Error()] = true
		}
	}
	f := form{map[string][]string{"password": {goodPassword}, "header_name": {"a", "a"}, "header_value": {"", "b"}, "timeout": {"0s"}}, webhook.FieldErrors{}}
	f.headers()
	f.timeout()
	hear(f.faults)
	again := newForm(map[string][]string{"password": {goodPassword}})
	newPassword(again)
	hear(again.faults)

	for _, allow := range []bool{false, true} {
		c := egress.New(egress.Options{AllowHTTP: allow})
		for _, u := range []string{
			"x", "%", "ftp://a.example", "https://", "https://u:p@a.example", "https://a.example/#x", "https://[fe80::1%25eth0]/", "https://1.2.3/", "https://a..b/",
			"https://é.example/", "https://single/", "https://a.example:0/", "https://127.0.0.1/", "https://8.8.8.8:99/", "https://a.example/" + long, "https://[::x]/", "https://[1.2.3.4]/",
		} {
			if err := c.CheckURL(context.Background(), u); err != nil {
				said[err.Error()] = true
			}
		}
		c.Close()
	}

	fixture := newFixture(t)
	fixture.tenant("Oasis")
	for _, class := range append(slices.Clone(webhook.ErrorClasses), "new") {
		for _, status := range []int{0, 302, 400, 401, 404, 410, 500} {
			fixture.sender.outcome = webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{Error: class, StatusCode: status}}
			_, why, err := fixture.console.admin.SendTest(t.Context(), 1, 1)
			fixture.ok(err)
			said[why] = true
		}
	}
	said["the endpoint answered 410 Gone"] = true
	said["every attempt has failed since 2026-03-10T11:30:00Z"] = true
	for _, a := range []webhook.Account{{TenantID: 1, WABAID: "101", PhoneNumberID: "201"}, {TenantID: 2, WABAID: "101", PhoneNumberID: "9"}} {
		if a.TenantID == 2 {
			fixture.tenant("Other")
		}
		_, err := fixture.store.CreateAccount(t.Context(), a)
		if !errors.Is(err, webhook.ErrConflict) {
			t.Fatalf("%v", err)
		}
		said[web.Status(err).Message] = true
	}
	for _, err := range []error{webhook.ErrNotFound, webhook.ErrFull, webhook.ErrClosed, context.Canceled, errors.New("x")} {
		said[web.Status(err).Message] = true
	}
	if len(said) < 60 {
		t.Errorf("only %d sentences were heard", len(said))
	}
	for text := range said {
		got := languages["ar"].below(text)
		if !strings.ContainsFunc(got, func(r rune) bool { return unicode.Is(unicode.Arabic, r) }) {
			t.Errorf("not said in Arabic: %q", text)
		}
		if got := languages["en"].below(text); strings.Contains(got, "{") || got == "" || got[len(got)-1] != '.' {
			t.Errorf("no sentence: %q", got)
		}
	}
	if got := languages["ar"].below("something new"); got != "Something new." {
		t.Errorf("%q", got)
	}
}
