package ingress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"cubeconnect/webhook"
)

// TestGolden compares what each body leads to with the file beside it: an event's payload is a line,
// what is known of an account another.
func TestGolden(t *testing.T) {
	for _, name := range append(bodiesIn(t, "payloads"), bodiesIn(t, "own")...) {
		t.Run(strings.TrimSuffix(path.Base(name), ".json"), func(t *testing.T) {
			in := Parse(read(t, name), arrival, riyadh)
			checkInbound(t, in)
			if in.Unparsed || in.Unrouted && !strings.HasSuffix(name, "envelope-odd-shapes.json") {
				t.Errorf("unparsed %v, unrouted %v", in.Unparsed, in.Unrouted)
			}
			var lines bytes.Buffer
			for _, item := range in.Items {
				if item.Event != nil {
					fmt.Fprintf(&lines, "%s\n", item.Event.Payload)
				}
				if item.Account != nil {
					said, err := json.Marshal(item.Account)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&lines, "account %s\n", said)
				}
			}
			golden(t, strings.TrimSuffix(name, ".json")+".golden", lines.Bytes())
		})
	}
}

// checkInbound asserts what holds for every body.
func checkInbound(t testing.TB, in webhook.Inbound) {
	t.Helper()
	for i, tenant := range in.Tenants {
		if i > 0 && in.Tenants[i-1] >= tenant {
			t.Fatalf("tenants %v are not ascending", in.Tenants)
		}
	}
	for _, item := range in.Items {
		known := false
		for _, tenant := range in.Tenants {
			known = known || tenant == item.TenantID
		}
		if !known {
			t.Fatalf("item of tenant %d, routed to %v", item.TenantID, in.Tenants)
		}
		kinds := 0
		for _, set := range []bool{item.Message != nil, item.Status != nil, item.Template != nil, item.Account != nil} {
			if set {
				kinds++
			}
		}
		if kinds != 1 || (item.Event == nil) != (item.Account != nil) {
			t.Fatalf("item %+v", item)
		}
		if m := item.Message; m != nil && m.MessageID == "" {
			t.Fatalf("message %+v has no id", m)
		}
		if item.Event == nil {
			continue
		}
		if item.Event.TenantID != item.TenantID {
			t.Fatalf("event of tenant %d in an item of %d", item.Event.TenantID, item.TenantID)
		}
		for _, raw := range [][]byte{item.Event.Payload, item.Event.Raw, item.Event.Body(true)} {
			var object map[string]json.RawMessage
			if err := json.Unmarshal(raw, &object); err != nil || !utf8.Valid(raw) {
				t.Fatalf("%q: valid UTF-8: %v, %v", raw, utf8.Valid(raw), err)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, raw); err != nil || !bytes.Equal(compact.Bytes(), raw) {
				t.Fatalf("%q is not compact (%v)", raw, err)
			}
			if bytes.ContainsRune(raw, 0) {
				t.Fatalf("%q has a NUL", raw)
			}
		}
	}
}

func TestExpectedCounts(t *testing.T) {
	tested := 0
	for line := range strings.Lines(string(read(t, "payloads/expected.txt"))) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var name, words string
		var want counts
		if n, err := fmt.Sscan(line, &name, &want.messages, &want.statuses, &want.templates, &words); n < 4 {
			t.Fatalf("%q: %v", line, err)
		}
		tested++
		in := Parse(read(t, "payloads/"+name), arrival, riyadh)
		if got := count(in); got != want {
			t.Errorf("%s leads to %+v, want %+v", name, got, want)
		}
		if words != "" {
			var got []string
			for _, p := range payloads(t, in) {
				got = append(got, fmt.Sprint(p["status"]))
			}
			if strings.Join(got, ",") != words {
				t.Errorf("%s: statuses %v, want %s", name, got, words)
			}
		}
	}
	if all := len(bodiesIn(t, "payloads")); tested != all {
		t.Errorf("%d of %d bodies tested", tested, all)
	}
}

// TestRawIsMetasObject compares raw with the element as the standard library reads it.
func TestRawIsMetasObject(t *testing.T) {
	for _, name := range append(bodiesIn(t, "payloads"), bodiesIn(t, "real")...) {
		body := read(t, name)
		var meta struct {
			Entry []struct {
				Changes []struct {
					Field string
					Value json.RawMessage
				}
			}
		}
		if json.Unmarshal(body, &meta) != nil {
			continue // entry is no array
		}
		elements := map[string]bool{}
		for _, e := range meta.Entry {
			for _, c := range e.Changes {
				var v struct{ Messages, Statuses []json.RawMessage }
				_ = json.Unmarshal(c.Value, &v)
				for _, raw := range append(append(v.Messages, v.Statuses...), c.Value) {
					elements[normal(t, raw)] = true
				}
			}
		}
		for _, item := range Parse(body, arrival, riyadh).Items {
			if item.Event != nil && !elements[normal(t, item.Event.Raw)] {
				t.Errorf("%s: raw is not in the body: %s", name, item.Event.Raw)
			}
		}
	}
}

func normal(t testing.TB, raw []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if len(raw) == 0 {
		return ""
	}
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
