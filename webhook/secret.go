package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"strings"
)

// Secret is a string that doesn't print: not with fmt, not as JSON or text, not in a log. Its value is
// read with [Secret.Reveal], where it is used.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// GenerateSecret makes a signing secret: "whsec_" and the base64 of 32 random bytes, as Standard
// Webhooks has it.
func GenerateSecret() Secret {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return Secret{"whsec_" + base64.StdEncoding.EncodeToString(b)}
}

// Reveal returns the value.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == "" }

// SigningKey returns the key that Standard Webhooks signs with: the decoded bytes behind "whsec_", or
// the string's own bytes where it has another form.
func (s Secret) SigningKey() []byte {
	if rest, ok := strings.CutPrefix(s.value, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(rest); err == nil {
			return key
		}
	}
	return []byte(s.value)
}

func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return "<secret>"
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps encoders from printing the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value, so that a configuration can be read into it.
func (s *Secret) UnmarshalText(b []byte) error {
	s.value = string(b)
	return nil
}

// LogValue keeps slog from printing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
