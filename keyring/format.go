package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// A file of keys is text, so that it can be kept in a password manager, and printed:
//
//	# lines that begin so say what it is
//	cubeconnect-master-keys-1
//	ID TIME KEY      a line each, oldest first: hexadecimal, RFC 3339, base64
//	end              without it the file was cut short
const (
	title  = "cubeconnect-master-keys-1"
	bottom = "end"
	remark = "# The master keys of a CubeConnect Webhooks installation. Secrets in its database and backups can't be\n" +
		"# read without this file: keep a copy of it, apart from them. The last key is the one in use.\n"
)

func format(keys []key) []byte {
	var b bytes.Buffer
	b.WriteString(remark)
	b.WriteString(title + "\n")
	for _, k := range keys {
		fmt.Fprintf(&b, "%s %s %s\n", k.ID, k.CreatedAt.Format(time.RFC3339), base64.StdEncoding.EncodeToString(k.secret[:]))
	}
	b.WriteString(bottom + "\n")
	return b.Bytes()
}

var (
	errForeign = errors.New("is no file of CubeConnect's master keys; name the right one, or put its copy there")
	errShort   = errors.New("is cut short; put a whole copy of it there")
)

// parse reads a file of keys. Its errors go behind the file's name, and show nothing of what is in it.
func parse(data []byte) (keys []key, err error) {
	n, titled := 0, false
	for line := range strings.Lines(string(data)) {
		n++
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case !titled:
			if titled = line == title; !titled {
				return nil, foreign(line)
			}
		case line == bottom:
			if len(keys) == 0 {
				return nil, errors.New("has no key in it; put a whole copy of it there")
			}
			return keys, nil
		default:
			k, err := parseKey(line)
			if err != nil {
				return nil, fmt.Errorf("is damaged in line %d: %w; put a whole copy of it there", n, err)
			}
			for _, other := range keys {
				if other.ID == k.ID {
					return nil, fmt.Errorf("has the key %s twice, the second time in line %d; remove that line", k.ID, n)
				}
			}
			keys = append(keys, k)
		}
	}
	if !titled && n > 0 && !strings.HasPrefix(remark, strings.TrimRight(string(data), "\n")) {
		return nil, errForeign
	}
	return nil, errShort
}

// foreign tells a file that is not ours from one that ends within its title, or is of a later version.
func foreign(line string) error {
	base := strings.TrimRight(title, "0123456789")
	switch later, ours := strings.CutPrefix(line, base); {
	case ours && strings.Trim(later, "0123456789") == "" && later != "":
		return errors.New("was written by a newer CubeConnect; run that version")
	case strings.HasPrefix(title, line):
		return errShort
	}
	return errForeign
}

func parseKey(line string) (k key, err error) {
	words := strings.Fields(line)
	if len(words) != 3 {
		return k, errors.New("no key stands there")
	}
	var id ID
	errID := id.UnmarshalText([]byte(words[0]))
	createdAt, errTime := time.Parse(time.RFC3339, words[1])
	secret, errKey := base64.StdEncoding.Strict().DecodeString(words[2])
	if errID != nil || errTime != nil || errKey != nil || len(secret) != chacha20poly1305.KeySize {
		return k, errors.New("no key stands there")
	}
	if k = keyOf([chacha20poly1305.KeySize]byte(secret), createdAt); id != k.ID {
		return k, errors.New("the key and its id don't belong together")
	}
	return k, nil
}
