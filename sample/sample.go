// Package sample has request bodies in the shape in which Meta posts them, by name: for trying the
// appliance out, and for tests. Everything in them is invented.
package sample

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

//go:embed payloads/*.json
var files embed.FS

// The ids that the samples are about. More than one number and WABA occur in those named batch-….
const (
	WABAID        = "398712345600011"
	PhoneNumberID = "510000000000101"
	Customer      = "16505550111"
)

// Names lists the samples.
func Names() (names []string) {
	entries, err := fs.ReadDir(files, "payloads")
	if err != nil {
		return nil // not possible: they are part of the program
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// Body returns a sample, byte for byte.
func Body(name string) ([]byte, error) {
	b, err := files.ReadFile("payloads/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no sample %q", name)
	}
	return b, nil
}

// Sign returns the X-Hub-Signature-256 that Meta would send with a body.
func Sign(appSecret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// ForAccount returns a body with other ids in place of its WABA's and phone number's. Empty ids change
// nothing; of several in the body all are replaced.
func ForAccount(body []byte, wabaID, phoneNumberID string) []byte {
	replace := func(path, by string) {
		for _, id := range leaves(gjson.GetBytes(body, path)) {
			if by != "" && id != "" {
				body = bytes.ReplaceAll(body, quoted(id), quoted(by))
			}
		}
	}
	replace("entry.#.id", wabaID)
	replace("entry.#.changes.#.value.metadata.phone_number_id", phoneNumberID)
	return body
}

// Fresh returns a body that isn't a repeat: with other message ids, and the time of now.
func Fresh(body []byte, now time.Time) []byte {
	for _, path := range []string{"entry.#.changes.#.value.messages.#.id", "entry.#.changes.#.value.statuses.#.id"} {
		for _, id := range leaves(gjson.GetBytes(body, path)) {
			if id != "" {
				body = bytes.ReplaceAll(body, quoted(id), quoted(newID(id)))
			}
		}
	}
	seconds := strconv.FormatInt(now.Unix(), 10)
	for _, path := range []string{"entry.#.changes.#.value.messages.#.timestamp", "entry.#.changes.#.value.statuses.#.timestamp"} {
		for _, at := range leaves(gjson.GetBytes(body, path)) {
			body = bytes.ReplaceAll(body, quoted(at), quoted(seconds))
		}
	}
	for _, at := range leaves(gjson.GetBytes(body, "entry.#.time")) {
		if at != "" {
			body = bytes.ReplaceAll(body, []byte(at), []byte(seconds))
		}
	}
	return body
}

func quoted(s string) []byte { return []byte(`"` + s + `"`) }

// newID keeps an id's look.
func newID(old string) string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	fresh := strings.ToUpper(hex.EncodeToString(b))
	if rest, ok := strings.CutPrefix(old, "wamid."); ok && len(rest) > len(fresh) {
		return "wamid." + rest[:len(rest)-len(fresh)] + fresh
	}
	return old + fresh
}

// leaves flattens what a path found to the distinct strings and numbers in it.
func leaves(r gjson.Result) (list []string) {
	seen := map[string]bool{}
	var walk func(gjson.Result)
	walk = func(r gjson.Result) {
		if r.IsArray() {
			for _, e := range r.Array() {
				walk(e)
			}
		} else if s := r.String(); !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	walk(r)
	return list
}
