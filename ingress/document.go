package ingress

import (
	"math"
	"slices"
	"strings"
)

// document is a JSON text that was read once: checked, and with an index of where each value begins and
// ends, so that going through it doesn't read it again. A generic parser reads every level of Meta's
// envelope anew, or makes a map of each object; this was a third of the cost of an inbound POST.
//
// What is valid is what RFC 8259 says. Bytes inside strings that are no UTF-8 pass: they are replaced
// where a string is used.
type document struct {
	text  string
	nodes []node // in the order of the text; an object's are name, value, name, value ...
}

// node is one value, or an object's member's name.
type node struct {
	start, end uint32 // in the text, quotes included
	next       uint32 // the node after this one and all inside it
	kind       kind
}

type kind uint8

const (
	absent kind = iota
	isLiteral
	isNumber
	isString
	isEscaped // a string with a backslash
	isArray
	isObject
)

// Bounds of a document. Meta's envelope is eight levels deep; the depth is the standard library's.
const (
	maxDepth = 10_000
	maxNodes = 4 << 20
)

// readDocument reads a text, and reports whether it is valid JSON within bounds. The index is made in the
// room that is given, as far as that goes.
func readDocument(text string, room []node) (document, bool) {
	if uint64(len(text)) > math.MaxUint32 {
		return document{}, false
	}
	// Meta's bodies have about one value in 15 bytes.
	r := reader{text, slices.Grow(room[:0], len(text)/15+8)}
	end := r.value(r.space(0), 0)
	if end < 0 || r.space(end) != len(text) {
		return document{}, false
	}
	return document(r), true
}

func (d *document) root() value { return value{d, 0} }

// reader's methods take where something begins and return where it ends, or -1.
type reader document

func (r *reader) space(i int) int {
	for i < len(r.text) && (r.text[i] == ' ' || r.text[i] == '\n' || r.text[i] == '\r' || r.text[i] == '\t') {
		i++
	}
	return i
}

func (r *reader) value(i, depth int) int {
	if i >= len(r.text) || len(r.nodes) >= maxNodes {
		return -1
	}
	at := len(r.nodes)
	r.nodes = append(r.nodes, node{start: uint32(i)})
	var end int
	k := isLiteral
	switch c := r.text[i]; {
	case c == '"':
		end, k = r.string(i)
	case c == '{':
		end, k = r.object(i+1, depth+1), isObject
	case c == '[':
		end, k = r.array(i+1, depth+1), isArray
	case c == '-' || '0' <= c && c <= '9':
		end, k = r.number(i), isNumber
	default:
		end = r.literal(i)
	}
	if end < 0 {
		return -1
	}
	n := &r.nodes[at]
	n.end, n.next, n.kind = uint32(end), uint32(len(r.nodes)), k
	return end
}

func (r *reader) object(i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	if i = r.space(i); r.is(i, '}') {
		return i + 1
	}
	for {
		if !r.is(i, '"') {
			return -1
		}
		end, k := r.string(i)
		if end < 0 {
			return -1
		}
		r.nodes = append(r.nodes, node{uint32(i), uint32(end), uint32(len(r.nodes) + 1), k})
		if i = r.space(end); !r.is(i, ':') {
			return -1
		}
		if i = r.value(r.space(i+1), depth); i < 0 {
			return -1
		}
		switch i = r.space(i); {
		case r.is(i, '}'):
			return i + 1
		case !r.is(i, ','):
			return -1
		}
		i = r.space(i + 1)
	}
}

func (r *reader) array(i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	if i = r.space(i); r.is(i, ']') {
		return i + 1
	}
	for {
		if i = r.value(i, depth); i < 0 {
			return -1
		}
		switch i = r.space(i); {
		case r.is(i, ']'):
			return i + 1
		case !r.is(i, ','):
			return -1
		}
		i = r.space(i + 1)
	}
}

func (r *reader) is(i int, c byte) bool { return i < len(r.text) && r.text[i] == c }

func (r *reader) string(i int) (end int, k kind) {
	k = isString
	for i++; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			return i + 1, k
		case c < ' ':
			return -1, k
		case c == '\\':
			k = isEscaped
			if i++; i >= len(r.text) {
				return -1, k
			}
			switch r.text[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(r.text) || !isHex(r.text[i+1]) || !isHex(r.text[i+2]) || !isHex(r.text[i+3]) || !isHex(r.text[i+4]) {
					return -1, k
				}
				i += 4
			default:
				return -1, k
			}
		}
	}
	return -1, k
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func (r *reader) number(i int) int {
	if r.is(i, '-') {
		i++
	}
	if r.is(i, '0') {
		i++
	} else if i = r.digits(i); i < 0 {
		return -1
	}
	if r.is(i, '.') {
		if i = r.digits(i + 1); i < 0 {
			return -1
		}
	}
	if r.is(i, 'e') || r.is(i, 'E') {
		if i++; r.is(i, '+') || r.is(i, '-') {
			i++
		}
		i = r.digits(i)
	}
	return i
}

// digits wants at least one.
func (r *reader) digits(i int) int {
	begin := i
	for i < len(r.text) && '0' <= r.text[i] && r.text[i] <= '9' {
		i++
	}
	if i == begin {
		return -1
	}
	return i
}

func (r *reader) literal(i int) int {
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(r.text[i:], word) {
			return i + len(word)
		}
	}
	return -1
}

// value is a place in a document. The zero value is absent.
type value struct {
	doc *document
	at  uint32
}

func (v value) kind() kind {
	if v.doc == nil {
		return absent
	}
	return v.doc.nodes[v.at].kind
}

// raw returns the value's text, empty if it is absent.
func (v value) raw() string {
	if v.doc == nil {
		return ""
	}
	n := &v.doc.nodes[v.at]
	return v.doc.text[n.start:n.end]
}

func (v value) isString() bool { k := v.kind(); return k == isString || k == isEscaped }

// members calls f for each member of an object, and not at all for anything else.
func members(object value, f func(name string, v value)) {
	if object.kind() != isObject {
		return
	}
	d := object.doc
	for at, end := object.at+1, d.nodes[object.at].next; at < end; {
		n := &d.nodes[at]
		name := d.text[n.start+1 : n.end-1]
		if n.kind == isEscaped {
			name = unquote(d.text[n.start:n.end])
		}
		v := value{d, at + 1}
		f(name, v)
		at = d.nodes[v.at].next
	}
}

// member returns an object's member; of several with that name the last one.
func member(object value, name string) (found value) {
	members(object, func(n string, v value) {
		if n == name {
			found = v
		}
	})
	return found
}

// elements calls f for each object in an array, and not at all for anything else: null arrays and
// elements that are no objects occur where partners write Meta's JSON anew.
func elements(array value, f func(value)) {
	if array.kind() != isArray {
		return
	}
	d := array.doc
	for at, end := array.at+1, d.nodes[array.at].next; at < end; at = d.nodes[at].next {
		if d.nodes[at].kind == isObject {
			f(value{d, at})
		}
	}
}
