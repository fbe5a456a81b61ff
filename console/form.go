package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cubeconnect/web"
	"cubeconnect/webhook"
)

// form is what somebody entered, and what is wrong with it.
type form struct {
	values url.Values
	faults webhook.FieldErrors
}

func newForm(values url.Values) form { return form{values, webhook.FieldErrors{}} }

// Value returns a field as it was entered.
func (f form) Value(name string) string { return f.values.Get(name) }

// Text returns a field without the spaces around it.
func (f form) Text(name string) string { return strings.TrimSpace(f.values.Get(name)) }

// Values returns all of a field that there can be several of.
func (f form) Values(name string) []string { return f.values[name] }

// Has reports whether a box is ticked: by its name and value.
func (f form) Has(name, value string) bool { return slices.Contains(f.values[name], value) }

// Faults returns what is wrong with a field; of the form as a whole its name is empty.
func (f form) Faults(name string) []string { return f.faults[name] }

// Wrong reports whether anything is.
func (f form) Wrong() bool { return len(f.faults) > 0 }

// Merge adds faults that were found elsewhere. Of a field that has one already, the first says enough.
func (f form) Merge(faults webhook.FieldErrors) {
	for name, texts := range faults {
		if len(f.faults[name]) == 0 {
			f.faults[name] = texts
		}
	}
}

// refused takes an error for faults of the form if it is one that the person can mend, and returns the
// status to answer with. Otherwise it returns the error.
func (f form) refused(err error) (status int, _ error) {
	var fields webhook.FieldErrors
	switch {
	case errors.As(err, &fields):
		f.Merge(fields)
		return http.StatusUnprocessableEntity, nil
	case errors.Is(err, webhook.ErrConflict):
		f.faults.Add("", "%s", web.Status(err).Message)
		return http.StatusConflict, nil
	}
	return 0, err
}
