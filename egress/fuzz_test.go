package egress

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cubeconnect/webhook"
)

// FuzzVerify checks that nothing verifies but what the secret has signed, and that the page which says what
// is wrong with a signature agrees with what receivers do.
func FuzzVerify(f *testing.F) {
	secret := webhook.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLwSw")
	c := New(Options{})
	good := signed(c, noon, `{"a":1}`, secret)
	get := func(h http.Header) [6]string {
		return [6]string{h.Get(headerTimestamp), h.Get(headerSignature), h.Get(headerPreviousSignature), h.Get(headerStandardID), h.Get(headerStandardTimestamp), h.Get(headerStandardSignature)}
	}
	g := get(good)
	f.Add(g[0], g[1], g[2], g[3], g[4], g[5], []byte(`{"a":1}`))
	f.Add(g[0], g[1], g[1], g[3], g[4], "v1,x v2,y  "+g[5], []byte(`{"a":1}`))
	f.Add(g[0], strings.ToUpper(g[1]), "", "", "", "", []byte(`{"a":1}`))
	f.Add("2026-03-10", "x", "", "", "-1", "v1,", []byte{})
	f.Add("", "", "", "\x00", "999999999999999999999", " , ", []byte{0xff})
	f.Fuzz(func(t *testing.T, timestamp, own, previous, id, unix, standard string, body []byte) {
		h := http.Header{}
		for name, value := range map[string]string{
			headerTimestamp: timestamp, headerSignature: own, headerPreviousSignature: previous,
			headerStandardID: id, headerStandardTimestamp: unix, headerStandardSignature: standard,
		} {
			if value != "" {
				h.Set(name, value)
			}
		}
		err := Verify(secret, h, body, noon, 5*time.Minute)
		matchOwn, matchPrevious, matchStandard := Match(secret, h, body)
		if err == nil && (own != "" && !matchOwn && !matchPrevious || standard != "" && !matchStandard || own == "" && standard == "") {
			t.Errorf("verified, and yet the signatures match %t, %t, %t", matchOwn, matchPrevious, matchStandard)
		}
		if err != nil && strings.Contains(err.Error(), secret.Reveal()) {
			t.Errorf("the error tells the secret: %v", err)
		}
		if other := webhook.NewSecret("another"); err == nil && Verify(other, h, body, noon, 5*time.Minute) == nil {
			t.Error("two secrets verify the same")
		}
	})
}
