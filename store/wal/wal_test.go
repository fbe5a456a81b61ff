package wal_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"cubeconnect/store/wal"
)

var id, other = wal.ID{1}, wal.ID{2}

const header = 4096

func create(t testing.TB, last uint64) (path string, l *wal.Log) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "cubeconnect.db")
	l, err := wal.Create(path, id, last)
	if err != nil {
		t.Fatal(err)
	}
	return path, l
}

func add(t testing.TB, l *wal.Log, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := l.Append(func(b []byte) []byte { return append(b, p...) }); err != nil {
			t.Fatal(err)
		}
	}
}

func rotate(t testing.TB, l *wal.Log) {
	t.Helper()
	if err := l.Rotate(false); err != nil {
		t.Fatal(err)
	}
}

func replay(path string, id, previous wal.ID, applied uint64) (got []string, last uint64, err error) {
	last, err = wal.Replay(path, id, previous, applied, func(p []byte) error {
		got = append(got, string(p))
		return nil
	})
	return got, last, err
}

func wants(t testing.TB, path string, applied uint64, want ...string) {
	t.Helper()
	got, last, err := replay(path, id, wal.ID{}, applied)
	if err != nil || !slices.Equal(got, want) || last != applied+uint64(len(want)) {
		t.Errorf("after %d: %d records up to %d, %v; want %d", applied, len(got), last, err, len(want))
	}
}

func TestReplay(t *testing.T) {
	path, l := create(t, 7)
	wants(t, path, 7)
	add(t, l, "a", "", "c")
	wants(t, path, 7, "a", "", "c")
	wants(t, path, 9, "c")
	rotate(t, l)
	add(t, l, "d")
	wants(t, path, 7, "a", "", "c", "d")
	wants(t, path, 10, "d")
	rotate(t, l) // those in the first file are done with
	add(t, l, "a longer one than there was")
	wants(t, path, 10, "d", "a longer one than there was")
	if l.Last() != 12 {
		t.Errorf("last %d", l.Last())
	}
	if err := l.Remove(); err != nil || wal.Exists(path) {
		t.Error("it is still there", err)
	}
	wants(t, path, 12)
}

