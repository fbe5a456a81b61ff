package webhook

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The kinds of error that callers tell apart. Everything else is an internal failure.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
	ErrInvalid  = errors.New("invalid")
	// ErrFull says that the disk or the database's size limit leaves no room. Nothing was stored.
	ErrFull = errors.New("no space left for the database")
	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("store is closed")
)

// FieldErrors says what is wrong with a request, field by field. It is an [ErrInvalid].
type FieldErrors map[string][]string

// Add records a fault of a field.
func (e FieldErrors) Add(field, format string, args ...any) {
	e[field] = append(e[field], fmt.Sprintf(format, args...))
}

// Err returns nil if there are no faults.
func (e FieldErrors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

func (e FieldErrors) Error() string {
	var parts []string
	for _, field := range slices.Sorted(maps.Keys(e)) {
		parts = append(parts, field+": "+strings.Join(e[field], ", "))
	}
	return strings.Join(parts, "; ")
}

// Is makes FieldErrors an [ErrInvalid].
func (e FieldErrors) Is(target error) bool { return target == ErrInvalid }
