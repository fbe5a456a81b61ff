package sample

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

func TestEverySampleIsThere(t *testing.T) {
	names := Names()
	if len(names) < 100 {
		t.Fatalf("%d samples", len(names))
	}
	for _, name := range names {
		body, err := Body(name)
		if err != nil || !json.Valid(body) {
			t.Errorf("%s: %v", name, err)
		}
		if fresh := Fresh(ForAccount(body, "1", "2"), time.Unix(1800000000, 0)); !json.Valid(fresh) {
			t.Errorf("%s is no JSON once made fresh", name)
		}
	}
	if _, err := Body("nothing"); err == nil {
		t.Error("there is a sample named nothing")
	}
}

func TestFreshIsNoRepeat(t *testing.T) {
	body, err := Body("message-text")
	if err != nil {
		t.Fatal(err)
	}
	a, b := Fresh(body, time.Unix(1800000000, 0)), Fresh(body, time.Unix(1800000000, 0))
	if bytes.Equal(a, b) || bytes.Equal(a, body) {
		t.Error("two fresh bodies are the same")
	}
	if !bytes.Contains(a, []byte(`"1800000000"`)) {
		t.Error("it does not say the time of now")
	}
}

func TestForAccount(t *testing.T) {
	body, err := Body("message-text")
	if err != nil {
		t.Fatal(err)
	}
	got := ForAccount(body, "111", "222")
	if bytes.Contains(got, []byte(WABAID)) || bytes.Contains(got, []byte(PhoneNumberID)) || !bytes.Contains(got, []byte(`"111"`)) || !bytes.Contains(got, []byte(`"222"`)) {
		t.Errorf("got %s", got)
	}
	if !bytes.Equal(ForAccount(body, "", ""), body) {
		t.Error("without ids nothing changes")
	}
}

// A published vector: see the samples' own documentation.
func TestSign(t *testing.T) {
	body, err := Body("message-text-escaped-unicode")
	if err != nil {
		t.Fatal(err)
	}
	if got := Sign("fixture-app-secret-1", body); got != "sha256=c2ad375f7947a3a3e221c2148c7b562cf7b85e49e034e5c817f726654a93b01a" {
		t.Error(got)
	}
}
