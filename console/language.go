package console

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed locale
var localeFiles embed.FS

// language is one that the console speaks.
type language struct {
	Code string
	Dir  string // of the script
	Name string // in itself

	words     func() *words
	plural    func(n int) string
	months    [12]string
	comma     string
	templates *templates
}

// languages are by code; languageCodes is the order in which they are offered.
var (
	languageCodes = []string{"en", "ar"}
	languages     = map[string]*language{
		"en": newLanguage(language{
			Code: "en", Dir: "ltr", Name: "English", plural: pluralEnglish, comma: ", ",
			months: [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
		}),
		"ar": newLanguage(language{
			Code: "ar", Dir: "rtl", Name: "العربية", plural: pluralArabic, comma: "، ",
			months: [12]string{"يناير", "فبراير", "مارس", "أبريل", "مايو", "يونيو", "يوليو", "أغسطس", "سبتمبر", "أكتوبر", "نوفمبر", "ديسمبر"},
		}),
	}
)

// words are a language's own.
type words struct {
	messages map[string]message
	phrases  []phrase
}

// newLanguage leaves words and templates for their first use. They are part of the program: what is wrong
// with them is found by the first test that runs.
func newLanguage(l language) *language {
	l.words = sync.OnceValue(func() *words { return readWords(l.Code) })
	l.templates = newTemplates(&l)
	return &l
}

func readWords(code string) *words {
	w := new(words)
	readLocale(code+".json", &w.messages)
	var below map[string]map[string]string
	readLocale("below.json", &below)
	for _, text := range slices.Sorted(maps.Keys(below)) { // the same phrase wins each time
		if own, ok := below[text][code]; ok {
			w.phrases = append(w.phrases, newPhrase(text, own))
		}
	}
	return w
}

func readLocale(name string, into any) {
	b, err := localeFiles.ReadFile("locale/" + name)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
}

// message is a text, or one for each plural form.
type message struct {
	text  string
	forms map[string]string
}

func (m *message) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &m.text) == nil {
		return nil
	}
	return json.Unmarshal(b, &m.forms)
}

// find returns a message's text, in the plural form that the argument n asks for.
func (l *language) find(key string, args []any) (string, error) {
	m, ok := l.words().messages[key]
	if !ok {
		return "", fmt.Errorf("%s has no message %s", l.Code, key)
	}
	if len(args)%2 != 0 {
		return "", fmt.Errorf("message %s: arguments come in pairs", key)
	}
	if m.forms == nil {
		return m.text, nil
	}
	for i := 0; i < len(args); i += 2 {
		if n, ok := args[i+1].(int); ok && args[i] == "n" {
			if text, ok := m.forms[l.plural(n)]; ok {
				return text, nil
			}
			return m.forms["other"], nil
		}
	}
	return "", fmt.Errorf("message %s needs a number n", key)
}

// text returns a message with its {names} replaced: arguments come in pairs of name and value.
func (l *language) text(key string, args ...any) (string, error) {
	text, err := l.find(key, args)
	for i := 0; i+1 < len(args); i += 2 {
		text = strings.ReplaceAll(text, "{"+fmt.Sprint(args[i])+"}", shown(args[i+1]))
	}
	return text, err
}

// shown writes an argument as text: a number with separators.
func shown(v any) string {
	if n, ok := v.(int); ok && n >= 0 {
		return grouped(uint64(n))
	}
	return fmt.Sprint(v)
}

var backquoted = regexp.MustCompile("`([^`]*)`")

// rich is like text, for the middle of a page: what stands in backquotes is code, and arguments are kept
// from disturbing the direction of the text around them.
func (l *language) rich(key string, args ...any) (template.HTML, error) {
	text, err := l.find(key, args)
	text = backquoted.ReplaceAllString(template.HTMLEscapeString(text), `<code dir="ltr">$1</code>`)
	for i := 0; i+1 < len(args); i += 2 {
		value, ok := args[i+1].(template.HTML)
		if !ok {
			value = template.HTML("<bdi>" + template.HTMLEscapeString(shown(args[i+1])) + "</bdi>")
		}
		text = strings.ReplaceAll(text, "{"+fmt.Sprint(args[i])+"}", string(value))
	}
	return template.HTML(text), err
}

