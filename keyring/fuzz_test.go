package keyring

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

var longAgo = time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)

// FuzzParse holds the file to its promise: what is taken says the same when it is written again, and what
// is refused is refused in one line.
func FuzzParse(f *testing.F) {
	good := string(format([]key{newKey(longAgo), newKey(longAgo)}))
	for _, s := range []string{"", good, good[:len(good)-4], good[:200], strings.Replace(good, "-1\n", "-2\n", 1), title + "\n" + bottom, "#\n" + title, title + "\n0 0 0\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parse(data)
		if err != nil {
			if len(keys) > 0 || err.Error() == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("%d keys, %q", len(keys), err)
			}
			return
		}
		written := format(keys)
		again, err := parse(written)
		if err != nil || len(again) != len(keys) || !bytes.Equal(format(again), written) {
			t.Errorf("%q is written as %q, and then read as %d keys, %v", data, written, len(again), err)
		}
	})
}

// FuzzOpen holds sealed values to theirs: what was not sealed here, under this name, does not open.
func FuzzOpen(f *testing.F) {
	ring := New(longAgo)
	f.Add("a", []byte("x"), append([]byte{version}, make([]byte, Overhead)...), uint16(3), byte(1))
	f.Add("", []byte{}, []byte{}, uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, name string, plaintext, foreign []byte, at uint16, change byte) {
		if got, err := ring.Open(name, foreign); err == nil {
			t.Errorf("%x opens to %q", foreign, got)
		}
		sealed := ring.Seal(name, plaintext)
		if got, err := ring.Open(name, sealed); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%q opens to %q, %v", plaintext, got, err)
		}
		if _, err := ring.Open(name+"x", sealed); err == nil {
			t.Error("it opens under another name")
		}
		sealed[int(at)%len(sealed)] ^= change
		if got, err := ring.Open(name, sealed); err == nil && change != 0 {
			t.Errorf("damaged, it opens to %q", got)
		}
	})
}
