package ingress

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

var update = flag.Bool("update", false, "write the golden files anew")

// arrival is later than every time in the test data.
var arrival = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// everyone routes every change to one account.
type everyone struct{ Route Route }

func (e everyone) Account(wabaID, phoneNumberID string) (Route, bool) { return e.Route, true }

var riyadh = everyone{Route{Tenant: 7, Account: 42, Location: time.FixedZone("", 3*60*60)}}

// accounts routes by a table of WABA id and phone number id.
type accounts map[[2]string]Route

func (a accounts) Account(wabaID, phoneNumberID string) (Route, bool) {
	r, ok := a[[2]string{wabaID, phoneNumberID}]
	return r, ok
}

// place is where a body is: those named payloads/ are the program's own samples.
func place(name string) string {
	if strings.HasPrefix(name, "payloads") && !strings.HasSuffix(name, ".txt") {
		return filepath.Join("..", "sample", name)
	}
	return filepath.Join("testdata", name)
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(place(name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bodiesIn returns the names of a folder's bodies, with the folder.
func bodiesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(place(dir), "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no bodies in %s: %v", dir, err)
	}
	for _, path := range paths {
		if filepath.Base(path) != "index.json" {
			names = append(names, filepath.Join(dir, filepath.Base(path)))
		}
	}
	return names
}

// counts are what a body leads to.
type counts struct{ messages, statuses, templates int }

func count(in webhook.Inbound) (n counts) {
	for _, item := range in.Items {
		switch {
		case item.Message != nil:
			n.messages++
		case item.Status != nil:
			n.statuses++
		case item.Template != nil:
			n.templates++
		}
	}
	return n
}

// payloads returns the events' payloads, decoded.
func payloads(t testing.TB, in webhook.Inbound) (all []map[string]any) {
	t.Helper()
	for _, item := range in.Items {
		if item.Event == nil {
			continue
		}
		var p map[string]any
		if err := json.Unmarshal(item.Event.Payload, &p); err != nil {
			t.Fatalf("payload %s: %v", item.Event.Payload, err)
		}
		all = append(all, p)
	}
	return all
}

// messagesBody wraps elements of messages[] as Meta does.
func messagesBody(elements ...string) []byte {
	return []byte(`{"object":"whatsapp_business_account","entry":[{"id":"398712345600011","changes":[{"value":{` +
		`"messaging_product":"whatsapp","metadata":{"display_phone_number":"16505550101","phone_number_id":"510000000000101"},` +
		`"messages":[` + strings.Join(elements, ",") + `]},"field":"messages"}]}]}`)
}

// golden compares got with a file, which -update writes.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

// acceptorFunc is an Acceptor.
type acceptorFunc func(context.Context, *webhook.Inbound) (webhook.AuditOutcome, error)

func (f acceptorFunc) Accept(ctx context.Context, in *webhook.Inbound) (webhook.AuditOutcome, error) {
	return f(ctx, in)
}

// signatureOf returns the header's value as Meta writes it.
func signatureOf(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
