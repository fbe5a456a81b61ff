package admin

import (
	"encoding/json"
	"time"
)

// nullString is null where the string is empty.
type nullString string

// MarshalJSON implements [json.Marshaler].
func (s nullString) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(s))
}

// instant is RFC 3339 in UTC with milliseconds, and null where the time is zero.
type instant time.Time

const instantForm = "2006-01-02T15:04:05.000Z"

// MarshalJSON implements [json.Marshaler].
func (t instant) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return []byte(time.Time(t).UTC().Format(`"` + instantForm + `"`)), nil
}

// rawJSON is JSON as it was stored, and null where there is none.
func rawJSON(b []byte) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("null")
	}
	return b
}
