package app_test

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shape says which JSON types an object's members have: "string", "null", "int", "bool", "array", "object",
// "ulid", "time" (RFC 3339), or several of them with a bar between.
type shape map[string]string

var (
	ulidForm = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)
	intForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
)

// has checks that an object has all members of a shape. Others may be added.
func has(t *testing.T, what string, o object, s shape) {
	t.Helper()
	for name, kinds := range s {
		v, present := o[name]
		if !present {
			t.Errorf("%s has no %q: %s", what, name, encoded(o))
			continue
		}
		fits := false
		for kind := range strings.SplitSeq(kinds, "|") {
			fits = fits || isA(kind, v)
		}
		if !fits {
			t.Errorf("%s: %s is %s, want %s", what, name, encoded(v), kinds)
		}
	}
}

// hasNot checks that an object lacks members.
func hasNot(t *testing.T, what string, o object, names ...string) {
	t.Helper()
	for _, name := range names {
		if v, present := o[name]; present {
			t.Errorf("%s has %q: %s", what, name, encoded(v))
		}
	}
}

func isA(kind string, v any) bool {
	s, isString := v.(string)
	switch kind {
	case "null":
		return v == nil
	case "string":
		return isString
	case "bool":
		_, ok := v.(bool)
		return ok
	case "array":
		_, ok := v.([]any)
		return ok
	case "object":
		_, ok := v.(object)
		return ok
	case "int":
		n, ok := v.(json.Number)
		return ok && intForm.MatchString(n.String())
	case "ulid":
		return isString && ulidForm.MatchString(s)
	case "time":
		_, err := time.Parse(time.RFC3339, s)
		return isString && err == nil
	}
	return false
}

// number returns a member that must be an integer.
func number(t *testing.T, o object, name string) int64 {
	t.Helper()
	n, ok := o[name].(json.Number)
	if !ok || !intForm.MatchString(n.String()) {
		t.Fatalf("%s is no integer: %s", name, encoded(o))
	}
	i, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// says checks members of an object, and leaves all others be.
func says(t *testing.T, what string, got, want object) {
	t.Helper()
	for name, w := range plain(want) {
		g, present := got[name]
		if !present {
			t.Errorf("%s has no %q: %s", what, name, encoded(got))
		} else if !reflect.DeepEqual(g, w) {
			t.Errorf("%s: %s is %s, want %s", what, name, encoded(g), encoded(w))
		}
	}
}

// plain brings an object into the form that decoding gives.
func plain(o object) (p object) {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	if err := decode(b, &p); err != nil {
		panic(err)
	}
	return p
}

func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
