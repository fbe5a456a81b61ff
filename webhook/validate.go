package webhook

import (
	"encoding/base64"
	"maps"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what a person may enter.
const (
	MaxName           = 200
	MaxTimezone       = 100
	MaxMetaID         = 32
	MaxPhoneNumber    = 32
	MaxAccessToken    = 4096
	MaxURL            = 2048
	MaxDescription    = 500
	MaxHeaders        = 20
	MaxHeaderBytes    = 8 << 10
	MinTimeout        = Duration(100 * time.Millisecond)
	MaxTimeout        = Duration(5 * time.Minute)
	MinSecret         = 8
	MaxSecret         = 256
	MaxIdempotencyKey = 255
)

// Validate says what is wrong with the tenant's name and time zone.
func (t *Tenant) Validate() FieldErrors {
	faults := FieldErrors{}
	checkName(faults, "name", t.Name)
	if !validTimezone(t.Timezone) {
		faults.Add("timezone", "%q is not an IANA time zone such as UTC or Asia/Riyadh", clip(t.Timezone))
	}
	return faults
}

// Location returns the tenant's time zone; UTC if this machine doesn't know it (any more).
func (t *Tenant) Location() *time.Location {
	if validTimezone(t.Timezone) {
		if loc, err := time.LoadLocation(t.Timezone); err == nil {
			return loc
		}
	}
	return time.UTC
}

// validTimezone refuses, beside unknown names, those that mean this machine's own zone, and the copies
// of the data base that some systems keep beside it.
func validTimezone(name string) bool {
	switch {
	case name == "" || len(name) > MaxTimezone:
		return false
	case strings.EqualFold(name, "local"), name == "localtime", name == "posixrules":
		return false
	case strings.HasPrefix(name, "posix/"), strings.HasPrefix(name, "right/"):
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

// Validate says what is wrong with the account's fields.
func (a *Account) Validate() FieldErrors {
	faults := FieldErrors{}
	checkName(faults, "name", a.Name)
	checkMetaID(faults, "waba_id", a.WABAID)
	checkMetaID(faults, "phone_number_id", a.PhoneNumberID)
	checkText(faults, "display_phone_number", a.DisplayPhoneNumber, MaxPhoneNumber)
	if token := a.AccessToken.Reveal(); len(token) > MaxAccessToken {
		faults.Add("access_token", "must have at most %d characters", MaxAccessToken)
	} else if strings.ContainsFunc(token, notPrintableASCII) || strings.Contains(token, " ") {
		faults.Add("access_token", "must be printable ASCII without spaces")
	}
	return faults
}

// Validate says what is wrong with the endpoint's fields, its URL's form aside: that is for the guard
// that knows which addresses may be reached. Forbidden names the headers that are not the tenant's to set.
func (e *Endpoint) Validate(forbidden func(header string) bool) FieldErrors {
	faults := FieldErrors{}
	switch {
	case e.URL == "":
		faults.Add("url", "is required")
	case len(e.URL) > MaxURL:
		faults.Add("url", "must have at most %d characters", MaxURL)
	case !utf8.ValidString(e.URL) || strings.ContainsFunc(e.URL, unicode.IsControl):
		faults.Add("url", "must not contain control characters")
	}
	checkEvents(faults, e.Events)
	checkText(faults, "description", e.Description, MaxDescription)
	if err := e.Retries.Validate(); err != nil {
		faults.Add("retries", "%v", err)
	}
	if e.Timeout != 0 && (e.Timeout < MinTimeout || e.Timeout > MaxTimeout) {
		faults.Add("timeout", "must be between %s and %s", MinTimeout, MaxTimeout)
	}
	checkHeaders(faults, e.Headers, forbidden)
	return faults
}

func checkEvents(faults FieldErrors, events []string) {
	if len(events) == 0 {
		faults.Add("events", `must name at least one event type, or "*" for all`)
	}
	seen := map[string]bool{}
	for _, name := range events {
		switch {
		case name != "*" && !IsEventType(name):
			faults.Add("events", "%q is not an event type", clip(name))
		case seen[name]:
			faults.Add("events", "%q is named twice", name)
		}
		seen[name] = true
		if len(faults["events"]) >= 10 {
			return // enough to understand the mistake
		}
	}
}

func checkHeaders(faults FieldErrors, headers map[string]string, forbidden func(string) bool) {
	if len(headers) > MaxHeaders {
		faults.Add("headers", "must be at most %d", MaxHeaders)
		return
	}
	total := 0
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		total += len(name) + len(value)
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !validHeaderName(name):
			faults.Add("headers", "%q is not a header name", clip(name))
		case forbidden != nil && forbidden(name):
			faults.Add("headers", "%s can't be set: the relay sets it itself", canonical)
		case seen[canonical]:
			faults.Add("headers", "%s is named twice", canonical)
		case !validHeaderValue(value):
			faults.Add("headers", "the value of %s has control characters, or spaces around it", canonical)
		}
		seen[canonical] = true
	}
	if total > MaxHeaderBytes {
		faults.Add("headers", "must have at most %d bytes together", MaxHeaderBytes)
	}
}

// validHeaderName reports whether name is a token of RFC 9110.
func validHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		alnum := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != "" && len(name) <= MaxName
}

