package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"cubeconnect/webhook"
)

// A raw value, as it comes out of a file or the environment, is a string, a bool, an int64, a []any of
// such, an unsuitable, or the error that says why it can't be read.

// unsuitable is a kind of value that no key has; its text names the kind.
type unsuitable string

// assign stores a raw value in the place of a key. It returns what is wrong with the value, and then
// leaves the place alone.
func assign(place reflect.Value, raw any) []string {
	if place.Kind() == reflect.Slice {
		return assignList(place, raw)
	}
	if err := assignOne(place.Addr().Interface(), raw); err != nil {
		return []string{err.Error()}
	}
	return nil
}

func assignList(place reflect.Value, raw any) (faults []string) {
	items, ok := raw.([]any)
	if !ok {
		return []string{mismatch("a list, in square brackets", raw).Error()}
	}
	// An empty list is nil, so that two configurations that say the same are equal.
	list := reflect.Zero(place.Type())
	for i, item := range items {
		elem := reflect.New(place.Type().Elem())
		if err := assignOne(elem.Interface(), item); err != nil {
			faults = append(faults, fmt.Sprintf("item %d: %v", i+1, err))
		}
		list = reflect.Append(list, elem.Elem())
	}
	if faults == nil {
		place.Set(list)
	}
	return faults
}

func assignOne(place, raw any) error {
	if err, ok := raw.(error); ok && !isSecret(place) { // the error shows the value
		return err
	}
	switch p := place.(type) {
	case *bool:
		return store(p, raw, "true or false", func(b bool) (bool, error) { return b, nil })
	case *int:
		return store(p, raw, "a whole number", toInt)
	case *string:
		return store(p, raw, "text in quotes", func(s string) (string, error) { return s, nil })
	case *webhook.Secret:
		return store(p, raw, "text in quotes", func(s string) (webhook.Secret, error) { return webhook.NewSecret(s), nil })
	case *webhook.Duration:
		return store(p, raw, `a time in quotes, such as "10s"`, webhook.ParseDuration)
	case *Size:
		if n, ok := raw.(int64); ok {
			*p = Size(n)
			return nil
		}
		return store(p, raw, `a size in quotes, such as "4MiB"`, ParseSize)
	case *netip.Prefix:
		return store(p, raw, `a network in quotes, such as "10.0.0.0/8"`, parseNetwork)
	case *slog.Level:
		return store(p, raw, "text in quotes", parseLevel)
	}
	return fmt.Errorf("has a type that can't be read: %T", place)
}

func isSecret(place any) bool {
	_, ok := place.(*webhook.Secret)
	return ok
}

// store converts a raw value of type R. What is wanted is said in the words of somebody who edits the file.
func store[T, R any](place *T, raw any, wanted string, convert func(R) (T, error)) error {
	r, ok := raw.(R)
	if !ok {
		return mismatch(wanted, raw)
	}
	v, err := convert(r)
	if err == nil {
		*place = v
	}
	return err
}

func mismatch(wanted string, raw any) error {
	return fmt.Errorf("must be %s, not %s", wanted, kind(raw))
}

func kind(raw any) string {
	switch r := raw.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64, error:
		return "a whole number"
	case []any:
		return "a list"
	case unsuitable:
		return string(r)
	}
	return "that"
}

func toInt(n int64) (int, error) {
	if int64(int(n)) != n {
		return 0, fmt.Errorf("%d is out of range", n)
	}
	return int(n), nil
}

func parseLevel(s string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if s == strings.ToLower(level.String()) {
			return level, nil
		}
	}
	return 0, fmt.Errorf("%q is not one of debug, info, warn, error", s)
}

// fromText gives the text of an environment variable the raw form that a key of this type has in a file.
func fromText(t reflect.Type, text string) any {
	switch {
	case t.Kind() == reflect.Slice:
		var items []any
		if text = strings.TrimSpace(text); text != "" {
			for part := range strings.SplitSeq(text, ",") {
				items = append(items, fromText(t.Elem(), strings.TrimSpace(part)))
			}
		}
		return items
	case t == reflect.TypeFor[bool]():
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		return text == "true"
	case t == reflect.TypeFor[int]():
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		return n
	}
	return text // the other types are read from text
}
