package webhook_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func randomID(r *rand.Rand) (id webhook.ID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

func TestIDReadsItsOwnText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	before, text := webhook.ID{}, ""
	for range 1000 {
		id := randomID(r)
		s := id.String()
		if len(s) != 26 {
			t.Fatalf("%q has %d characters", s, len(s))
		}
		for _, form := range []string{s, strings.ToLower(s)} {
			if back, err := webhook.ParseID(form); err != nil || back != id {
				t.Fatalf("%q is read as %x (%v), not %x", form, back, err, id)
			}
		}
		var unmarshalled webhook.ID
		if b, err := id.MarshalText(); err != nil || string(b) != s || unmarshalled.UnmarshalText(b) != nil || unmarshalled != id {
			t.Fatalf("%q is marshalled as %q (%v) and read as %s", s, b, err, unmarshalled)
		}
		if text != "" && before.Before(id) != (text < s) {
			t.Fatalf("%s and %s sort unlike their bytes", text, s)
		}
		before, text = id, s
	}
}

func TestKnownULID(t *testing.T) {
	id, err := webhook.ParseID("01ARYZ6S41TSV4RRFFQ69G5FAV") // the specification's own example has this time
	if err != nil {
		t.Fatal(err)
	}
	if got := id.Millis(); got != 1469918176385 {
		t.Errorf("its time is %d", got)
	}
}

func TestParseIDRefuses(t *testing.T) {
	for _, s := range []string{
		"", "01ARYZ6S41TSV4RRFFQ69G5FA", "01ARYZ6S41TSV4RRFFQ69G5FAVV", "81ARYZ6S41TSV4RRFFQ69G5FAV", "01ARYZ6S41TSV4RRFFQ69G5FAU",
		"01ARYZ6S41TSV4RRFFQ69G5FA!", " 1ARYZ6S41TSV4RRFFQ69G5FAV", "01ARYZ6S41TSV4RRFFQ69G5FÄ",
	} {
		if id, err := webhook.ParseID(s); err == nil {
			t.Errorf("%q is read as %s", s, id)
		}
	}
}

func TestIDParts(t *testing.T) {
	var ids webhook.IDs
	at := time.Date(2026, 3, 10, 11, 30, 0, 123_456_789, time.UTC)
	id := ids.Next(at, 7)
	if id.Owner() != 7 || !id.Time().Equal(at.Truncate(time.Millisecond)) || id.IsZero() {
		t.Errorf("%s: owner %d, time %s", id, id.Owner(), id.Time())
	}
	other := id.WithOwner(9)
	if other.Owner() != 9 || !bytes.Equal(other.Key(), id.Key()) || webhook.IDFromKey(other.Key(), 7) != id {
		t.Errorf("%s with another owner is %s", id, other)
	}
	event := id.OfTenant(7)
	if event == id || event.Tenant() != 7 || !bytes.Equal(event.Key(), id.Key()) || event.WithOwner(7) != id {
		t.Errorf("the event of %s is %s", id, event)
	}
	if bound := webhook.IDAt(at); !bound.Before(id) || !webhook.IDAt(at.Add(-time.Millisecond)).Before(bound) {
		t.Errorf("%s is no bound of %s", bound, id)
	}
	if !webhook.IDAt(time.Unix(-1, 0)).IsZero() {
		t.Error("a time before 1970 is no bound")
	}
}

// Whatever the clock does, and across restarts, each id is greater than all before it.
func TestIDsOnlyGrow(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var ids webhook.IDs
		var last webhook.ID
		now := time.Unix(1_800_000_000, 0)
		for range 2000 {
			switch r.IntN(20) {
			case 0:
				now = now.Add(-time.Duration(r.IntN(100)) * time.Hour)
			case 1:
				now = now.Add(time.Duration(r.IntN(100)) * time.Hour)
			case 2:
				ids = webhook.IDs{}
				ids.After(last)
			case 3, 4, 5:
				now = now.Add(time.Millisecond)
			}
			id := ids.Next(now, 1)
			if !last.Before(id) {
				t.Fatalf("seed %d: %s comes after %s", seed, id, last)
			}
			last = id
		}
	}
}

// A sequence that is used up goes on in the next millisecond.
func TestIDsOverflow(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	full := webhook.IDAt(at)
	for i := 6; i < webhook.KeySize; i++ {
		full[i] = 0xff
	}
	var ids webhook.IDs
	ids.After(full)
	if id := ids.Next(at, 0); !full.Before(id) || id.Millis() != full.Millis()+1 {
		t.Errorf("%s follows %s", id, full)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("01ARYZ6S41TSV4RRFFQ69G5FAV")
	f.Add("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
	f.Add("80000000000000000000000000")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := webhook.ParseID(s)
		if err == nil && id.String() != strings.ToUpper(s) {
			t.Errorf("%q is read as %s", s, id)
		}
	})
}
