package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"
)

const (
	// maxShown bounds how much of a body a page shows. The rest is for a download.
	maxShown = 64 << 10
	// maxFormatted bounds what is laid out at all: one string can be all of a body.
	maxFormatted = 4 << 20
)

// bodyView is a body as a page shows it.
type bodyView struct {
	Formatted template.HTML // what JSON says, with a class for each kind of token; empty: it is none
	Text      string        // as it came, as far as that can be shown
	Cut       bool          // Text is the beginning only
	Short     bool          // Formatted is
}

func viewBody(body []byte) (v bodyView) {
	if len(body) <= maxFormatted {
		v.Formatted, v.Short = formatJSON(body, maxShown)
	}
	v.Cut = len(body) > maxShown
	v.Text = visible(strings.ToValidUTF8(string(body[:min(len(body), maxShown)]), "\uFFFD"))
	return v
}

// visible replaces characters that nobody sees and that change what others look like by their names.
func visible(s string) string {
	hidden := func(r rune) bool {
		return unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	}
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// formatJSON lays JSON out in lines, up to about limit bytes; short says that there is more. Strings are
// written without escapes where that is possible, numbers as they are. What is no JSON is empty.
func formatJSON(body []byte, limit int) (html template.HTML, short bool) {
	p := printer{d: json.NewDecoder(bytes.NewReader(body)), room: limit}
	p.d.UseNumber() // ids have more digits than a float64
	err := p.run()
	if err == nil && p.room > 0 {
		if _, err = p.d.Token(); err == io.EOF {
			err = nil
		} else if err == nil {
			err = io.ErrUnexpectedEOF // something follows
		}
	}
	if err != nil {
		return "", false
	}
	return template.HTML(p.b.String()), p.room <= 0
}

// printer writes tokens until there is no room.
type printer struct {
	d     *json.Decoder
	b     strings.Builder
	room  int
	stack []level
}

// level is an object or array that is open.
type level struct {
	object bool
	n      int // of its tokens so far, keys and values
}

func (p *printer) run() error {
	for {
		t, err := p.d.Token()
		if err != nil {
			return err
		}
		if closing := t == json.Delim('}') || t == json.Delim(']'); closing {
			last := p.stack[len(p.stack)-1]
			p.stack = p.stack[:len(p.stack)-1]
			if last.n > 0 {
				p.line()
			}
			p.text(fmt.Sprint(t))
		} else {
			p.token(t)
		}
		if len(p.stack) == 0 || p.room <= 0 {
			return nil
		}
	}
}

func (p *printer) token(t json.Token) {
	key := false
	if len(p.stack) > 0 {
		top := &p.stack[len(p.stack)-1]
		key = top.object && top.n%2 == 0
		switch {
		case top.object && !key:
			p.text(": ")
		case top.n > 0:
			p.text(",")
			p.line()
		default:
			p.line()
		}
		top.n++
	}
	switch t := t.(type) {
	case json.Delim:
		p.text(t.String())
		p.stack = append(p.stack, level{object: t == '{'})
	case string:
		kind := "s"
		if key {
			kind = "k"
		}
		p.span(kind, jsonString(t))
	case json.Number:
		p.span("n", t.String())
	case nil:
		p.span("l", "null")
	default:
		p.span("l", fmt.Sprint(t))
	}
}

// maxIndent bounds what a line begins with: a body can be thousands of levels deep.
const maxIndent = 40

func (p *printer) line() { p.text("\n" + strings.Repeat("  ", min(len(p.stack), maxIndent))) }

func (p *printer) text(s string) {
	p.room -= len(s)
	p.b.WriteString(s)
}

func (p *printer) span(kind, s string) {
	if len(s) > p.room {
		s = strings.ToValidUTF8(s[:max(p.room, 0)], "") + "…"
	}
	p.room -= len(s)
	fmt.Fprintf(&p.b, `<span class="%s">%s</span>`, kind, template.HTMLEscapeString(s))
}

// jsonString writes a string as JSON with as few escapes as possible.
func jsonString(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""` // not possible: it is a string
	}
	return visible(strings.TrimSuffix(b.String(), "\n"))
}

// size writes a number of bytes.
func size(n int) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
