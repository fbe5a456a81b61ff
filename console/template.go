package console

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"strconv"
	"sync"
	"time"
)

//go:embed html
var pageFiles embed.FS

// shared are the files that every page is made with.
var shared = []string{"frame.html", "part.html", "icon.html", "chart.html", "list.html"}

// templates are the pages of a language, each parsed when it is first shown: most are of no use to most
// runs of the program, and all of them take longer than the rest of its start.
type templates struct {
	base  func() *template.Template
	pages sync.Map // by name: func() *template.Template
}

func newTemplates(l *language) *templates {
	return &templates{base: sync.OnceValue(func() *template.Template {
		return parse(template.New("").Option("missingkey=error").Funcs(functions(l)), shared...)
	})}
}

// page returns the templates of html/NAME.html. The files are part of the program: what is wrong with them
// is found by the first test that shows them.
func (t *templates) page(name string) *template.Template {
	p, _ := t.pages.LoadOrStore(name, sync.OnceValue(func() *template.Template {
		base, err := t.base().Clone()
		if err != nil {
			panic(err)
		}
		return parse(base, name+".html")
	}))
	return p.(func() *template.Template)()
}

func parse(t *template.Template, names ...string) *template.Template {
	for _, name := range names {
		if _, err := t.ParseFS(pageFiles, "html/"+name); err != nil {
			panic(err)
		}
	}
	return t
}

// functions are what templates can call.
//
//	t KEY NAME VALUE ...     a message, as text
//	rich KEY NAME VALUE ...  a message with `code`, and values kept apart from the text's direction
//	below TEXT               another package's English sentence, in the page's language
//	args NAME VALUE ...      what a part is given
//	field FORM NAME ARGS...  what the parts input, check and choice are given, with value and faults
//	time INSTANT ZONE        a <time>
//	instant INSTANT ZONE     likewise, to the second
//	short INSTANT ZONE       likewise, without year and zone, for tables that say the zone
//	utc                      a zone
//	count N                  a number with separators
//	asset NAME               the path of a file in static/
func functions(l *language) template.FuncMap {
	return template.FuncMap{
		"t": l.text, "rich": l.rich, "below": l.below, "args": arguments, "field": fieldArguments,
		"time": l.time, "instant": l.instant, "short": l.short, "utc": func() *time.Location { return time.UTC }, "count": grouped, "asset": assetPath,
	}
}

// optional are the arguments that parts look at, so that those which are not given are empty rather than
// an error.
var optional = []string{
	"label", "hint", "type", "dir", "autocomplete", "placeholder", "inputmode", "list", "optional", "sensitive", "exact",
}

func arguments(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2+len(optional))
	for _, name := range optional {
		m[name] = ""
	}
	return m, put(m, pairs)
}

func put(m map[string]any, pairs []any) error {
	if len(pairs)%2 != 0 {
		return errors.New("arguments come in pairs")
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return fmt.Errorf("%v is not a name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return nil
}

func fieldArguments(f form, name string, pairs ...any) (map[string]any, error) {
	m, err := arguments("name", name, "value", f.Value(name), "faults", f.Faults(name), "form", f)
	if err != nil {
		return nil, err
	}
	return m, put(m, pairs)
}

// grouped writes a number with a comma before each three digits.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
