package egress

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// maxSeconds is the end of the year 9999; package time counts wrong far behind it.
const maxSeconds = 253402300799

// Verify checks a request as a receiver does: every form of signature that its header has must be right, at
// least one must be there, and its timestamp may be at most tolerance away from now. The error says in words
// for a developer which part is wrong. During a rotation either secret verifies.
func Verify(secret webhook.Secret, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	if secret.IsZero() {
		return errors.New("there is no secret to verify with")
	}
	own, standard := header.Get(headerSignature), header.Get(headerStandardSignature)
	if own == "" && standard == "" {
		return fmt.Errorf("%s and %s are missing: the sender has no secret", headerSignature, headerStandardSignature)
	}
	k := newSigner(secret)
	if own != "" {
		if err := verifyOwn(k, header, own, body, now, tolerance); err != nil {
			return err
		}
	}
	if standard != "" {
		return verifyStandard(k, header, standard, body, now, tolerance)
	}
	return nil
}

func verifyOwn(k *signer, header http.Header, signature string, body []byte, now time.Time, tolerance time.Duration) error {
	timestamp, err := need(header, headerTimestamp)
	if err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, timestamp)
	if err != nil {
		return fmt.Errorf("%s is not a time in ISO 8601 with an offset", headerTimestamp)
	}
	if err := checkAge(headerTimestamp, at, now, tolerance); err != nil {
		return err
	}
	want := k.signature(timestamp, body)
	// Both are compared, whatever the first comparison says.
	current, previous := equal(want, signature), equal(want, header.Get(headerPreviousSignature))
	if !current && !previous {
		return mismatch(headerSignature)
	}
	return nil
}

func verifyStandard(k *signer, header http.Header, signatures string, body []byte, now time.Time, tolerance time.Duration) error {
	id, err := need(header, headerStandardID)
	if err != nil {
		return err
	}
	unix, err := need(header, headerStandardTimestamp)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(unix, 10, 64)
	if err != nil || seconds < 0 || seconds > maxSeconds {
		return fmt.Errorf("%s is not a number of seconds", headerStandardTimestamp)
	}
	if err := checkAge(headerStandardTimestamp, time.Unix(seconds, 0), now, tolerance); err != nil {
		return err
	}
	if !anyEqual(k.standard(id, unix, body), signatures) {
		return mismatch(headerStandardSignature)
	}
	return nil
}

// anyEqual looks for a signature in a list of webhook-signature. Those of other versions differ in any case.
func anyEqual(want, signatures string) (found bool) {
	for signature := range strings.FieldsSeq(signatures) {
		found = equal(want, signature) || found
	}
	return found
}

// Match says which of a request's signatures a secret has made over a body, whatever their age. Unlike
// [Verify] it goes on after the first that is wrong.
func Match(secret webhook.Secret, header http.Header, body []byte) (own, previous, standard bool) {
	if secret.IsZero() {
		return false, false, false
	}
	k := newSigner(secret)
	want := k.signature(header.Get(headerTimestamp), body)
	own, previous = equal(want, header.Get(headerSignature)), equal(want, header.Get(headerPreviousSignature))
	want = k.standard(header.Get(headerStandardID), header.Get(headerStandardTimestamp), body)
	return own, previous, anyEqual(want, header.Get(headerStandardSignature))
}

func need(header http.Header, name string) (string, error) {
	value := header.Get(name)
	if value == "" {
		return "", fmt.Errorf("%s is missing", name)
	}
	return value, nil
}

func checkAge(name string, at, now time.Time, tolerance time.Duration) error {
	switch age := now.Sub(at); {
	case age > tolerance:
		return fmt.Errorf("%s is too old: by %s more than the %s allowed", name, (age - tolerance).Round(time.Second), tolerance)
	case age < -tolerance:
		return fmt.Errorf("%s is in the future: by %s more than the %s allowed", name, (age.Abs() - tolerance).Round(time.Second), tolerance)
	}
	return nil
}

func mismatch(name string) error {
	return fmt.Errorf("%s does not match: another secret, or the body was changed on the way", name)
}

func equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