// validHeaderValue reports whether value may stand in a header as it is, so that no line can be smuggled
// in and none is changed on the way.
func validHeaderValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return utf8.ValidString(value) && strings.Trim(value, " \t") == value
}

// ValidateSecret says what is wrong with a signing secret that a person chose.
func ValidateSecret(s Secret) FieldErrors {
	faults := FieldErrors{}
	value := s.Reveal()
	if len(value) < MinSecret || len(value) > MaxSecret {
		faults.Add("secret", "must have %d to %d characters", MinSecret, MaxSecret)
	}
	if strings.ContainsFunc(value, notPrintableASCII) {
		faults.Add("secret", "must be printable ASCII")
	}
	if rest, ok := strings.CutPrefix(value, "whsec_"); ok {
		// Standard Webhooks' libraries refuse such a secret; better to hear of it here.
		if key, err := base64.StdEncoding.DecodeString(rest); err != nil || len(key) == 0 {
			faults.Add("secret", "must be base64 behind whsec_")
		}
	}
	return faults
}

// ValidateName says what is wrong with a name that stands alone, such as a key's.
func ValidateName(name string) FieldErrors {
	faults := FieldErrors{}
	checkName(faults, "name", name)
	return faults
}

// ValidateIdempotencyKey says what is wrong with an Idempotency-Key header.
func ValidateIdempotencyKey(key string) FieldErrors {
	faults := FieldErrors{}
	if len(key) == 0 || len(key) > MaxIdempotencyKey {
		faults.Add("Idempotency-Key", "must have 1 to %d characters", MaxIdempotencyKey)
	} else if strings.ContainsFunc(key, notPrintableASCII) {
		faults.Add("Idempotency-Key", "must be printable ASCII")
	}
	return faults
}

func checkName(faults FieldErrors, field, value string) {
	if strings.TrimSpace(value) == "" {
		faults.Add(field, "is required")
		return
	}
	checkText(faults, field, value, MaxName)
	if strings.ContainsAny(value, "\t\n") {
		faults.Add(field, "must be one line")
	}
}

func checkText(faults FieldErrors, field, value string, limit int) {
	if utf8.RuneCountInString(value) > limit {
		faults.Add(field, "must have at most %d characters", limit)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		faults.Add(field, "must not contain control characters")
	}
}

func checkMetaID(faults FieldErrors, field, value string) {
	digits := strings.Trim(value, "0123456789") == ""
	switch {
	case value == "":
		faults.Add(field, "is required")
	case !digits || len(value) > MaxMetaID:
		faults.Add(field, "must be 1 to %d digits, as Meta shows it", MaxMetaID)
	}
}

func notPrintableASCII(r rune) bool { return r < ' ' || r > '~' }

// clip bounds what an error repeats of somebody's input.
func clip(s string) string {
	const limit = 60
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
