package ingress

import (
	"encoding/json"
	"testing"
)

// Why a body leads to nothing here although its index counts something.
const (
	noField  = "a change without field: what it means can't be told from its members"
	noObject = "no root object: not known to be WhatsApp's"
	noEvent  = "a template change without event: the quality update under a wrong name in the documentation"
)

// stricter names the collected bodies that lead to nothing here, against their index.
var stricter = map[string]string{
	"chatwoot-valid-attachment.json":                    noField,
	"chatwoot-attachment-with-message-errors.json":      noField,
	"chatwoot-document-accented-filename.json":          noField,
	"chatwoot-flow-response-invalid-response-json.json": noField,
	"chatwoot-bsuid-only-with-parent.json":              noField,
	"chatwoot-referral-ctwa-with-welcome-message.json":  noField,
	"chatwoot-request-welcome.json":                     noField,
	"chatwoot-reaction-without-message-id.json":         noField,
	"chatwoot-from-empty-string-bsuid.json":             noField,
	"typebot-raw-payload.json":                          noField,
	"typebot-bsuid-only-sender-empty-wa-id.json":        noObject,
	"frappe-test-webhook-post-button-message.json":      noObject,
	"frappe-test-webhook-post-status-update.json":       noObject,
	"metadocs-message-template-quality-update-l60.json": noEvent,
}

// TestRealBodies counts what bodies from public projects, reports and documentation lead to. Where
// each comes from stands in the index.
func TestRealBodies(t *testing.T) {
	var index struct {
		Files   int
		Samples []struct {
			File     string
			Expected struct {
				Messages  int
				Statuses  int
				Templates int `json:"template_updates"`
			}
		}
	}
	if err := json.Unmarshal(read(t, "real/index.json"), &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Samples) != index.Files {
		t.Fatalf("%d samples, %d announced", len(index.Samples), index.Files)
	}
	excepted := 0
	for _, sample := range index.Samples {
		in := Parse(read(t, "real/"+sample.File), arrival, riyadh)
		checkInbound(t, in)
		if in.Unparsed {
			t.Errorf("%s: unparsed", sample.File)
		}
		indexed := counts{sample.Expected.Messages, sample.Expected.Statuses, sample.Expected.Templates}
		want := indexed
		if why, ok := stricter[sample.File]; ok {
			if want = (counts{}); indexed == want {
				t.Errorf("%s is no exception (%s)", sample.File, why)
			}
			excepted++
		}
		if got := count(in); got != want {
			t.Errorf("%s leads to %+v, want %+v", sample.File, got, want)
		}
	}
	if excepted != len(stricter) {
		t.Errorf("%d of %d exceptions are in the index", excepted, len(stricter))
	}
}
