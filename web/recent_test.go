package web

import "testing"

func TestRecent(t *testing.T) {
	r := NewRecent[string, int](3)
	check := func(want map[string]int) {
		t.Helper()
		if r.Len() != len(want) {
			t.Errorf("%d entries, want %d", r.Len(), len(want))
		}
		for _, key := range []string{"a", "b", "c", "d", "e"} {
			e, ok := r.entries[key] // Get would change the order
			if n, in := want[key]; ok != in || ok && e.Value.(*recentEntry[string, int]).value != n {
				t.Errorf("%s: there %t, want %v", key, ok, want)
			}
		}
	}
	if _, ok := r.Get("a"); ok {
		t.Error("an empty one has something")
	}
	r.Delete("a")
	r.Put("a", 1)
	r.Put("b", 2)
	r.Put("c", 3)
	check(map[string]int{"a": 1, "b": 2, "c": 3})
	r.Put("d", 4)
	check(map[string]int{"b": 2, "c": 3, "d": 4})
	if n, ok := r.Get("b"); !ok || n != 2 {
		t.Errorf("b is %d, %t", n, ok)
	}
	r.Put("c", 5)
	r.Put("e", 6)
	check(map[string]int{"b": 2, "c": 5, "e": 6})
	r.Delete("c")
	r.Put("a", 7)
	check(map[string]int{"a": 7, "b": 2, "e": 6})
}
