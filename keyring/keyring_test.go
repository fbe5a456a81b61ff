package keyring_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cubeconnect/keyring"
)

var begun = time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)

const place, value = "endpoints/3/secret", "whsec_aHVudGVyMg=="

func opens(t *testing.T, r *keyring.Ring, sealed []byte) {
	t.Helper()
	got, err := r.Open(place, sealed)
	if err != nil || string(got) != value {
		t.Errorf("opens to %q, %v", got, err)
	}
}

func refuses(t *testing.T, r *keyring.Ring, name string, sealed []byte, want error) {
	t.Helper()
	if got, err := r.Open(name, sealed); !errors.Is(err, want) || got != nil {
		t.Errorf("opens to %q, %v; want %v", got, err, want)
	}
}

func TestSeal(t *testing.T) {
	r := keyring.New(begun)
	sealed := r.Seal(place, []byte(value))
	opens(t, r, sealed)
	if bytes.Contains(sealed, []byte(value)) || len(sealed) != len(value)+keyring.Overhead {
		t.Errorf("sealed as %q", sealed)
	}
	if again := r.Seal(place, []byte(value)); bytes.Equal(again, sealed) {
		t.Error("what is sealed twice looks the same")
	}
	if id, ok := keyring.SealedWith(sealed); !ok || id != r.Current() {
		t.Errorf("sealed with %s (%t), not %s", id, ok, r.Current())
	}
	if empty, err := r.Open(place, r.Seal(place, nil)); err != nil || len(empty) != 0 {
		t.Errorf("nothing opens to %q, %v", empty, err)
	}
	for _, elsewhere := range []string{"", "endpoints/3/old_secret", "endpoints/33/secret", "accounts/3/secret"} {
		refuses(t, r, elsewhere, sealed, keyring.ErrSealed)
	}
	for n := range sealed {
		refuses(t, r, place, sealed[:n], keyring.ErrSealed)
		flipped := bytes.Clone(sealed)
		flipped[n] ^= 0x40
		if got, err := r.Open(place, flipped); err == nil {
			t.Errorf("with byte %d changed it opens to %q", n, got)
		}
	}
	refuses(t, r, place, append(bytes.Clone(sealed), 0), keyring.ErrSealed)
	refuses(t, keyring.New(begun), place, sealed, keyring.ErrUnknownKey)
}

func newFile(t *testing.T) (path string, r *keyring.Ring) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "master.key")
	r, err := keyring.Create(path, begun)
	if err != nil {
		t.Fatal(err)
	}
	return path, r
}

func load(t *testing.T, path string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// alone checks that the file is for its owner, and that nothing lies beside it.
func alone(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode() != mode {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("the folder holds %v, %v", all, err)
	}
}

func TestFile(t *testing.T) {
	path, r := newFile(t)
	alone(t, path, 0o600)
	sealed := r.Seal(place, []byte(value))
	opens(t, load(t, path), sealed)
	if got := load(t, path).Keys(); !slices.Equal(got, r.Keys()) || !got[0].CreatedAt.Equal(begun) {
		t.Errorf("keys %v, not %v", got, r.Keys())
	}
	was := content(t, path)
	if _, err := keyring.Create(path, begun); !errors.Is(err, os.ErrExist) || !bytes.Equal(content(t, path), was) {
		t.Errorf("made again: %v", err)
	}
	if _, err := keyring.Load(path + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("one that is missing: %v", err)
	}
	if _, err := keyring.Create(filepath.Join(t.TempDir(), "none", "master.key"), begun); err == nil {
		t.Error("a file in a folder that isn't there")
	}
}

func TestRotate(t *testing.T) {
	path, r := newFile(t)
	first := r.Seal(place, []byte(value))
	made, err := r.Rotate(begun.Add(time.Hour))
	if err != nil || made.ID != r.Current() || !made.CreatedAt.Equal(begun.Add(time.Hour)) {
		t.Fatalf("%v, %v", made, err)
	}
	alone(t, path, 0o600)
	second := r.Seal(place, []byte(value))
	if id, _ := keyring.SealedWith(second); id != made.ID {
		t.Errorf("the new key doesn't seal, %s does", id)
	}
	for _, ring := range []*keyring.Ring{r, load(t, path)} {
		opens(t, ring, first)
		opens(t, ring, second)
		if ring.Current() != made.ID || len(ring.Keys()) != 2 {
			t.Errorf("keys %v", ring.Keys())
		}
	}
	id, _ := keyring.SealedWith(first)
	if gone, err := r.Prune(func(keyring.ID) bool { return true }); err != nil || len(gone) != 0 {
		t.Errorf("removed %v, %v", gone, err)
	}
	gone, err := r.Prune(func(keyring.ID) bool { return false })
	if err != nil || len(gone) != 1 || gone[0].ID != id {
		t.Errorf("removed %v, %v", gone, err)
	}
	alone(t, path, 0o600)
	for _, ring := range []*keyring.Ring{r, load(t, path)} {
		refuses(t, ring, place, first, keyring.ErrUnknownKey)
		opens(t, ring, second)
	}
}

// Of a link the file behind it is changed, and rights that are narrower stay so.
func TestRotateBehindLink(t *testing.T) {
	path, _ := newFile(t)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.key")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	r := load(t, link)
	if _, err := r.Rotate(begun); err != nil {
		t.Fatal(err)
	}
	alone(t, path, 0o400)
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info.Mode(), err)
	}
	if len(load(t, path).Keys()) != 2 {
		t.Error("the file has no new key")
	}
}

