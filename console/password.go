package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"cubeconnect/webhook"
)

// Bounds of a password.
const (
	MinPassword = 10   // characters; of which kind is everybody's own affair
	MaxPassword = 1024 // bytes: more is no password, and costs time to hash
)

// The cost of argon2id: what OWASP recommends, about 60 ms.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// CheckPassword says what is wrong with a new password.
func CheckPassword(password string) webhook.FieldErrors {
	faults := webhook.FieldErrors{}
	if n := utf8.RuneCountInString(password); n < MinPassword {
		faults.Add("password", "must have at least %d characters", MinPassword)
	}
	if len(password) > MaxPassword {
		faults.Add("password", "must have at most %d characters", MaxPassword)
	}
	return faults
}

// HashPassword returns the hash of a password as a PHC string.
func HashPassword(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program instead
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// matches reports whether a PHC string is a password's. The error says that the string is none of ours.
func matches(phc, password string) (bool, error) {
	var version, memory, time, threads uint32
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, errHash
	}
	_, err1 := fmt.Sscanf(parts[2], "v=%d", &version)
	_, err2 := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads)
	salt, err3 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err4 := base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return false, fmt.Errorf("%w: %w", errHash, err)
	}
	if version != argon2.Version || memory > 1<<20 || time < 1 || time > 100 || threads < 1 || threads > 16 || len(want) != argonKey {
		return false, errHash
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, uint8(threads), argonKey)
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

var errHash = errors.New("the stored password can't be read; set a new one with `cubeconnect password`")

// nobodys is the hash of a password that nobody knows: verifying takes its time whether one is set or not.
var nobodys = strings.Join([]string{
	"", "argon2id", fmt.Sprintf("v=%d", argon2.Version), fmt.Sprintf("m=%d,t=%d,p=%d", argonMemory, argonTime, argonThreads),
	base64.RawStdEncoding.EncodeToString(make([]byte, argonSalt)), base64.RawStdEncoding.EncodeToString(make([]byte, argonKey)),
}, "$")

// hashing bounds the memory that people at the door can make us use: two hashes at once.
type hashing chan struct{}

func newHashing() hashing { return make(hashing, 2) }

func (h hashing) do(ctx context.Context, work func()) error {
	select {
	case h <- struct{}{}:
		defer func() { <-h }()
		work()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h hashing) hash(ctx context.Context, password string) (phc string, err error) {
	err = h.do(ctx, func() { phc = HashPassword(password) })
	return phc, err
}

// verify reports whether the password is the one of a PHC string. An empty one has none.
func (h hashing) verify(ctx context.Context, phc, password string) (ok bool, err error) {
	if len(password) > MaxPassword {
		password = ""
	}
	stored := phc
	if stored == "" {
		stored = nobodys
	}
	var broken error
	err = h.do(ctx, func() { ok, broken = matches(stored, password) })
	return ok && phc != "", errors.Join(err, broken)
}
