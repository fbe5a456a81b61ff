package webhook

import (
	"slices"
	"testing"
)

func TestParseCustomer(t *testing.T) {
	for text, want := range map[string]string{
		"966501234567":               "966501234567",
		"+966501234567":              "966501234567",
		" +966 50 123-4567 ":         "966501234567",
		"+1 (650) 555-0111":          "16505550111",
		"US.10000000000000000111":    "US.10000000000000000111",
		"IN.ENT.9081726354":          "IN.ENT.9081726354",
		"":                           "",
		"0501234567":                 "", // no country code begins with 0
		"00966501234567":             "",
		"123456":                     "",
		"1234567890123456":           "",
		"966501234567x":              "",
		"++966501234567":             "",
		"us.10000000000000000111":    "",
		"US.":                        "",
		"٩٦٦٥٠١٢٣٤٥٦٧":               "",
		"966501234567\n966501234568": "",
	} {
		got, ok := ParseCustomer(text)
		if !ok {
			got = ""
		}
		if got != want || ok != (want != "") {
			t.Errorf("%q: %q, %t; want %q", text, got, ok, want)
		}
	}
}

func TestErasureConcerns(t *testing.T) {
	e := Erasure{TenantID: 7, Customer: "966501234567"}
	for payload, want := range map[string]struct {
		concerns bool
		aliases  []string
	}{
		`{"from":"966501234567","user_id":"US.1"}`:                                {true, []string{"US.1"}},
		`{"from":"966501234567"}`:                                                 {true, nil},
		`{"recipient":"966501234567","user_id":"US.1"}`:                           {true, []string{"US.1"}},
		`{"recipient":"GROUP","participant":"966501234567","user_id":"US.1"}`:     {true, nil},
		`{"user_id":"966501234567","from":"1"}`:                                   {true, []string{"1"}},
		`{"user_phone":"+966501234567","whatsapp_account_id":1}`:                  {true, nil},
		`{"customer_phone":"966501234567"}`:                                       {true, nil},
		`{"content":"966501234567","from":"1","user_id":"US.1"}`:                  {false, nil},
		`{"from":7,"recipient":"966501234567"}`:                                   {true, nil},
		`{"context":{"from":"966501234567"},"from":"9665012345678"}`:              {false, nil},
		`{"from":"966501234567","user_id":"966501234567"}`:                        {true, nil},
		`not JSON, though it has "from":"966501234567" in it, as nothing else is`: {false, nil},
	} {
		ev := &Event{TenantID: 7, Payload: []byte(payload)}
		if got, aliases := e.Concerns(ev), e.Aliases(nil, ev); got != want.concerns || !slices.Equal(aliases, want.aliases) {
			t.Errorf("%s: %t %q", payload, got, aliases)
		}
	}
	if ev := (&Event{Payload: []byte(`{}`), Conversation: ConversationOf(7, e.Customer)}); !e.Concerns(ev) {
		t.Error("an event of the conversation does not concern the customer")
	}
	if ev := (&Event{Payload: []byte(`{}`), Conversation: ConversationOf(8, e.Customer)}); e.Concerns(ev) {
		t.Error("another tenant's conversation is taken for this one's")
	}
}