// The name that is brought to disk is that of the file, also where a link leads to it. A ring without one has none.
func TestSyncName(t *testing.T) {
	path, _ := newFile(t)
	link := filepath.Join(t.TempDir(), "link.key")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	r := load(t, link)
	if err := errors.Join(r.SyncName(), keyring.New(begun).SyncName()); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := r.SyncName(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is gone: %v", err)
	}
}

// Wherever a rotation is killed, the file has the keys it had, and can be rotated again.
func TestRotateKilled(t *testing.T) {
	path, r := newFile(t)
	old := content(t, path)
	sealed := r.Seal(place, []byte(value))
	if _, err := r.Rotate(begun); err != nil {
		t.Fatal(err)
	}
	next := content(t, path)
	for _, c := range []struct{ file, beside []byte }{
		{old, nil}, {old, []byte{}}, {old, next[:1]}, {old, next[:len(next)/2]}, {old, next[:len(next)-1]}, {old, next}, {next, nil},
	} {
		path := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		if c.beside != nil {
			if err := os.WriteFile(path+".new", c.beside, 0o400); err != nil {
				t.Fatal(err)
			}
		}
		r := load(t, path)
		opens(t, r, sealed)
		if _, err := r.Rotate(begun); err != nil {
			t.Fatal(err)
		}
		opens(t, load(t, path), sealed)
		alone(t, path, 0o600)
	}
}

func TestRotateFails(t *testing.T) {
	t.Run("Credential", func(t *testing.T) {
		path, _ := newFile(t)
		if err := os.Chmod(path, 0o440); err != nil {
			t.Fatal(err)
		}
		r, err := keyring.LoadCredential(path)
		if err != nil {
			t.Fatal(err)
		}
		was := content(t, path)
		if _, err := r.Rotate(begun); !errors.Is(err, keyring.ErrReadOnly) || !bytes.Equal(content(t, path), was) || len(r.Keys()) != 1 {
			t.Errorf("%v, keys %v", err, r.Keys())
		}
	})
	t.Run("Changed", func(t *testing.T) {
		path, r := newFile(t)
		if _, err := load(t, path).Rotate(begun); err != nil {
			t.Fatal(err)
		}
		was := content(t, path)
		if _, err := r.Rotate(begun); err == nil || !strings.Contains(err.Error(), "was changed since it was read") || !bytes.Equal(content(t, path), was) || len(r.Keys()) != 1 {
			t.Errorf("%v, keys %v", err, r.Keys())
		}
	})
	t.Run("Missing", func(t *testing.T) {
		path, r := newFile(t)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Rotate(begun); !errors.Is(err, os.ErrNotExist) || len(r.Keys()) != 1 {
			t.Errorf("%v, keys %v", err, r.Keys())
		}
	})
}

