package config

import (
	"fmt"
	"math"
	"strings"
)

// didYouMean turns suggestions into the end of a message; format shows one of them.
func didYouMean(format string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = fmt.Sprintf(format, name)
	}
	return "; did you mean " + strings.Join(shown, " or ") + "?"
}

// suggest returns the keys that a wrong name was most probably meant to be: those that differ in the
// fewest letters, or else those of another table that have the same last part. Keys have sep between
// their parts; upper and lower case are the same.
func suggest(name, sep string, known []string) (best []string) {
	const longest = 100 // no key is nearly as long
	if len(name) > longest {
		return nil
	}
	least := math.MaxInt - 1
	for _, key := range known {
		score := unlikeness(strings.ToLower(name), strings.ToLower(key), sep)
		if score < least {
			best, least = nil, score
		}
		if score == least {
			best = append(best, key)
		}
	}
	return best
}

// unlikeness is less for a better suggestion and math.MaxInt for none.
func unlikeness(name, key, sep string) int {
	const otherTable = 1000 // any key that is near as a whole is better
	if d := distance(name, key); near(d, name) {
		return d
	}
	if sep != "." { // parts can't be told apart: the end has to be the same
		if strings.HasSuffix(key, sep+name) {
			return otherTable
		}
		return math.MaxInt
	}
	last := name[strings.LastIndex(name, sep)+1:]
	if d := distance(last, key[strings.LastIndex(key, sep)+1:]); near(d, last) {
		return otherTable + d
	}
	return math.MaxInt
}

// near allows one wrong letter in three, and three at most.
func near(distance int, name string) bool { return distance <= min(3, len(name)/3) }

// distance counts the letters that have to be put in, left out, replaced or swapped with their neighbour
// to make b from a.
func distance(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := prev[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, prev[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
