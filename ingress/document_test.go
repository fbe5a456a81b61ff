package ingress

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestReadDocument(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{}`, `[]`, ` [ ] `, `{"a":1}`, `{"a" : [ 1 , {"b":null} ] }`, `{"a":1,}`, `[1,]`, `[,]`, `{,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{1:1}`,
		`1`, `-1`, `-`, `01`, `1.`, `.1`, `1.5e+3`, `1e`, `1e+`, `+1`, `-0`, `0x1`, `1 2`, `NaN`,
		`"a"`, `"a`, `"\n"`, `"\x"`, `"\u12"`, `"\u12G4"`, `"\uD83D"`, "\"a\nb\"", "\"\x00\"", "\"\xff\"", `"\`, `"\"`,
		`true`, `tru`, `false`, `null`, `nul`, `nullx`, `[true,false,null]`, `{"a":{"b":{"c":[[[]]]}}}`, `[[]`, `[]]`, "\ufeff{}",
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
		strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth), strings.Repeat("[", 4<<20),
	} {
		if _, ok := readDocument(text, nil); ok != json.Valid([]byte(text)) {
			t.Errorf("%.40q is valid: %t", text, ok)
		}
	}
}

func TestDocumentWalk(t *testing.T) {
	doc, ok := readDocument(` {"a": 1, "\u0062": [{"x":"y"}, 2, {}, [3]], "a": {"deep": [1, 2]}, "c": "d"} `, nil)
	if !ok {
		t.Fatal("not valid")
	}
	var names []string
	members(doc.root(), func(name string, v value) { names = append(names, name+"="+v.raw()) })
	if got, want := strings.Join(names, " "), `a=1 b=[{"x":"y"}, 2, {}, [3]] a={"deep": [1, 2]} c="d"`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := member(doc.root(), "a").raw(); got != `{"deep": [1, 2]}` {
		t.Errorf("of several members the last counts, not %s", got)
	}
	if v := member(doc.root(), "none"); v.kind() != absent || v.raw() != "" {
		t.Error("an absent member is absent")
	}
	n := 0
	elements(member(doc.root(), "b"), func(value) { n++ })
	elements(member(doc.root(), "c"), func(value) { n++ })
	elements(value{}, func(value) { n++ })
	if n != 2 {
		t.Errorf("%d objects, want 2", n)
	}
}

// The standard library decides what is JSON.
func FuzzReadDocument(f *testing.F) {
	for _, name := range bodiesIn(f, "own") {
		f.Add(string(read(f, name)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, ok := readDocument(text, nil)
		if want := json.Valid([]byte(text)); ok != want {
			t.Fatalf("valid: %t, want %t", ok, want)
		}
		if !ok {
			return
		}
		if int(doc.nodes[0].next) != len(doc.nodes) {
			t.Fatal("the root doesn't span the document")
		}
		for i, n := range doc.nodes {
			if n.start >= n.end || int(n.end) > len(text) || int(n.next) <= i || int(n.next) > len(doc.nodes) {
				t.Fatalf("node %d is %+v", i, n)
			}
		}
	})
}
