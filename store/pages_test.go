package store_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubeconnect/store"
)

// A page that is used can't be free, nor stand in two places: what is written next would overwrite it.
func TestPagesUsedTwice(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	o.acceptMany(300, "a")
	var copied bytes.Buffer
	o.ok(o.CopyTo(ctx(), &copied))
	pageSize := os.Getpagesize()
	page := func(content []byte, id uint64) []byte { return content[int(id)*pageSize:][:pageSize] }
	number := binary.NativeEndian.Uint64
	for name, damage := range map[string]func(content []byte, root, freelist uint64){
		"free and used": func(content []byte, root, freelist uint64) {
			list := page(content, freelist)
			binary.NativeEndian.PutUint16(list[10:], 1)
			binary.NativeEndian.PutUint64(list[16:], root)
		},
		"free twice": func(content []byte, _, freelist uint64) {
			list := page(content, freelist)
			binary.NativeEndian.PutUint16(list[10:], 2)
			copy(list[24:32], list[16:24])
		},
		"part of a page before it": func(content []byte, root, freelist uint64) {
			from, to := min(root, freelist), max(root, freelist)
			binary.NativeEndian.PutUint32(page(content, from)[12:], uint32(to-from))
		},
	} {
		t.Run(name, func(t *testing.T) {
			content := bytes.Clone(copied.Bytes())
			head := content[:pageSize]
			if other := content[pageSize : 2*pageSize]; number(other[64:]) > number(head[64:]) {
				head = other
			}
			damage(content, number(head[32:]), number(head[48:]))
			path := filepath.Join(t.TempDir(), "b.db")
			o.ok(os.WriteFile(path, content, 0o600))
			_, faults, err := store.Verify(path, ring)
			o.ok(err)
			if len(faults) != 1 || !strings.Contains(faults[0], "stands in two places") {
				t.Errorf("%q", faults)
			}
		})
	}
}
