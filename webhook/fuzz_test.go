package webhook

import (
	"strings"
	"testing"
)

// FuzzParseDuration reads what it writes, and takes nothing that is none.
func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"10s", "5m", "24h", "30d", "1h30m", "1.5h", "0", "-1s", "1e9s", "9223372036854775807ns", "106752d", "d", "", " 1s", "1 s", "1S", "١s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDuration(s)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: more than a line: %v", s, err)
			}
			return
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%q is %s, which is %s, %v", s, d, again, err)
		}
	})
}
