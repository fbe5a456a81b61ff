package ingress

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cubeconnect/webhook"
)

const erasedPhone = "966501234567"

func redactText(body string, others func(waba, number string) bool) string {
	left, ok := Redact([]byte(body), &webhook.Erasure{TenantID: 7, Customer: erasedPhone}, others)
	if !ok && string(left) != body {
		return "changed, and says it is not"
	}
	return string(left)
}

func TestRedact(t *testing.T) {
	const head, tail = `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"2"},`, `}}]}]}`
	for name, c := range map[string]struct{ in, want string }{
		"a message, with its contact":      {`"contacts":[{"wa_id":"966501234567","profile":{"name":"A"}}],"messages":[{"from":"966501234567","id":"a"}]`, `"contacts":[],"messages":[]`},
		"one of two":                       {`"contacts":[{"wa_id":"966501234567"},{"wa_id":"2"}],"messages":[{"from":"966501234567"},{"from":"2", "id":"b"}]`, `"contacts":[{"wa_id":"2"}],"messages":[{"from":"2","id":"b"}]`},
		"a contact in the other spelling":  {`"contacts":[{"wa_id":"5491150000000"},{"wa_id":"2"}],"messages":[{"from":"966501234567"},{"from":"2"}]`, `"contacts":[{"wa_id":"2"}],"messages":[{"from":"2"}]`},
		"a contact with its number hidden": {`"contacts":[{"user_id":"US.1"},{"user_id":"US.2"}],"messages":[{"from":"966501234567","from_user_id":"US.1"},{"from_user_id":"US.2"}]`, `"contacts":[{"user_id":"US.2"}],"messages":[{"from_user_id":"US.2"}]`},
		"a message of the only contact":    {`"contacts":[{"wa_id":"966501234567"}],"messages":[{"id":"a"}]`, `"contacts":[],"messages":[]`},
		"whoever a contact says it is":     {`"contacts":[{"wa_id":"966501234567","user_id":"US.1"},{"wa_id":"2","user_id":"US.2"}],"messages":[{"from_user_id":"US.1"},{"from":"2"}],"statuses":[{"recipient_user_id":"US.1"}]`, `"contacts":[{"wa_id":"2","user_id":"US.2"}],"messages":[{"from":"2"}],"statuses":[]`},
		"a status":                         {`"statuses":[{"recipient_id":"2"},{"recipient_id":"966501234567","errors":[{"code":1}]}]`, `"statuses":[{"recipient_id":"2"}]`},
		"a group's status of one":          {`"statuses":[{"recipient_id":"G","recipient_participant_id":"966501234567"},{"recipient_id":"G"}]`, `"statuses":[{"recipient_id":"G"}]`},
		"an answer to the customer":        {`"messages":[{"from":"2","context":{"from":"966501234567","id":"x"}}]`, `"messages":[{"from":"2","context":{"from":"erased","id":"x"}}]`},
		"a contact card":                   {`"messages":[{"from":"2","contacts":[{"name":{},"phones":[{"phone":"+966501234567"},{"phone":"3"}]}]}]`, `"messages":[{"from":"2","contacts":[{"name":{},"phones":[{"phone":"3"}]}]}]`},
		"a text":                           {`"messages":[{"from":"2","system":{"body":"changed from 966501234567 to +966501234567, not 9665012345678 or a966501234567"}}]`, `"messages":[{"from":"2","system":{"body":"changed from erased to +erased, not 9665012345678 or a966501234567"}}]`},
		"a number":                         {`"messages":[{"from":966501234567},{"from":2,"count":966501234567}]`, `"messages":[{"from":2,"count":966501234567}]`},
		"another spelling of JSON":         {`"messages":[{"fr\u006fm":"\u0039\u00366501234567"},{"from":"2"}]`, `"messages":[{"from":"2"}]`},
		"a time that looks like a number":  {`"messages":[{"from":"2","timestamp":"966501234567"}]`, ``},
		"a longer number":                  {`"messages":[{"from":"9665012345678"}]`, ``},
		"nobody":                           {`"messages":[{"from":"2"}],"statuses":null`, ``},
		"no objects":                       {`"messages":[null,3,"966501234567",["966501234567"],{"from":"2"}]`, `"messages":[null,3,"erased",["erased"],{"from":"2"}]`},
		"history, by threads":              {`"history":[{"metadata":{"phase":0},"threads":[{"id":"966501234567","messages":[{"from":"2","id":"x"}]},{"id":"3"}]}]`, `"history":[{"metadata":{"phase":0},"threads":[{"id":"3"}]}]`},
	} {
		want := head + c.in + tail
		if c.want != "" {
			want = head + c.want + tail
		}
		got := redactText(head+c.in+tail, nil)
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
		if again := redactText(got, nil); again != got {
			t.Errorf("%s: a second time: %s", name, again)
		}
	}
	for in, want := range map[string]string{
		`{"from":"2","context":{"from":"966501234567"},"timestamp":"966501234567"}`:      `{"from":"2","context":{"from":"erased"},"timestamp":"966501234567"}`,
		`{"campaign_id":1,"recipients":["966501234567","2"],"total_count":966501234567}`: `{"campaign_id":1,"recipients":["erased","2"],"total_count":966501234567}`,
		`{"entry":"966501234567"}`: `{"entry":"erased"}`,
		`["966501234567"]`:         `["erased"]`,
		`{"from":"966501234567"`:   `{"from":"966501234567"`, // no JSON
		``:                         ``,
	} {
		if got := redactText(in, nil); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// A POST of several tenants loses nothing of the others, whatever customer is named, and keeps its envelope.
func TestRedactLeavesOthers(t *testing.T) {
	change := func(number string) string {
		return fmt.Sprintf(`{"value":{"metadata":{"phone_number_id":"%s"},"messages":[{"from":"966501234567"}]},"field":"messages"}`, number)
	}
	body := func(first string) string {
		return `{"entry":[{"id":"966501234567","time":966501234567,"changes":[` + first + `,` + change("theirs") + `]}]}`
	}
	others := func(waba, number string) bool { return waba == "966501234567" && number == "theirs" }
	want := body(strings.Replace(change("ours"), `{"from":"966501234567"}`, "", 1))
	if got := redactText(body(change("ours")), others); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Of every sample: who is redacted leads to nothing any more, and everybody else to what they did.
func TestRedactSamples(t *testing.T) {
	customers := 0
	for _, name := range slices.Concat(bodiesIn(t, "payloads"), bodiesIn(t, "real")) {
		body := read(t, name)
		before := Parse(body, arrival, riyadh)
		seen := map[string]bool{}
		for _, item := range before.Items {
			customer := customerOf(&item)
			if seen[customer] || customer == "" {
				continue
			}
			seen[customer] = true
			customers++
			e := &webhook.Erasure{TenantID: 7, Customer: customer}
			left, ok := Redact(body, e, nil)
			if !ok || !json.Valid(left) {
				t.Errorf("%s: without %s (%t): %s", name, customer, ok, left)
				continue
			}
			after := Parse(left, arrival, riyadh)
			var want []string
			for _, other := range before.Items {
				if !about(e, &other) {
					want = append(want, payloadOf(&other))
				}
			}
			if len(after.Items) != len(want) || after.Unparsed || after.Unrouted != before.Unrouted {
				t.Errorf("%s: %d items are left without %s, want %d", name, len(after.Items), customer, len(want))
				continue
			}
			for i, item := range after.Items {
				payload := payloadOf(&item)
				if about(e, &item) || payload != want[i] && !strings.Contains(want[i], customer) {
					t.Errorf("%s: without %s: %s, want %s", name, customer, payload, want[i])
				}
			}
		}
	}
	if customers < 50 {
		t.Errorf("the samples have %d customers only", customers)
	}
}

func payloadOf(item *webhook.Item) string {
	if item.Event == nil {
		return ""
	}
	return string(item.Event.Payload)
}

func customerOf(item *webhook.Item) string {
	switch {
	case item.Message != nil:
		return item.Message.Customer
	case item.Status != nil:
		return item.Status.Customer
	}
	return ""
}

func about(e *webhook.Erasure, item *webhook.Item) bool {
	return item.Event != nil && (e.Concerns(item.Event) || e.Names(customerOf(item)))
}

// FuzzRedact: what is left is JSON, says nothing more of the customer, and isn't changed a second time.
func FuzzRedact(f *testing.F) {
	for _, name := range bodiesIn(f, "payloads") {
		f.Add(read(f, name), "16505551234")
	}
	f.Add([]byte(`{"entry":[{"id":1,"changes":[{"value":{"messages":[{"from":"1234567"}]}}]}]}`), "1234567")
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		customer, ok := webhook.ParseCustomer(text)
		if !ok {
			return
		}
		e := &webhook.Erasure{TenantID: 7, Customer: customer}
		left, ok := Redact(body, e, nil)
		if !ok {
			return
		}
		if json.Valid(body) != json.Valid(left) {
			t.Fatalf("%q became %q", body, left)
		}
		if again, ok := Redact(left, e, nil); ok {
			t.Fatalf("%q became %q a second time", left, again)
		}
		for _, item := range Parse(left, arrival, riyadh).Items {
			if item.Event != nil && e.Concerns(item.Event) {
				t.Fatalf("%q is left of %q", left, body)
			}
		}
	})
}