// must is for messages of the program's own choice; of one that is missing it shows the key.
func (l *language) must(key string, args ...any) string {
	text, err := l.text(key, args...)
	if err != nil {
		return key
	}
	return text
}

// say is to rich what must is to text.
func (l *language) say(key string, args ...any) template.HTML {
	text, err := l.rich(key, args...)
	if err != nil {
		return template.HTML(template.HTMLEscapeString(key))
	}
	return text
}

// phrase is a sentence of another package, with {names} for what varies, and how to say it here.
type phrase struct {
	match *regexp.Regexp
	names []string
	own   string
}

var placeholder = regexp.MustCompile(`\\\{([a-z]+)\\\}`)

func newPhrase(text, own string) phrase {
	pattern := regexp.QuoteMeta(text)
	p := phrase{own: own}
	for _, m := range placeholder.FindAllStringSubmatch(pattern, -1) {
		p.names = append(p.names, m[1])
	}
	p.match = regexp.MustCompile(`(?s)^` + placeholder.ReplaceAllString(pattern, "(.+?)") + `$`)
	return p
}

// below says in this language what another package says in English: faults of fields, reasons of
// failures. What it doesn't know stays as it is, as a sentence.
func (l *language) below(text string) string {
	for _, p := range l.words().phrases {
		m := p.match.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		own := p.own
		for i, name := range p.names {
			own = strings.ReplaceAll(own, "{"+name+"}", m[i+1])
		}
		return own
	}
	return sentence(text)
}

func sentence(text string) string {
	if text == "" {
		return text
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

func pluralEnglish(n int) string {
	if n == 1 {
		return "one"
	}
	return "other"
}

// pluralArabic is CLDR's rule for whole numbers.
func pluralArabic(n int) string {
	switch rest := n % 100; {
	case n == 0:
		return "zero"
	case n == 1:
		return "one"
	case n == 2:
		return "two"
	case rest >= 3 && rest <= 10:
		return "few"
	case rest >= 11:
		return "many"
	}
	return "other"
}

// time shows an instant in a zone, to the minute.
func (l *language) time(t time.Time, zone *time.Location) template.HTML {
	return l.stamp(t.In(zone), "15:04")
}

// instant shows one in a zone, to the second.
func (l *language) instant(t time.Time, zone *time.Location) template.HTML {
	return l.stamp(t.In(zone), "15:04:05")
}

func (l *language) stamp(t time.Time, clock string) template.HTML {
	shown := fmt.Sprintf("%d %s %d%s%s", t.Day(), l.months[t.Month()-1], t.Year(), l.comma, t.Format(clock))
	name, _ := t.Zone()
	if name == "" || strings.ContainsAny(name[:1], "+-") {
		name = "UTC" + t.Format("-07:00")
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s <span class="zone" dir="ltr">%s</span></time>`,
		t.Format(time.RFC3339), template.HTMLEscapeString(shown), template.HTMLEscapeString(name)))
}

// languageOf returns the language that was chosen, or else the one that the browser prefers.
func languageOf(r *http.Request) *language {
	if c, err := r.Cookie(languageCookie); err == nil && languages[c.Value] != nil {
		return languages[c.Value]
	}
	best, weight := languages[languageCodes[0]], 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		code, _, _ := strings.Cut(strings.ToLower(tag), "-")
		q := 1.0
		if s, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			if v, err := strconv.ParseFloat(s, 64); err == nil {
				q = v
			}
		}
		if l := languages[code]; l != nil && q > weight {
			best, weight = l, q
		}
	}
	return best
}
