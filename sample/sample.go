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
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
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
	for id := range leaves(body, "entry", "id") {
		if wabaID != "" {
			body = bytes.ReplaceAll(body, quoted(id), quoted(wabaID))
		}
	}
	for id := range leaves(body, "entry", "changes", "value", "metadata", "phone_number_id") {
		if phoneNumberID != "" {
			body = bytes.ReplaceAll(body, quoted(id), quoted(phoneNumberID))
		}
	}
	return body
}

// Fresh returns a body that isn't a repeat: with other message ids, and the time of now.
func Fresh(body []byte, now time.Time) []byte {
	seconds := strconv.FormatInt(now.Unix(), 10)
	for _, array := range []string{"messages", "statuses"} {
		for id := range leaves(body, "entry", "changes", "value", array, "id") {
			body = bytes.ReplaceAll(body, quoted(id), quoted(newID(id)))
		}
		for at := range leaves(body, "entry", "changes", "value", array, "timestamp") {
			body = bytes.ReplaceAll(body, quoted(at), quoted(seconds))
		}
	}
	for at := range leaves(body, "entry", "time") {
		body = bytes.ReplaceAll(body, []byte(at), []byte(seconds))
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

// leaves returns the distinct strings and numbers that a path leads to, through every element of arrays.
// What is no JSON has none.
func leaves(body []byte, path ...string) map[string]bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // ids have more digits than a float64
	var root any
	if d.Decode(&root) != nil {
		return nil
	}
	found := map[string]bool{}
	var walk func(v any, path []string)
	walk = func(v any, path []string) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e, path)
			}
		case map[string]any:
			if len(path) > 0 {
				walk(v[path[0]], path[1:])
			}
		case string:
			if len(path) == 0 && v != "" {
				found[v] = true
			}
		case json.Number:
			if len(path) == 0 {
				found[v.String()] = true
			}
		}
	}
	walk(root, path)
	return found
}
