package ingress

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
)

// TestSignatureVectors: the first three vectors were computed apart from this code, the others are in
// public repositories.
func TestSignatureVectors(t *testing.T) {
	wire := string(read(t, "payloads/message-text-escaped-unicode.json"))
	const compact = `{"object":"whatsapp_business_account","entry":[]}`
	tests := []struct {
		name, body, secret, sum string
		want                    bool
	}{
		{"OnTheWire", wire, "fixture-app-secret-1", "c2ad375f7947a3a3e221c2148c7b562cf7b85e49e034e5c817f726654a93b01a", true},
		{"SecretBeforeRotation", wire, "fixture-app-secret-0", "304928e177c061efa7177bc9b292882991031c69d6346c4bf052b121b6e3118f", true},
		{"OtherSecret", wire, "fixture-app-secret-1", "304928e177c061efa7177bc9b292882991031c69d6346c4bf052b121b6e3118f", false},
		{"Public1", compact, "test_app_secret", "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756", true},
		{"Public2", `{"object": "whatsapp_business_account", "entry": []}`, "test_app_secret", "56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a", true},
		{"Public3", compact, "otro_secreto", "769b03d8c2ae6498f2d1e1f7299c0ba55448c69d741e7b0bb243d852d8a8d8c7", true},
		{"OtherSpacing", compact, "test_app_secret", "56cbbaf4961c6cfdae48b7f116c047e5eb513d2c931baae63a2bc1afd26f803a", false},
		{"EncodedAnewAsUTF8", wire, "fixture-app-secret-1", "8e3dda9d447f6b2bbe8fedc31f53c62cbff4399e6274050d512e9640c24df396", false},
		{"EncodedAnewWithEscapes", wire, "fixture-app-secret-1", "e96f97b210eb2ce2bf14e1c3d2df3cd6df75ba24c5d3e29ccc661ba742b809dd", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newBench(t, withSecrets(test.secret)).post([]byte(test.body), "X-Hub-Signature-256", "sha256="+test.sum)
			if test.want && w.Code != http.StatusOK {
				t.Errorf("got %d", w.Code)
			}
			if !test.want {
				wantRefusal(t, w, http.StatusUnauthorized, "INVALID_SIGNATURE")
			}
		})
	}
}

func TestSignatureHeader(t *testing.T) {
	body := []byte(`{"object":"whatsapp_business_account","entry":[]}`)
	good := signatureOf(testSecret, body)
	digits := strings.TrimPrefix(good, "sha256=")
	tests := []struct {
		name   string
		values []string
		fault  string // empty: good
	}{
		{"Good", []string{good}, ""},
		{"UpperCaseHex", []string{"sha256=" + strings.ToUpper(digits)}, ""},
		{"Missing", nil, "missing"},
		{"Twice", []string{good, good}, "several"},
		{"GoodAndBad", []string{good, "sha256=" + strings.Repeat("0", 64)}, "several"},
		{"Empty", []string{""}, "malformed"},
		{"JoinedByComma", []string{good + "," + good}, "malformed"},
		{"NoPrefix", []string{digits}, "malformed"},
		{"UpperCasePrefix", []string{"SHA256=" + digits}, "malformed"},
		{"SHA1Prefix", []string{"sha1=" + digits}, "malformed"},
		{"Short", []string{good[:len(good)-1]}, "malformed"},
		{"OneByteShort", []string{good[:len(good)-2]}, "malformed"},
		{"Long", []string{good + "0"}, "malformed"},
		{"OneByteLong", []string{good + "00"}, "malformed"},
		{"NoHex", []string{"sha256=" + strings.Repeat("g", 64)}, "malformed"},
		{"SpaceInside", []string{"sha256= " + digits[1:]}, "malformed"},
		{"FullWidthDigits", []string{"sha256=" + strings.Repeat("０", 21) + "0"}, "malformed"},
		{"Zeros", []string{"sha256=" + strings.Repeat("0", 64)}, "mismatch"},
		{"LastDigit", []string{good[:len(good)-1] + string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", good[len(good)-1])+1)%16])}, "mismatch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, withSecrets(testSecret))
			var headers []string
			for _, v := range test.values {
				headers = append(headers, "X-Hub-Signature-256", v)
			}
			w := b.post(body, headers...)
			if test.fault == "" {
				if w.Code != http.StatusOK || len(b.accepted) != 1 {
					t.Errorf("got %d, %d accepted", w.Code, len(b.accepted))
				}
				return
			}
			wantRefusal(t, w, http.StatusUnauthorized, "INVALID_SIGNATURE")
			if len(b.accepted) != 0 {
				t.Error("accepted")
			}
			if got := b.log.lines("WARN"); len(got) != 1 || got[0]["fault"] != test.fault {
				t.Errorf("log %v, want fault %s", got, test.fault)
			}
			if got := b.counted(); got["bad_signature"] != 1 || got["duration"] != 1 {
				t.Errorf("counted %v", got)
			}
		})
	}
}

func TestSignatureSHA1Only(t *testing.T) {
	b := newBench(t, withSecrets(testSecret))
	w := b.post(read(t, "payloads/message-text-escaped-unicode.json"), "X-Hub-Signature", "sha1=930aedd62c055ac949e68a6dd2fada5813a93c85")
	wantRefusal(t, w, http.StatusUnauthorized, "INVALID_SIGNATURE")
}

func TestSignatureSecrets(t *testing.T) {
	body := []byte(`{}`)
	tests := []struct {
		name    string
		secrets []string
		signer  string
		want    int
	}{
		{"First", []string{"a", "b", "c"}, "a", 200},
		{"Last", []string{"a", "b", "c"}, "c", 200},
		{"NoneOfThem", []string{"a", "b", "c"}, "d", 401},
		{"NoSecret", nil, "a", 401},
		{"EmptySecretIsNone", []string{""}, "", 401},
		{"EmptyAmongOthers", []string{"", "a"}, "", 401},
		{"GoodBesideEmpty", []string{"", "a"}, "a", 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newBench(t, withSecrets(test.secrets...)).post(body, "X-Hub-Signature-256", signatureOf(test.signer, body))
			if w.Code != test.want {
				t.Errorf("got %d, want %d", w.Code, test.want)
			}
		})
	}
}

func FuzzSignatureHeader(f *testing.F) {
	body := []byte(`{"object":"whatsapp_business_account","entry":[]}`)
	good := signatureOf(testSecret, body)
	f.Add(good, body)
	f.Add(strings.ToUpper(good), body)
	f.Add("sha256="+strings.Repeat("g", 64), body)
	f.Add(good+","+good, body)
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, value string, body []byte) {
		sum, fault := readSignature(http.Header{"X-Hub-Signature-256": {value}})
		ok := fault == "" && signed([][]byte{[]byte(testSecret)}, body, sum)
		if want := strings.HasPrefix(value, "sha256=") && strings.EqualFold(value, signatureOf(testSecret, body)); ok != want {
			t.Errorf("%q: %v, want %v", value, ok, want)
		}
		if fault == "" && "sha256="+hex.EncodeToString(sum[:]) != "sha256="+strings.ToLower(value[len("sha256="):]) {
			t.Errorf("%q was read as %x", value, sum)
		}
	})
}
