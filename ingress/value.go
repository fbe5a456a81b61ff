package ingress

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// text returns a string's value as valid UTF-8, and nothing for what is no string.
func text(v value) string {
	if !v.isString() {
		return ""
	}
	return unquote(v.raw())
}

// maxIdentifier is far above what Meta sends (a message id has about 90 characters). Ids become keys
// in the store, so a longer one is taken for none.
const maxIdentifier = 1024

// identifier returns an id, which Meta writes as a string or as an integer (template ids have 16
// digits: the text is kept, a float would round it).
func identifier(v value) string {
	var id string
	switch v.kind() {
	case isString, isEscaped:
		id = unquote(v.raw())
	case isNumber:
		if isInteger(v.raw()) {
			id = v.raw()
		}
	}
	if len(id) > maxIdentifier {
		return ""
	}
	return id
}

// elementID returns the id of an element of messages[] or statuses[], always a string.
func elementID(v value) string {
	if !v.isString() {
		return ""
	}
	return identifier(v)
}

func isInteger(number string) bool {
	return !strings.ContainsAny(number, ".eE")
}

// Bounds of a believable time: the year WhatsApp began, and far ahead.
const (
	minUnix = 1230768000 // 2009-01-01
	maxUnix = 4102444800 // 2100-01-01
)

// unix returns Unix seconds, which Meta writes as a string or as an integer; 0 if there are none.
func unix(v value) int64 {
	var digits string
	switch v.kind() {
	case isString, isEscaped:
		digits = unquote(v.raw())
	case isNumber:
		digits = v.raw()
	}
	if len(digits) > len("-9223372036854775808") {
		return 0 // the error would hold a copy of all of them
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return seconds
}

// timeOr returns the time that v says, or another one if it says none that could be.
func timeOr(v value, other time.Time) time.Time {
	seconds := unix(v)
	if seconds < minUnix || seconds >= maxUnix {
		return other
	}
	return time.Unix(seconds, 0)
}

// unquote returns the value of a JSON string, its quotes included, as valid UTF-8. Surrogates without
// a partner and invalid bytes become U+FFFD.
func unquote(token string) string {
	s := token[1 : len(token)-1]
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	var b strings.Builder
	b.Grow(len(s))
	for i >= 0 {
		b.WriteString(s[:i])
		s = s[i:]
		if s[1] == 'u' {
			r, n := unescapeRune(s)
			b.WriteRune(r)
			s = s[n:]
		} else {
			b.WriteByte(unescapeByte(s[1]))
			s = s[2:]
		}
		i = strings.IndexByte(s, '\\')
	}
	b.WriteString(s)
	return strings.ToValidUTF8(b.String(), string(utf8.RuneError))
}

func unescapeByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c // quote, backslash, slash
}

// unescapeRune reads \uXXXX, or two of them that make up one character, and how long that was.
func unescapeRune(s string) (r rune, n int) {
	r = hex4(s[2:6])
	if r < 0xD800 || r > 0xDFFF {
		return r, 6
	}
	if r < 0xDC00 && len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low := hex4(s[8:12]); low >= 0xDC00 && low <= 0xDFFF {
			return (r-0xD800)<<10 | (low - 0xDC00) + 0x10000, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(s string) (r rune) {
	for i := range 4 {
		c := s[i]
		switch {
		case c <= '9':
			r = r<<4 | rune(c-'0')
		default:
			r = r<<4 | rune(c|0x20-'a'+10)
		}
	}
	return r
}
