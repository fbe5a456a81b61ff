package ingress

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

// payload writes a JSON object: compact, valid UTF-8, nothing escaped that needs no escape. The strings
// given to it are valid UTF-8.
type payload struct{ b []byte }

// begin starts an event's payload with what every one has.
func (p *payload) begin(event string, to *Route, at time.Time) {
	p.b = append(p.b[:0], `{"event":"`...)
	p.b = append(p.b, event...)
	p.b = append(p.b, `","tenant_id":`...)
	p.b = strconv.AppendUint(p.b, uint64(to.Tenant), 10)
	p.b = append(p.b, `,"timestamp":"`...)
	p.b = at.In(to.Location).AppendFormat(p.b, time.RFC3339)
	p.b = append(p.b, `","whatsapp_account_id":`...)
	p.b = strconv.AppendUint(p.b, uint64(to.Account), 10)
}

func (p *payload) name(name string) {
	if p.b[len(p.b)-1] != '{' {
		p.b = append(p.b, ',')
	}
	p.b = append(p.b, '"')
	p.b = append(p.b, name...)
	p.b = append(p.b, '"', ':')
}

// text writes a string.
func (p *payload) text(name, s string) {
	p.name(name)
	p.b = appendQuoted(p.b, s)
}

// known writes a string, and null if it is empty.
func (p *payload) known(name, s string) {
	if s == "" {
		p.raw(name, "null")
		return
	}
	p.text(name, s)
}

// extra writes a string, and nothing if it is empty.
func (p *payload) extra(name, s string) {
	if s != "" {
		p.text(name, s)
	}
}

// raw writes JSON as it is.
func (p *payload) raw(name, json string) {
	p.name(name)
	p.b = append(p.b, json...)
}

// meta writes a value of Meta's.
func (p *payload) meta(name, json string) {
	p.name(name)
	p.b = appendCompact(p.b, json)
}

// end returns a copy of the finished object.
func (p *payload) end() []byte {
	p.b = append(p.b, '}')
	return bytes.Clone(p.b)
}

// compact returns a value of Meta's without white space, as valid UTF-8.
func (p *payload) compact(json string) []byte {
	p.b = appendCompact(p.b[:0], json)
	return bytes.Clone(p.b)
}

// appendCompact appends a valid JSON value without white space, its strings as valid UTF-8: one bad
// byte or half a surrogate pair in what Meta passes on must not make a whole body unreadable to a
// strict parser. Names, order, repeats and the text of numbers stay as they are.
func appendCompact(dst []byte, json string) []byte {
	for i := 0; i < len(json); {
		switch c := json[i]; {
		case c == '"':
			end, plain := stringEnd(json, i)
			if token := json[i:end]; plain {
				dst = append(dst, token...)
			} else {
				dst = appendQuoted(dst, unquote(token))
			}
			i = end
		case c > ' ':
			dst = append(dst, c)
			i++
		default:
			i++
		}
	}
	return dst
}

// stringEnd returns the index after the string that begins at i, and whether it is plain ASCII.
func stringEnd(json string, i int) (end int, plain bool) {
	plain = true
	for i++; json[i] != '"'; i++ {
		if json[i] == '\\' {
			i++
			plain = false
		} else if json[i] >= utf8.RuneSelf {
			plain = false
		}
	}
	return i + 1, plain
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends a JSON string: RFC 8259 wants quote, backslash and control characters escaped,
// nothing else.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
