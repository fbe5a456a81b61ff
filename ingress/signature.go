package ingress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// signatureHeader is the only one that counts: the older X-Hub-Signature is an HMAC of SHA-1.
const signatureHeader = "X-Hub-Signature-256"

// Why a signature is refused, for the log.
const (
	signatureMissing   = "missing"
	signatureSeveral   = "several"
	signatureMalformed = "malformed"
	signatureMismatch  = "mismatch"
	signatureUnknown   = "no app secret is configured"
)

// readSignature returns the digest in the header, "sha256=" and 64 hex digits, or what is wrong with
// it. Meta writes the digits in lower case; either case says the same.
func readSignature(header http.Header) (sum [sha256.Size]byte, fault string) {
	values := header[signatureHeader]
	switch len(values) {
	case 0:
		return sum, signatureMissing
	case 1:
	default:
		return sum, signatureSeveral
	}
	digits, ok := strings.CutPrefix(values[0], "sha256=")
	if !ok || len(digits) != hex.EncodedLen(len(sum)) {
		return sum, signatureMalformed
	}
	if _, err := hex.Decode(sum[:], []byte(digits)); err != nil {
		return sum, signatureMalformed
	}
	return sum, ""
}

// signed reports whether one of the secrets makes this digest over the body's bytes as they came:
// Meta signs what is on the wire, escapes included. Several apps can share a URL, and nothing but the
// signature says which one posts.
func signed(secrets [][]byte, body []byte, sum [sha256.Size]byte) bool {
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		var own [sha256.Size]byte
		if hmac.Equal(mac.Sum(own[:0]), sum[:]) {
			return true
		}
	}
	return false
}
