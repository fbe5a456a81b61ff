package ingress

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func handshake(mode, token, challenge string) string {
	return url.Values{"hub.mode": {mode}, "hub.verify_token": {token}, "hub.challenge": {challenge}}.Encode()
}

func (b *bench) handshake(query string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.Handshake(w, &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/api/webhooks/whatsapp", RawQuery: query},
		Header: http.Header{}, RemoteAddr: "192.0.2.1:1234",
	})
	return w
}

func TestHandshake(t *testing.T) {
	tests := []struct {
		name  string
		query string
		want  int
		body  string
	}{
		{"OK", handshake("subscribe", testToken, "1158201444"), 200, "1158201444"},
		{"AsMetaSendsIt", "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + testToken, 200, "1158201444"},
		{"AnyText", handshake("subscribe", testToken, `<b>&"é+%20`), 200, `<b>&"é+%20`},
		{"Longest", handshake("subscribe", testToken, strings.Repeat("x", 1024)), 200, strings.Repeat("x", 1024)},
		{"TooLong", handshake("subscribe", testToken, strings.Repeat("x", 1025)), 400, ""},
		{"LineBreak", handshake("subscribe", testToken, "a\r\nSet-Cookie: b"), 400, ""},
		{"NUL", handshake("subscribe", testToken, "a\x00"), 400, ""},
		{"Delete", handshake("subscribe", testToken, "a\x7f"), 400, ""},
		{"InvalidUTF8", handshake("subscribe", testToken, "a\xff"), 400, ""},
		{"WrongToken", handshake("subscribe", "x", "1"), 403, ""},
		{"TokenWithMore", handshake("subscribe", testToken+"x", "1"), 403, ""},
		{"TokenInOtherCase", handshake("subscribe", strings.ToUpper(testToken), "1"), 403, ""},
		{"WrongTokenAndChallenge", handshake("subscribe", "x", "a\x00"), 403, ""},
		{"WrongMode", handshake("unsubscribe", testToken, "1"), 403, ""},
		{"NoMode", "hub.verify_token=" + testToken + "&hub.challenge=1", 400, ""},
		{"NoToken", "hub.mode=subscribe&hub.challenge=1", 400, ""},
		{"NoChallenge", "hub.mode=subscribe&hub.verify_token=" + testToken, 400, ""},
		{"Underscores", "hub_mode=subscribe&hub_challenge=1&hub_verify_token=" + testToken, 400, ""},
		{"Nothing", "", 400, ""},
		{"MalformedQuery", handshake("subscribe", testToken, "1") + "&x=%zz", 400, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, withSecrets())
			w := b.handshake(test.query)
			if got := b.unaudited.handshakes.Load(); got != 0 != (test.want == http.StatusOK) {
				t.Errorf("%d handshakes are counted", got)
			}
			switch test.want {
			case http.StatusOK:
				if w.Code != test.want || w.Body.String() != test.body {
					t.Errorf("got %d %q", w.Code, w.Body)
				}
				if got := w.Header().Get("Content-Type"); got != "text/plain" {
					t.Errorf("Content-Type %q", got)
				}
				if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
					t.Errorf("X-Content-Type-Options %q", got)
				}
			case http.StatusForbidden:
				wantRefusal(t, w, test.want, "FORBIDDEN")
			default:
				wantRefusal(t, w, test.want, "BAD_REQUEST")
			}
		})
	}
}

func TestHandshakeWithoutToken(t *testing.T) {
	b := newBench(t, Config{})
	for _, token := range []string{"x", "<secret>"} {
		wantRefusal(t, b.handshake(handshake("subscribe", token, "1")), http.StatusForbidden, "FORBIDDEN")
	}
	wantRefusal(t, b.handshake(handshake("subscribe", "", "1")), http.StatusBadRequest, "BAD_REQUEST")
}

func TestHandshakeFollowsConfigure(t *testing.T) {
	b := newBench(t, Config{})
	b.Configure(withSecrets())
	if w := b.handshake(handshake("subscribe", testToken, "1")); w.Code != http.StatusOK {
		t.Errorf("got %d", w.Code)
	}
}

func TestHandshakeLog(t *testing.T) {
	b := newBench(t, withSecrets())
	for range 5 {
		b.handshake(handshake("subscribe", "wrong-token", "1"))
	}
	if got := b.log.lines("WARN"); len(got) != 1 || got[0]["remote"] != "192.0.2.1" {
		t.Errorf("log: %v", got)
	}
	b.advance(10 * time.Second)
	b.handshake(handshake("subscribe", "wrong-token", "1"))
	if got := b.log.lines("WARN"); len(got) != 2 || got[1]["suppressed"] != 4.0 {
		t.Errorf("log: %v", got)
	}
	if strings.Contains(b.log.String(), "wrong-token") {
		t.Error("a token that was tried is in the log")
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add(handshake("subscribe", testToken, "1158201444"))
	f.Add(handshake("subscribe", testToken, "a\x00"))
	f.Add("hub.mode=subscribe&hub.mode=x&hub.challenge=%ff&hub.verify_token=" + testToken)
	f.Fuzz(func(t *testing.T, query string) {
		w := newBench(t, withSecrets()).handshake(query)
		values, err := url.ParseQuery(query)
		switch w.Code {
		case http.StatusOK:
			if err != nil || values.Get("hub.mode") != "subscribe" || values.Get("hub.verify_token") != testToken ||
				w.Body.String() != values.Get("hub.challenge") || strings.ContainsAny(w.Body.String(), "\r\n\x00") {
				t.Errorf("answered %q to %q", w.Body, query)
			}
		case http.StatusForbidden, http.StatusBadRequest:
			if values.Get("hub.challenge") != "" && len(values.Get("hub.challenge")) > 40 && strings.Contains(w.Body.String(), values.Get("hub.challenge")) {
				t.Errorf("reflected %q", query)
			}
		default:
			t.Errorf("answered %d", w.Code)
		}
	})
}
