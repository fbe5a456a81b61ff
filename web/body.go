package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"cubeconnect/webhook"
)

// Body is a request's JSON object while it is read member by member. All faults are collected, so that
// a client hears of them at once; [Body.Err] returns them.
type Body struct {
	members map[string]json.RawMessage
	taken   map[string]bool
	faults  webhook.FieldErrors
}

// Body reads the request's body: one JSON object. Its content type is not looked at. The error is a
// [webhook.FieldErrors] about "body", or the one of a body over the route's limit.
func (r *Request) Body() (*Body, error) { return r.body(false) }

// OptionalBody is like Body, and takes an empty body for an empty object.
func (r *Request) OptionalBody() (*Body, error) { return r.body(true) }

func (r *Request) body(optional bool) (*Body, error) {
	b := &Body{members: map[string]json.RawMessage{}, taken: map[string]bool{}, faults: webhook.FieldErrors{}}
	raw, err := io.ReadAll(r.Request.Body)
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, fmt.Errorf("read the body: %w", err)
	} else if err != nil {
		return nil, webhook.FieldErrors{"body": {"did not arrive whole"}}
	}
	if len(raw) == 0 && optional {
		return b, nil
	}
	if why := b.parse(raw); why != "" {
		return nil, webhook.FieldErrors{"body": {why}}
	}
	return b, nil
}

func (b *Body) parse(raw []byte) (why string) {
	var syntax *json.SyntaxError
	err := json.Unmarshal(raw, &b.members)
	switch {
	case len(raw) == 0:
		return "is empty: a JSON object is expected"
	case errors.As(err, &syntax):
		return fmt.Sprintf("is not JSON (at byte %d: %s)", syntax.Offset, syntax)
	case err != nil || b.members == nil: // another type, or null
		return "must be a JSON object"
	case !utf8.Valid(raw):
		return "is not UTF-8"
	}
	return ""
}

// Member reads a member of the body. It returns nil if the member is missing, or if it is null or of
// another type, which is a fault.
func Member[T any](b *Body, name string) *T {
	v, null := NullableMember[T](b, name)
	if null {
		b.faults.Add(name, "must be %s, not null", kindOf(reflect.TypeFor[T]()))
	}
	return v
}

// NullableMember is like [Member], and tells null from missing.
func NullableMember[T any](b *Body, name string) (v *T, null bool) {
	raw, ok := b.members[name]
	b.taken[name] = true
	if !ok {
		return nil, false
	}
	if string(raw) == "null" {
		return nil, true
	}
	v = new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		b.faults.Add(name, "%s", wrongType(err, reflect.TypeFor[T]()))
		return nil, false
	}
	return v, false
}

// Fault records a fault of a member.
func (b *Body) Fault(name, format string, args ...any) { b.faults.Add(name, format, args...) }

// Check adds faults that were found otherwise. Of a member that was given, but could not be read, the
// first fault says enough.
func (b *Body) Check(faults webhook.FieldErrors) {
	for name, texts := range faults {
		if len(b.faults[name]) == 0 {
			b.faults[name] = texts
		}
	}
}

// ReadOnly names members that the client knows from answers and can't set.
func (b *Body) ReadOnly(names ...string) {
	for _, name := range names {
		b.taken[name] = true
		if _, ok := b.members[name]; ok {
			b.faults.Add(name, "can't be set here")
		}
	}
}

// Err returns a [webhook.FieldErrors] with all faults, members that nobody asked for among them.
func (b *Body) Err() error {
	var unknown []string
	for name := range b.members {
		if !b.taken[name] {
			unknown = append(unknown, name)
		}
	}
	addUnknown(b.faults, unknown, slices.Sorted(maps.Keys(b.taken)))
	return b.faults.Err()
}

// addUnknown records names that nobody asked for: so many and so much of them that a person sees the
// mistake, whatever the client sent.
func addUnknown(faults webhook.FieldErrors, unknown, known []string) {
	const most, longest = 10, 60
	slices.Sort(unknown)
	for _, name := range unknown[:min(len(unknown), most)] {
		faults.Add(clip(name, longest), "is unknown; known are %s", strings.Join(known, ", "))
	}
}

// clip bounds what an error repeats of a client's input.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// wrongType says in words of JSON what a value should have been. Types that decode themselves have
// words of their own.
func wrongType(err error, t reflect.Type) string {
	if wrong := (*json.UnmarshalTypeError)(nil); !errors.As(err, &wrong) {
		return clip(err.Error(), 200)
	} else if number, ok := strings.CutPrefix(wrong.Value, "number "); ok && isNumber(t) {
		return fmt.Sprintf("must be %s, not %s", kindOf(t), number)
	}
	return "must be " + kindOf(t)
}

func isNumber(t reflect.Type) bool { return t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64 }

// kindOf names a type in words of JSON.
func kindOf(t reflect.Type) string {
	switch kind := t.Kind(); {
	case t == reflect.TypeFor[webhook.Duration]():
		return `a duration such as "10s"`
	case kind == reflect.Bool:
		return "true or false"
	case kind == reflect.String:
		return "a string"
	case kind >= reflect.Uint && kind <= reflect.Uintptr:
		return "an integer from 0 on"
	case isNumber(t):
		return "a number"
	case kind == reflect.Slice && t.Elem().Kind() == reflect.Uint8: // json.RawMessage
		return "a value"
	case kind == reflect.Slice:
		return "a list in which each element is " + kindOf(t.Elem())
	case kind == reflect.Map:
		return "an object in which each value is " + kindOf(t.Elem())
	case kind == reflect.Pointer:
		return kindOf(t.Elem())
	}
	return "an object"
}
