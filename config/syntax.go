package config

import (
	"bytes"
	"strings"
)

// syntaxError reports a statement that is not TOML, in words for somebody who doesn't know its grammar.
func (d *document) syntaxError(err *syntaxError) {
	start := bytes.LastIndexByte(d.data[:err.offset], '\n') + 1
	line := string(d.data[start:d.lineEnd(err.offset)])
	name, value, assigns := strings.Cut(line, "=")
	assigns = assigns && start+len(name) < err.offset
	key := ""
	if name = strings.TrimSpace(name); assigns && !d.skip && isBare(strings.ReplaceAll(name, ".", "")) {
		key = d.prefix + name
	}
	d.report(d.lineAt(err.offset), key, "%s", explain(err.message, strings.TrimSpace(value), assigns))
}

// explain says what to do about a statement that is not TOML. It never shows the value, which can be a
// secret.
func explain(message, value string, assigns bool) string {
	switch {
	case assigns && (value == "" || value[0] == '#'):
		return "has no value"
	case assigns && !strings.ContainsRune(`"'[{`, rune(value[0])):
		return "has a value that is neither a number, nor true or false, nor text in quotes: put it in double quotes"
	case strings.Contains(message, "escape"):
		return `has a backslash that means nothing: write \\ for each \, or put the text in single quotes`
	case strings.Contains(message, "unterminated"), strings.Contains(message, "cannot have new lines"):
		return "lacks the quote that ends the text"
	case strings.Contains(message, "array value"), strings.Contains(message, "array is incomplete"):
		return "a list lacks a comma between its items, or the bracket ] that ends it"
	}
	return "is no valid TOML: " + message
}

// resume returns where to go on behind a statement that is not TOML, or -1 if that is anybody's guess. It
// is known where the statement begins right after the last good one, on the line of the fault, and holds
// nothing that could reach over several lines.
func (d *document) resume(lastEnd, fault int) int {
	start := lastEnd
	for start < len(d.data) {
		line := bytes.TrimSpace(d.data[start:d.lineEnd(start)])
		if len(line) > 0 && line[0] != '#' {
			break
		}
		start = d.lineEnd(start) + 1
	}
	end := d.lineEnd(fault)
	if start > fault || d.lineEnd(start) != end {
		return -1
	}
	statement := string(d.data[start:end])
	if strings.ContainsAny(statement, "[{") || strings.Contains(statement, `"""`) || strings.Contains(statement, `'''`) {
		return -1
	}
	return min(end+1, len(d.data))
}
