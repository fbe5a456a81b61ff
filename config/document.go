package config

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// setting is one key of the file and its value.
type setting struct {
	key  string
	line int
	raw  any
}

// document takes a TOML file apart into settings of known keys. Decoding into a struct would end at the
// first fault; this goes on, so that one look at the file finds them all.
type document struct {
	settings []setting
	problems Problems // without the file's name
	broken   bool     // the file couldn't be read to its end

	data   []byte
	ends   []int // the offsets of the line ends
	keys   []string
	tables []string
	known  map[string]bool // key: true, table: false
	seen   map[string]int  // the line on which a key or "[table]" stands

	prefix string // of the keys below the last table header
	skip   bool   // that table is unknown, hence all its keys: one problem says so
}

func newDocument(fields []field) *document {
	d := &document{known: make(map[string]bool), seen: make(map[string]int)}
	for _, f := range fields {
		for i, c := range f.key {
			if _, found := d.known[f.key[:i]]; c == '.' && !found {
				d.tables = append(d.tables, f.key[:i])
				d.known[f.key[:i]] = false
			}
		}
		d.keys = append(d.keys, f.key)
		d.known[f.key] = true
	}
	return d
}

// read goes through the whole file. Where a statement is not TOML it goes on behind it if that is certain
// to be a line of its own.
func (d *document) read(data []byte) {
	const maxSyntaxErrors = 20 // beyond, it's another kind of file
	d.data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	for offset, c := range d.data {
		if c == '\n' {
			d.ends = append(d.ends, offset)
		}
	}
	start := 0
	for range maxSyntaxErrors {
		end, err := d.parse(start)
		if err == nil {
			return
		}
		d.syntaxError(err)
		if start = d.resume(end, err.offset); start < 0 {
			break
		}
	}
	d.broken = true
}

// syntaxError is what makes a statement no TOML, and where.
type syntaxError struct {
	offset  int
	message string
}

// parse takes in the statements from an offset on. It returns the end of the last one, and the fault of
// the one that follows it, if any.
func (d *document) parse(start int) (end int, fault *syntaxError) {
	var p unstable.Parser
	p.Reset(d.data[start:])
	end = start
	for p.NextExpression() {
		end = d.lineEnd(d.statement(&p, start, p.Expression()))
	}
	var err *unstable.ParserError
	if !errors.As(p.Error(), &err) {
		return len(d.data), nil
	}
	return end, &syntaxError{start + int(p.Range(err.Highlight).Offset), err.Message}
}

// statement takes in a table header or a key with its value, and returns an offset near its end.
func (d *document) statement(p *unstable.Parser, start int, n *unstable.Node) (end int) {
	name, first, last := keyOf(n)
	line := d.lineAt(start + int(first.Offset))
	if n.Kind == unstable.KeyValue {
		if !d.skip {
			d.keyValue(start, d.prefix+name, line, n)
		}
		return start + int(n.Raw.Offset+n.Raw.Length)
	}
	d.header(name, line, n.Kind)
	return start + int(last.Offset+last.Length)
}

func (d *document) header(name string, line int, kind unstable.Kind) {
	d.prefix, d.skip = name+".", false
	isKey, found := d.known[name]
	first, again := d.seen["["+name+"]"]
	switch {
	case isKey:
		d.skip = true
		d.report(line, name, "is a key, not a table: write it as %s = ...", name[strings.LastIndex(name, ".")+1:])
	case !found:
		d.skip = true
		d.report(line, name, "unknown table%s", didYouMean("[%s]", suggest(name, ".", d.tables)))
	case kind == unstable.ArrayTable:
		d.report(line, name, "is a single table: write [%s]", name)
	case again:
		d.report(line, name, "table [%s] stands here again, first on line %d: put its keys together", name, first)
	default:
		d.seen["["+name+"]"] = line
	}
}

func (d *document) keyValue(start int, key string, line int, n *unstable.Node) {
	isKey, found := d.known[key]
	first, again := d.seen[key]
	switch {
	case !found:
		d.report(line, key, "unknown key%s", didYouMean("%s", suggest(key, ".", d.keys)))
	case !isKey && n.Value().Kind != unstable.InlineTable:
		d.report(line, key, "is a table, not a key: write [%s] and its keys in the lines below", key)
	case again:
		d.report(line, key, "is set twice, first on line %d", first)
	case isKey:
		d.seen[key] = line
		d.settings = append(d.settings, setting{key, line, rawValue(n.Value())})
	default:
		for it := n.Value().Children(); it.Next(); {
			name, at, _ := keyOf(it.Node())
			d.keyValue(start, key+"."+name, d.lineAt(start+int(at.Offset)), it.Node())
		}
	}
}

// keyOf returns the dotted key of a statement, and where its first and last parts stand. Parts that need
// quotes get them, so that "public.listen" as one part isn't taken for two.
func keyOf(n *unstable.Node) (key string, first, last unstable.Range) {
	var parts []string
	for it := n.Key(); it.Next(); {
		part := string(it.Node().Data)
		if !isBare(part) {
			part = strconv.Quote(part)
		}
		if parts == nil {
			first = it.Node().Raw
		}
		parts, last = append(parts, part), it.Node().Raw
	}
	return strings.Join(parts, "."), first, last
}

// isBare reports whether a key can be written without quotes.
func isBare(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	return s != "" && strings.Trim(s, letters) == ""
}

// rawValue copies a value out of the syntax tree.
func rawValue(n *unstable.Node) any {
	switch n.Kind {
	case unstable.String:
		return string(n.Data)
	case unstable.Bool:
		return string(n.Data) == "true"
	case unstable.Integer:
		var v struct{ N int64 }
		if err := toml.Unmarshal(append([]byte("N = "), n.Data...), &v); err != nil {
			return fmt.Errorf("%s is out of range", n.Data)
		}
		return v.N
	case unstable.Float:
		return unsuitable("a number with a fraction")
	case unstable.InlineTable:
		return unsuitable("a table")
	case unstable.Array:
		items := []any{}
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.Array {
				items = append(items, unsuitable("a list")) // no key nests them
				continue
			}
			items = append(items, rawValue(it.Node()))
		}
		return items
	}
	return unsuitable("a date or time")
}

// doubt asks the decoder what it thinks of the file: it knows rules about tables, dates and numbers that
// are of no concern to settings as long as they are kept.
func (d *document) doubt() (p Problem, ok bool) {
	var err *toml.DecodeError
	if !errors.As(toml.Unmarshal(d.data, new(map[string]any)), &err) {
		return Problem{}, false
	}
	line, _ := err.Position()
	message := "is no valid TOML: " + strings.TrimPrefix(err.Error(), "toml: ")
	return Problem{Line: line, Key: strings.Join(err.Key(), "."), Message: message}, true
}

func (d *document) report(line int, key, format string, args ...any) {
	d.problems = append(d.problems, Problem{Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

func (d *document) lineAt(offset int) int { return 1 + sort.SearchInts(d.ends, offset) }

// lineEnd returns the offset of the end of an offset's line.
func (d *document) lineEnd(offset int) int {
	if i := sort.SearchInts(d.ends, offset); i < len(d.ends) {
		return d.ends[i]
	}
	return len(d.data)
}