func TestRefusedFiles(t *testing.T) {
	path, _ := newFile(t)
	good := string(content(t, path))
	lines := strings.SplitAfter(good, "\n")
	keyLine := lines[3]
	secret := strings.Fields(keyLine)[2]
	_, other := newFile(t)
	otherKey := strings.SplitAfter(string(content(t, other.Path())), "\n")[3]
	const (
		foreign = "is no file of CubeConnect's master keys"
		short   = "is cut short"
		damaged = "is damaged in line 4"
	)
	replaced := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	for _, c := range []struct{ name, content, want string }{
		{"empty", "", short},
		{"without its end", strings.TrimSuffix(good, "end\n"), short},
		{"within its end", strings.TrimSuffix(good, "d\n"), damaged[:len(damaged)-1] + "5"},
		{"within a key", good[:strings.Index(good, secret)+20], damaged},
		{"within its title", good[:strings.Index(good, lines[2])+9], short},
		{"within its remark", good[:20], short},
		{"without a key", replaced(keyLine, ""), "has no key in it"},
		{"a key twice", replaced(keyLine, keyLine+otherKey+keyLine), "has the key " + keyLine[:8] + " twice, the second time in line 6"},
		{"another id", replaced(keyLine[:8], "00000000"), damaged},
		{"another key", replaced(secret, strings.Fields(otherKey)[2]), damaged},
		{"a short key", replaced(secret, secret[4:]), damaged},
		{"no time", replaced("2026-03-10T11:30:00Z", "yesterday"), damaged},
		{"a word more", replaced(secret, secret+" x"), damaged},
		{"a later form", replaced("keys-1", "keys-2"), "was written by a newer CubeConnect"},
		{"something else", "-----BEGIN PRIVATE KEY-----\n", foreign},
		{"another program's", "# a remark\n", foreign},
		{"zeros", strings.Repeat("\x00", 4096), foreign},
		{"large", good + strings.Repeat("\n", 64<<10), foreign},
		{"a bare key", secret + "\n", foreign},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad.key")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := keyring.Load(path)
			if err == nil || !strings.Contains(err.Error(), path+" "+c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), secret[:8]) {
				t.Errorf("it shows a key: %v", err)
			}
		})
	}
	for _, same := range []string{strings.ReplaceAll(good, "\n", "\r\n"), strings.Join(lines[2:], ""), strings.TrimSuffix(good, "\n"), good + "\n"} {
		if err := os.WriteFile(path, []byte(same), 0o600); err != nil {
			t.Fatal(err)
		}
		load(t, path)
	}
}

func TestRights(t *testing.T) {
	path, _ := newFile(t)
	for _, c := range []struct {
		mode                os.FileMode
		refused, credential bool
	}{
		{0o600, false, false}, {0o400, false, false}, {0o700, false, false}, {0o640, true, false}, {0o604, true, true}, {0o620, true, false}, {0o610, true, false}, {0o666, true, true}, {0o440, true, false}, {0o444, true, true},
	} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := keyring.Load(path)
		if (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("%04o: %v", c.mode, err)
		}
		if _, err := keyring.LoadCredential(path); (err != nil) != c.credential {
			t.Errorf("%04o among credentials: %v", c.mode, err)
		}
	}
	if _, err := keyring.Load(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestRingNeverPrints(t *testing.T) {
	path, r := newFile(t)
	secret := strings.Fields(strings.Split(string(content(t, path)), "\n")[3])[2]
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	inside := struct {
		Ring   *keyring.Ring
		hidden *keyring.Ring
	}{r, r}
	var printed bytes.Buffer
	for _, thing := range []any{r, inside, &inside, []*keyring.Ring{r}, r.Keys()} {
		for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "p"} {
			fmt.Fprintf(&printed, "%"+verb+"\n", thing)
		}
		slog.New(slog.NewTextHandler(&printed, nil)).Info("said", "thing", thing)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("said", "thing", thing)
		if err := json.NewEncoder(&printed).Encode(thing); err != nil {
			t.Error(err)
		}
	}
	decimal := strings.Trim(fmt.Sprint(raw), "[]")
	for _, form := range []string{secret[:40], string(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), decimal, strings.ReplaceAll(decimal, " ", ",")} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("a key was printed: %s", printed.String())
		}
	}
}

// Many seal and open while the ring is rotated.
func TestConcurrently(t *testing.T) {
	_, r := newFile(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				opens(t, r, r.Seal(place, []byte(value)))
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for range 5 {
				if _, err := r.Rotate(begun); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if len(r.Keys()) != 11 || !slices.Equal(load(t, r.Path()).Keys(), r.Keys()) {
		t.Errorf("keys %v", r.Keys())
	}
}
