package webhook_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"cubeconnect/webhook"
)

func TestSecretNeverPrints(t *testing.T) {
	const value = "whsec_aHVudGVyMg=="
	s := webhook.NewSecret(value)
	inside := struct {
		Name   string
		Secret webhook.Secret
		hidden webhook.Secret
		list   []webhook.Secret
		byKey  map[webhook.Secret]int
	}{"x", s, s, []webhook.Secret{s}, map[webhook.Secret]int{s: 1}}
	things := map[string]any{
		"value": s, "pointer": &s, "struct": inside, "struct pointer": &inside, "slice": []webhook.Secret{s}, "map": map[string]webhook.Secret{"k": s},
		"endpoint": webhook.Endpoint{URL: "https://example.com", Secret: s}, "account": &webhook.Account{AccessToken: s},
	}
	check := func(how, printed string) {
		t.Helper()
		for _, form := range []string{value, "hunter2", fmt.Sprintf("%x", value), fmt.Sprintf("%X", value)} {
			if strings.Contains(printed, form) {
				t.Errorf("%s: %s", how, printed)
			}
		}
	}
	for name, thing := range things {
		for _, verb := range strings.Split("v +v #v s q x X # x d t b o c U e g f p 10v -30s", " ") {
			check(name+" %"+verb, fmt.Sprintf("%"+verb, thing))
		}
		check(name+" as an error", fmt.Errorf("no: %v: %w", thing, errors.New("x")).Error())
		b, err := json.Marshal(thing)
		if err != nil && name != "struct" && name != "struct pointer" {
			t.Errorf("%s as JSON: %v", name, err)
		}
		check(name+" as JSON", string(b))
		var text, object bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("said", "thing", thing)
		slog.New(slog.NewJSONHandler(&object, nil)).Info("said", "thing", thing)
		check(name+" in a log", text.String()+object.String())
		var dump bytes.Buffer
		_ = gob.NewEncoder(&dump).Encode(thing) // it refuses most of them
		check(name+" as gob", dump.String())
	}
}

func TestSecretValue(t *testing.T) {
	s := webhook.NewSecret("hunter2")
	if s.Reveal() != "hunter2" || s.IsZero() || s != webhook.NewSecret("hunter2") || s == webhook.NewSecret("hunter3") {
		t.Error("a secret has lost its value")
	}
	var none webhook.Secret
	if none.Reveal() != "" || !none.IsZero() || none != webhook.NewSecret("") || none.String() != "" {
		t.Error("no secret has a value")
	}
	var read webhook.Secret
	if err := json.Unmarshal([]byte(`"hunter2"`), &read); err != nil || read != s {
		t.Errorf("a secret can't be read: %v", err)
	}
	if b, err := json.Marshal(s); err != nil || string(b) != `"\u003csecret\u003e"` {
		t.Errorf("a secret is written as %s (%v)", b, err)
	}
}

func TestSigningKey(t *testing.T) {
	for value, want := range map[string]string{
		"whsec_aHVudGVyMg==": "hunter2",
		"whsec_no base64":    "whsec_no base64",
		"hunter2":            "hunter2",
		"":                   "",
	} {
		if got := webhook.NewSecret(value).SigningKey(); string(got) != want {
			t.Errorf("the key of %q is %q", value, got)
		}
	}
}

func TestGenerateSecret(t *testing.T) {
	a, b := webhook.GenerateSecret(), webhook.GenerateSecret()
	if a == b {
		t.Error("two secrets are the same")
	}
	rest, ok := strings.CutPrefix(a.Reveal(), "whsec_")
	if key, err := base64.StdEncoding.DecodeString(rest); !ok || err != nil || len(key) != 32 || !bytes.Equal(key, a.SigningKey()) {
		t.Errorf("%d bytes behind whsec_ (%t): %v", len(key), ok, err)
	}
}
