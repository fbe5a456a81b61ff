package ingress

import (
	"encoding/json"
	"testing"
)

// TestUnquote compares with the standard library, which reads strings the same way but for runs of
// invalid bytes.
func TestUnquote(t *testing.T) {
	for _, token := range []string{
		`""`, `"plain"`, `"\"\\\/\b\f\n\r\t"`, `"\u00e4\u00C4\u0000\uFFFD\uffff"`, `"\ud83d\ude00 \uD83D\uDE00"`,
		`"\ud83d"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ud83d\ud83d\ude00"`, `"\ude00\ud83d"`,
		`"a\\"`, `"\\u0041"`, `"ä😀"`, "\"\xff\"", "\"\\u00e4\xff\"",
	} {
		var want string
		if err := json.Unmarshal([]byte(token), &want); err != nil {
			t.Fatal(err)
		}
		if got := unquote(token); got != want {
			t.Errorf("%s is %q, want %q", token, got, want)
		}
	}
}

func TestAppendQuoted(t *testing.T) {
	var all []rune
	for r := rune(0); r < 0x250; r++ {
		all = append(all, r)
	}
	s := string(all) + "\u2028\u2029😀"
	quoted := appendQuoted(nil, s)
	var got string
	if err := json.Unmarshal(quoted, &got); err != nil || got != s {
		t.Errorf("%s: %v", quoted, err)
	}
	if got := string(appendQuoted(nil, "<a href=\"x\">&</a>\n\x00\x7f")); got != `"<a href=\"x\">&</a>\n\u0000`+"\x7f\"" {
		t.Errorf("got %s", got)
	}
}

func TestAppendCompact(t *testing.T) {
	tests := map[string]string{
		` { "a" : [ 1 , 2.50 , -0e+1 ] , "b c" : { } , "d":null,"a":true } `: `{"a":[1,2.50,-0e+1],"b c":{},"d":null,"a":true}`,
		`{"\u00e4\/ \"":"\ud83d\ude00 \ud83d \u0000 \t"}`:                    `{"ä/ \"":"😀 ` + "\uFFFD" + ` \u0000 \t"}`,
		"\t\"\xff a\"\r\n": "\"\uFFFD a\"",
		`"ä  \\"`:          `"ä  \\"`,
	}
	for from, want := range tests {
		if got := string(appendCompact(nil, from)); got != want {
			t.Errorf("%q is %s, want %s", from, got, want)
		}
	}
}

func TestIdentifier(t *testing.T) {
	tests := map[string]string{
		`"a"`: "a", `""`: "", `"\u0061"`: "a", `9007199254740993`: "9007199254740993", `-1`: "-1",
		`1.5`: "", `1e3`: "", `1E3`: "", `true`: "", `null`: "", `{}`: "", `["a"]`: "",
	}
	for from, want := range tests {
		doc, ok := readDocument(from, nil)
		if got := identifier(doc.root()); got != want || !ok {
			t.Errorf("%s is %q, want %q", from, got, want)
		}
	}
}
