package keyring

import (
	"crypto/rand"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed value. The nonce is random: 24 bytes are enough for that to be unique whatever is sealed.
//
//	| version | key id | nonce | ciphertext and tag   |
//	| 1       | 4      | 24    | of the plaintext, 16 |
const (
	version = 1
	head    = 1 + len(ID{})
	// Overhead is how many bytes longer than its plaintext a sealed value is.
	Overhead = head + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

// Seal encrypts a value with the newest key. It opens under the same name only: name the place that it is
// kept at, such as "endpoints/3/secret".
func (r *Ring) Seal(name string, plaintext []byte) []byte {
	k := r.current()
	sealed := make([]byte, head+chacha20poly1305.NonceSizeX, len(plaintext)+Overhead)
	sealed[0] = version
	copy(sealed[1:], k.ID[:])
	nonce := sealed[head:]
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	return k.aead.Seal(sealed, nonce, plaintext, bind(sealed[:head], name))
}

// Open decrypts what [Ring.Seal] made under this name. The error wraps [ErrUnknownKey] or [ErrSealed].
func (r *Ring) Open(name string, sealed []byte) ([]byte, error) {
	id, ok := SealedWith(sealed)
	if !ok {
		return nil, ErrSealed
	}
	k := r.find(id)
	if k == nil {
		return nil, fmt.Errorf("sealed with key %s: %w", id, ErrUnknownKey)
	}
	rest := sealed[head:]
	plaintext, err := k.aead.Open(nil, rest[:chacha20poly1305.NonceSizeX], rest[chacha20poly1305.NonceSizeX:], bind(sealed[:head], name))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// SealedWith returns the key that a value was sealed with. It is not ok if that can't be a sealed value.
func SealedWith(sealed []byte) (id ID, ok bool) {
	if len(sealed) < Overhead || sealed[0] != version {
		return id, false
	}
	return ID(sealed[1:head]), true
}

// bind returns what a sealed value is tied to beside its key.
func bind(head []byte, name string) []byte {
	return append(append(make([]byte, 0, len(head)+len(name)), head...), name...)
}
