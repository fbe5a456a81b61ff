package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unique"
)

// Secret is a string that doesn't print: not with fmt, whatever the verb and wherever it stands, not as
// JSON or text, not in a log. Its value is read with [Secret.Reveal], where it is used.
type Secret struct {
	// A handle, because fmt shows what is inside a field that isn't exported: of this one an address.
	value unique.Handle[string]
}

// NewSecret wraps a value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{unique.Make(value)}
}

// GenerateSecret makes a signing secret: "whsec_" and the base64 of 32 random bytes, as Standard
// Webhooks has it.
func GenerateSecret() Secret {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return NewSecret("whsec_" + base64.StdEncoding.EncodeToString(b))
}

// Reveal returns the value.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.value.Value()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// SigningKey returns the key that Standard Webhooks signs with: the decoded bytes behind "whsec_", or
// the string's own bytes where it has another form.
func (s Secret) SigningKey() []byte {
	if rest, ok := strings.CutPrefix(s.Reveal(), "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(rest); err == nil {
			return key
		}
	}
	return []byte(s.Reveal())
}

func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return "<secret>"
}

// Format keeps every verb of fmt from printing the value.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText keeps encoders from printing the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value, so that a configuration can be read into it.
func (s *Secret) UnmarshalText(b []byte) error {
	*s = NewSecret(string(b))
	return nil
}

// LogValue keeps slog from printing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
