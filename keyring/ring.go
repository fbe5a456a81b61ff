package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrUnknownKey says that the key that a value was sealed with is not in the ring.
var ErrUnknownKey = errors.New("the key is not in the ring")

// ErrSealed says that a value does not open: it is damaged, or was sealed under another name.
var ErrSealed = errors.New("the sealed value is damaged, or belongs elsewhere")

// ID names a key. It is made of the key, which can't be found from it.
type ID [4]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes the id as [ID.String] does.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads what [ID.MarshalText] has written.
func (id *ID) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(id) {
		return fmt.Errorf("%q is no id of a master key", text)
	}
	*id = ID(b)
	return nil
}

// Key is what may be told of a key.
type Key struct {
	ID        ID        `json:"id"`
	CreatedAt time.Time `json:"created_at"`
}

// Ring holds the master keys. It may be used by several goroutines at once.
type Ring struct {
	path       string // of its file; empty: it is in memory only
	credential bool   // the file is systemd's, and can't be changed

	changing sync.Mutex            // held while the file is changed
	keys     atomic.Pointer[[]key] // oldest first, never empty, never changed once it is here
}

type key struct {
	Key
	secret [chacha20poly1305.KeySize]byte
	aead   cipher.AEAD
}

// New makes a ring of one new key, which is gone when the process ends.
func New(now time.Time) *Ring {
	return newRing("", false, []key{newKey(now)})
}

func newRing(path string, credential bool, keys []key) *Ring {
	r := &Ring{path: path, credential: credential}
	r.keys.Store(&keys)
	return r
}

func newKey(now time.Time) key {
	var secret [chacha20poly1305.KeySize]byte
	_, _ = rand.Read(secret[:]) // never fails: crypto/rand ends the program instead
	return keyOf(secret, now)
}

func keyOf(secret [chacha20poly1305.KeySize]byte, createdAt time.Time) key {
	sum := sha256.Sum256(append([]byte("cubeconnect key id\n"), secret[:]...))
	aead, err := chacha20poly1305.NewX(secret[:])
	if err != nil {
		panic(err) // its only complaint is about another length
	}
	return key{Key{ID(sum[:4]), createdAt.UTC().Truncate(time.Second)}, secret, aead}
}

// Path returns the name of the ring's file. Empty: it has none.
func (r *Ring) Path() string { return r.path }

// Keys lists the keys, oldest first. The last one is what seals.
func (r *Ring) Keys() (keys []Key) {
	for _, k := range *r.keys.Load() {
		keys = append(keys, k.Key)
	}
	return keys
}

// Current returns the key that seals.
func (r *Ring) Current() ID { return r.current().ID }

func (r *Ring) current() *key {
	keys := *r.keys.Load()
	return &keys[len(keys)-1]
}

// Has reports whether the ring has a key.
func (r *Ring) Has(id ID) bool { return r.find(id) != nil }

func (r *Ring) find(id ID) *key {
	keys := *r.keys.Load()
	if i := slices.IndexFunc(keys, func(k key) bool { return k.ID == id }); i >= 0 {
		return &keys[i]
	}
	return nil
}

// String says nothing of the keys.
func (r *Ring) String() string { return "<keyring>" }

// Format keeps every verb of fmt from printing a key.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
