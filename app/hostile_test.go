package app_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestHostileBodies(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	wrap := func(element string) []byte {
		return []byte(`{"object":"whatsapp_business_account","entry":[{"id":"` + waba1 + `","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"` + phone1 + `"},"messages":[` + element + `]}}]}]}`)
	}
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	message := func(id, more string) string {
		return `{"from":"1","id":"` + id + `","timestamp":"1794821400","type":"text","text":{"body":"x"}` + more + `}`
	}
	manyObjects := []byte(`{"object":"whatsapp_business_account","entry":[` + strings.Repeat("{},", 1_398_000) + `{}]}`)
	if len(manyObjects) > 4<<20 {
		t.Fatal("too large")
	}
	for _, c := range []struct {
		name   string
		body   []byte
		events int // that it leads to
	}{
		{"truncated in a string", body(t, "message-text")[:500], 0},
		{"10,000 levels of arrays", []byte(deep("[", "]", 10_000)), 0},
		{"10,000 levels of objects", []byte(strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)), 0},
		{"a million levels", []byte(strings.Repeat("[", 1_000_000)), 0},
		{"10,000 levels inside a message", wrap(message("wamid.deep", `,"x":`+deep("[", "]", 10_001))), 0},
		{"1,000 levels inside a message", wrap(message("wamid.deep2", `,"x":`+deep("[", "]", 1_000))), 1},
		{"huge numbers", wrap(`{"id":"wamid.huge","from":1e999999,"timestamp":` + strings.Repeat("9", 5000) + `,"type":"location","location":{"latitude":-1e400,"longitude":` + strings.Repeat("1", 1000) + `}}`), 1},
		{"timestamps that are none", wrap(`{"id":"wamid.time1","from":"1","timestamp":"-99999999999999999999","type":"text"},{"id":"wamid.time2","from":"1","timestamp":"NaN"},{"id":"wamid.time3","timestamp":{}},{"id":"wamid.time4","timestamp":"253402300800"}`), 4},
		{"duplicate keys", wrap(message("wamid.first", `,"id":"wamid.last","text":{"body":"y"}`)), 1},
		{"invalid UTF-8", wrap(message("wamid.utf8", `,"type":"text","text":{"body":"`+"\xff\xfe\xc0\xaf"+`"}`)), 1},
		{"half a surrogate pair", wrap(message("wamid.surrogate", `,"text":{"body":"\ud800"}`)), 1},
		{"NUL bytes", wrap(message("wamid.nul", `,"text":{"body":"a\u0000b"}`)), 1},
		{"raw NUL bytes", wrap(message("wamid.rawnul", `,"text":{"body":"`+"a\x00b"+`"}`)), 0},
		{"elements that are no objects", wrap(`null,1,"x",[],true,[{}],` + message("wamid.among", "")), 1},
		{"elements without an id", wrap(`{},{"id":""},{"id":null},{"id":{}},{"type":"text"},` + message("wamid.withid", "")), 1},
		{"entry is an object", []byte(`{"object":"whatsapp_business_account","entry":{"id":"` + waba1 + `"}}`), 0},
		{"changes is a string", []byte(`{"object":"whatsapp_business_account","entry":[{"id":"` + waba1 + `","changes":"x"},null,1]}`), 0},
		{"value is null", webhookOf(change{waba: waba1, field: "messages"}), 0},
		{"4 MiB of empty objects", manyObjects, 0},
		{"an id of 100 KB", wrap(message("wamid."+strings.Repeat("x", 100_000), "")), -1},
		{"a text of 1 MB", wrap(`{"id":"wamid.long","from":"1","type":"text","text":{"body":"` + strings.Repeat("é", 500_000) + `"}}`), 1},
		{"a type of 100 KB", wrap(`{"id":"wamid.type","from":"1","type":"` + strings.Repeat("t", 100_000) + `"}`), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := a.post(c.body); r.status != 200 {
				t.Fatalf("%d %s", r.status, r.raw)
			}
			if got := a.list("/audit?limit=1")[0]["event_ids"].([]any); c.events >= 0 && len(got) != c.events {
				t.Errorf("%d events, want %d", len(got), c.events)
			}
			if r := a.request("GET", a.public+"/api/health", nil); r.status != 200 {
				t.Errorf("health afterwards: %d %s", r.status, r.raw)
			}
		})
	}
	// What went out is JSON in UTF-8 whatever came in, and all of it arrived.
	events := n.events()
	for _, d := range n.ended(len(events)) {
		if d["status"] != "succeeded" {
			t.Errorf("delivery %s: %s", d["id"], d["status"])
		}
	}
	for _, name := range []string{"wamid.last", "wamid.nul", "wamid.utf8"} {
		found := false
		for _, e := range events {
			found = found || e["payload"].(object)["wa_message_id"] == name
		}
		if !found {
			t.Errorf("no event of %s", name)
		}
	}
}

func TestBodyThatIsCutShort(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := body(t, "message-text")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(a.public, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-Hub-Signature-256: %s\r\n\r\n%s", webhookPath, len(b), hub(appSecret, b), b[:len(b)/2])
	conn.Close()
	eventually(t, func() error {
		if got := a.metrics().value(`cubeconnect_inbound_requests_total{outcome="bad_request"}`); got != 1 {
			return fmt.Errorf("%v bad requests", got)
		}
		return nil
	})
	a.meta(b) // the whole of it is no repeat
	if got := a.list("/audit"); len(got) != 1 || got[0]["outcome"] != "unrouted" {
		t.Errorf("audit: %s", encoded(got))
	}
}