// What a process left behind when it was killed is what the next one goes on from.
func TestOpen(t *testing.T) {
	for _, rotations := range []int{0, 1, 2, 3} {
		path, l := create(t, 0)
		var all []string
		applied := uint64(0)
		for i := range rotations {
			applied = uint64(len(all))
			all = append(all, fmt.Sprint("before ", i))
			add(t, l, all[len(all)-1])
			rotate(t, l)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			l, err := wal.Open(path, id, applied)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprint("after ", i))
			add(t, l, all[len(all)-1])
			wants(t, path, applied, all[applied:]...)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Wherever the last record is cut or changed, those before it are there, and it isn't.
func TestTorn(t *testing.T) {
	path, l := create(t, 0)
	add(t, l, "first", "second", strings.Repeat("last", 10))
	name := wal.Names(path)[0]
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	begin := header + 2*16 + len("firstsecond")
	for at := begin; at < begin+16+40; at++ {
		for what, torn := range map[string][]byte{
			"cut":     whole[:at],
			"zeros":   append(bytes.Clone(whole[:at]), make([]byte, len(whole)-at)...),
			"changed": slices.Concat(whole[:at], []byte{whole[at] ^ 0x10}, whole[at+1:]),
		} {
			if what == "zeros" && bytes.Equal(torn, whole) {
				continue
			}
			if err := os.WriteFile(name, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, _, err := replay(path, id, wal.ID{}, 0); err != nil || !slices.Equal(got, []string{"first", "second"}) {
				t.Fatalf("%s at %d: %q, %v", what, at, got, err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	path, l := create(t, 0)
	add(t, l, "a", "b")
	rotate(t, l)
	add(t, l, "c")
	names := wal.Names(path)
	for name, c := range map[string]struct {
		id, previous wal.ID
		damage       func() error
		want         string
	}{
		"another database": {id: other, want: "of another database file"},
		"a gap": {id: id, want: "after record 1 comes 3", damage: func() error {
			return flip(names[0], header+16+1+16)
		}},
		"no log": {id: id, want: "no write-ahead log of CubeConnect", damage: func() error { return flip(names[0], 0) }},
		"short":  {id: id, want: "no write-ahead log of CubeConnect", damage: func() error { return os.Truncate(names[0], 100) }},
	} {
		t.Run(name, func(t *testing.T) {
			before, err := os.ReadFile(names[0])
			if err != nil {
				t.Fatal(err)
			}
			if c.damage != nil {
				if err := c.damage(); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := replay(path, c.id, c.previous, 0); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err := os.WriteFile(names[0], before, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	got, _, err := replay(path, other, id, 5)
	if err != nil || len(got) > 0 {
		t.Errorf("one that is done with: %q, %v", got, err)
	}
	if err := wal.Discard(path, other); err != nil || !wal.Exists(path) {
		t.Error("another log was discarded", err)
	}
	if err := wal.Discard(path, id); err != nil || wal.Exists(path) {
		t.Error("it wasn't discarded", err)
	}
}

func flip(name string, at int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b, at)
	return err
}

// A record that finds no room doesn't count, and those after it do.
func TestNoRoom(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	path, l := create(t, 0)
	add(t, l, "a")
	small := limit
	small.Cur = 2 << 20
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	large := func(b []byte) []byte { return append(b, make([]byte, 3<<20)...) }
	err := l.Append(large)
	rotating := l.Rotate(false)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err == nil || rotating != nil {
		t.Fatalf("append: %v, rotate: %v", err, rotating)
	}
	add(t, l, "b")
	wants(t, path, 0, "a", "b")
	if err := l.Append(large); err != nil {
		t.Fatal(err)
	}
	add(t, l, "d")
	wants(t, path, 3, "d")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// However a log was used, it has what was added and not yet applied.
func TestRandomUse(t *testing.T) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		path, l := create(t, 0)
		var all []string
		applied, frozen := 0, 0
		for range 60 {
			switch rnd.IntN(8) {
			case 0:
				applied = frozen // what the other file has was moved
				frozen = len(all)
				rotate(t, l)
			case 1:
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				wants(t, path, uint64(applied), all[applied:]...)
				var err error
				if l, err = wal.Open(path, id, uint64(applied)); err != nil {
					t.Fatal(err)
				}
				applied, frozen = len(all), len(all) // and then all of it
				rotate(t, l)
			default:
				p := strings.Repeat("x", rnd.IntN(5000)) + fmt.Sprint(len(all))
				all = append(all, p)
				add(t, l, p)
			}
			wants(t, path, uint64(applied), all[applied:]...)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzReplay(f *testing.F) {
	path, l := create(f, 0)
	add(f, l, "a", "bb", strings.Repeat("c", 300))
	b, err := os.ReadFile(wal.Names(path)[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[header:header+400], b[header:header+100])
	f.Add(b[header:header+40], []byte{})
	f.Add([]byte{}, bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for i, content := range [][]byte{first, second} {
			if err := os.WriteFile(wal.Names(path)[i], slices.Concat(b[:header], content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, last, err := replay(path, id, wal.ID{}, 0)
		if err != nil {
			return
		}
		if last != uint64(len(got)) {
			t.Errorf("%d records up to %d", len(got), last)
		}
		l, err := wal.Open(path, id, 0)
		if err != nil {
			t.Fatal(err)
		}
		add(t, l, "next")
		wants(t, path, 0, append(got, "next")...)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			_, l := create(b, 0)
			defer l.Close()
			payload := make([]byte, size)
			b.SetBytes(int64(size))
			for i := 0; b.Loop(); i++ {
				if i%1000 == 999 {
					if err := l.Rotate(false); err != nil {
						b.Fatal(err)
					}
				}
				if err := l.Append(func(to []byte) []byte { return append(to, payload...) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A log whose files are wiped as they are begun anew has no remains of what it held, and goes on.
func TestWipe(t *testing.T) {
	t.Parallel()
	path, l := create(t, 0)
	const old, kept = "what was", "what is"
	for range 3 { // both files have some
		add(t, l, old, old, old)
		rotate(t, l)
	}
	applied := l.Last()
	for range 2 {
		if err := l.Rotate(true); err != nil {
			t.Fatal(err)
		}
		add(t, l, kept)
	}
	for _, name := range wal.Names(path) {
		if b, err := os.ReadFile(name); err != nil || bytes.Contains(b, []byte(old)) || !bytes.Contains(b, []byte(kept)) {
			t.Errorf("%s has remains: %t, %v", name, bytes.Contains(b, []byte(old)), err)
		}
	}
	wants(t, path, applied, kept, kept)
}
