package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that somebody has to correct.
type Problem struct {
	File    string // the configuration file, as it was named; empty if the problem isn't in it
	Line    int    // from 1; 0 if the problem has none
	Key     string // the key, or the environment variable; empty if the problem concerns no single one
	Message string
}

// String returns the problem in one line: config.toml:12: delivery.timeout: must be between ...
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteString(":" + strconv.Itoa(p.Line))
	}
	for _, part := range []string{p.Key, p.Message} {
		if part != "" && b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	return b.String()
}

// Problems is everything that is wrong with a configuration: first what is in the file, in its order,
// then the rest.
type Problems []Problem

// Error returns the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sort keeps the order in which problems of one line were found.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if (a.File == "") != (b.File == "") {
			return -cmp.Compare(a.File, b.File)
		}
		return cmp.Compare(a.Line, b.Line)
	})
}

// about reports whether there is a problem with the key already.
func (ps Problems) about(key string) bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Key == key })
}

// onLine reports whether there is a problem on that line already.
func (ps Problems) onLine(line int) bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Line == line })
}
