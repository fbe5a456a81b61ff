package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// Query is a request's query while it is read parameter by parameter. All faults are collected;
// [Query.Err] returns them. An empty parameter counts as missing.
type Query struct {
	values url.Values
	taken  []string
	faults webhook.FieldErrors
}

// Query begins to read the query.
func (r *Request) Query() *Query {
	q := &Query{faults: webhook.FieldErrors{}}
	var err error
	if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		q.faults.Add("query", "is not properly encoded")
	}
	return q
}

// String reads a parameter.
func (q *Query) String(name string) string {
	q.taken = append(q.taken, name)
	values := q.values[name]
	if len(values) > 1 {
		q.faults.Add(name, "is given %d times", len(values))
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Number reads an id; 0 if it's missing.
func (q *Query) Number(name string) uint32 {
	s := q.String(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		q.faults.Add(name, "must be an integer id")
	}
	return uint32(n)
}

// OneOf reads a parameter that has one of a few values.
func (q *Query) OneOf(name string, values ...string) string {
	s := q.String(name)
	if s != "" && !slices.Contains(values, s) {
		q.faults.Add(name, "must be one of %s", strings.Join(values, ", "))
	}
	return s
}

// Page reads limit and cursor.
func (q *Query) Page() webhook.Page {
	p := webhook.Page{Limit: webhook.DefaultPage, Cursor: q.String("cursor")}
	if s := q.String("limit"); s != "" {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil || n < 1 || n > webhook.MaxPage {
			q.faults.Add("limit", "must be an integer from 1 to %d", webhook.MaxPage)
		}
		p.Limit = int(n)
	}
	return p
}

// Range reads since and until.
func (q *Query) Range() webhook.Range {
	r := webhook.Range{Since: q.time("since"), Until: q.time("until")}
	CheckRange(q.faults, r)
	return r
}

// CheckRange records a fault of a range that ends before it begins.
func CheckRange(faults webhook.FieldErrors, r webhook.Range) {
	if !r.Since.IsZero() && !r.Until.IsZero() && r.Until.Before(r.Since) {
		faults.Add("until", "is before since")
	}
}

func (q *Query) time(name string) time.Time {
	s := q.String(name)
	if s == "" {
		return time.Time{}
	}
	t, ok := ParseTime(s)
	if !ok {
		// In a query an unescaped "+03:00" arrives with a space.
		t, ok = ParseTime(strings.Replace(s, " ", "+", 1))
	}
	if !ok {
		q.faults.Add(name, TimeForms)
	}
	return t
}

// Err returns a [webhook.FieldErrors] with all faults, parameters that nobody asked for among them: a
// misspelt filter would otherwise show everything.
func (q *Query) Err() error {
	var unknown []string
	for name := range q.values {
		if !slices.Contains(q.taken, name) {
			unknown = append(unknown, name)
		}
	}
	addUnknown(q.faults, unknown, q.taken)
	return q.faults.Err()
}

// TimeForms says what [ParseTime] reads.
const TimeForms = "must be a time such as 2026-03-10T14:30:00Z, a date (its beginning in UTC), or Unix seconds"

// ParseTime reads an RFC 3339 time, a date or Unix seconds.
func ParseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), inRange(t)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > lastSecond {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// lastSecond is the end of the year 9999: more than four digits have no RFC 3339 form.
const lastSecond = 253402300799

func inRange(t time.Time) bool { return t.Unix() >= 0 && t.Unix() <= lastSecond }
