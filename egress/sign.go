package egress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"sync"

	"cubeconnect/webhook"
)

// standardVersion stands in front of a Standard Webhooks signature with a shared secret.
const standardVersion = "v1,"

// signer makes the signatures of one secret. To key a hash costs as much as to hash a short body, so a
// signer is used again. It is not safe for concurrent use.
type signer struct {
	whole   hash.Hash // keyed with the secret as it is written
	decoded hash.Hash // keyed with the bytes it stands for, as Standard Webhooks has it
	text    []byte    // scratch: what is signed in front of the body, then the signature's text
	sum     []byte    // scratch
}

func newSigner(secret webhook.Secret) *signer {
	return &signer{
		whole:   hmac.New(sha256.New, []byte(secret.Reveal())),
		decoded: hmac.New(sha256.New, secret.SigningKey()),
		text:    make([]byte, 0, 128),
		sum:     make([]byte, 0, sha256.Size),
	}
}

// signature returns the value of X-Webhook-Signature: lower-case hex over timestamp "." body.
func (s *signer) signature(timestamp string, body []byte) string {
	s.text = append(append(s.text[:0], timestamp...), '.')
	s.hash(s.whole, body)
	s.text = hex.AppendEncode(s.text[:0], s.sum)
	return string(s.text)
}

// standard returns a signature of webhook-signature: base64 over id "." seconds "." body.
func (s *signer) standard(id, unix string, body []byte) string {
	s.text = append(append(s.text[:0], id...), '.')
	s.text = append(append(s.text, unix...), '.')
	s.hash(s.decoded, body)
	s.text = base64.StdEncoding.AppendEncode(append(s.text[:0], standardVersion...), s.sum)
	return string(s.text)
}

func (s *signer) hash(h hash.Hash, body []byte) {
	h.Reset()
	h.Write(s.text)
	h.Write(body)
	s.sum = h.Sum(s.sum[:0])
}

// sign sets the signature headers, none without a secret. Secrets after the first are those that it replaces
// and that receivers may still check with.
func (c *Client) sign(set func(name, value string), s stamp, body []byte, secret webhook.Secret, previous ...webhook.Secret) {
	if secret.IsZero() {
		return
	}
	var standard string
	c.withSigner(secret, func(k *signer) {
		set(headerSignature, k.signature(s.timestamp, body))
		standard = k.standard(s.id, s.unix, body)
	})
	for _, p := range previous {
		c.withSigner(p, func(k *signer) {
			set(headerPreviousSignature, k.signature(s.timestamp, body))
			standard += " " + k.standard(s.id, s.unix, body)
		})
	}
	set(headerStandardSignature, standard)
}

func (c *Client) withSigner(secret webhook.Secret, use func(*signer)) {
	pool, ok := c.signers.get(secret)
	if !ok {
		pool = &sync.Pool{New: func() any { return newSigner(secret) }}
		c.signers.put(secret, pool)
	}
	k := pool.Get().(*signer)
	defer pool.Put(k)
	use(k)
}
