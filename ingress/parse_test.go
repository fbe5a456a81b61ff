package ingress

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // Europe/Berlin, whatever the machine has

	"cubeconnect/webhook"
)

func TestParseUnparsed(t *testing.T) {
	tests := map[string]string{
		"Empty":          "",
		"Text":           "hello",
		"Truncated":      `{"object":"whatsapp_business_account","entry":[{"id":"1"`,
		"Trailing":       `{"object":"whatsapp_business_account"}x`,
		"TrailingComma":  `{"object":"whatsapp_business_account","entry":[],}`,
		"ByteOrderMark":  "\xef\xbb\xbf{}",
		"RawNUL":         "{\"object\":\"a\x00b\"}",
		"Array":          `[{"object":"whatsapp_business_account"}]`,
		"String":         `"whatsapp_business_account"`,
		"Number":         "1",
		"Null":           "null",
		"Form":           "object=whatsapp_business_account",
		"Brackets":       strings.Repeat("[", 4<<20),
		"Braces":         strings.Repeat(`{"a":`, 1<<19),
		"NestedTooDeep":  strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
		"InfinityAndNaN": `{"object":"whatsapp_business_account","a":NaN}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			in := Parse([]byte(body), arrival, riyadh)
			if !in.Unparsed || in.Items != nil || in.Tenants != nil || in.Unrouted {
				t.Errorf("got %+v", in)
			}
			if string(in.Body) != body || !in.ReceivedAt.Equal(arrival) {
				t.Error("body or time is not what came in")
			}
		})
	}
}

func TestParseIgnored(t *testing.T) {
	message := `{"entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"2"},"messages":[{"id":"wamid.1"}]}}]}]%s}`
	tests := map[string]string{
		"EmptyObject":     `{}`,
		"NoObject":        fmt.Sprintf(message, ""),
		"Page":            fmt.Sprintf(message, `,"object":"page"`),
		"ObjectIsNull":    fmt.Sprintf(message, `,"object":null`),
		"ObjectIsArray":   fmt.Sprintf(message, `,"object":["whatsapp_business_account"]`),
		"UpperCase":       fmt.Sprintf(message, `,"object":"WhatsApp_Business_Account"`),
		"LastObjectWins":  fmt.Sprintf(message, `,"object":"whatsapp_business_account","object":"page"`),
		"NoEntry":         `{"object":"whatsapp_business_account"}`,
		"EntryIsNull":     `{"object":"whatsapp_business_account","entry":null}`,
		"EntryIsObject":   `{"object":"whatsapp_business_account","entry":{}}`,
		"EntryIsEmpty":    `{"object":"whatsapp_business_account","entry":[]}`,
		"ChangesMissing":  `{"object":"whatsapp_business_account","entry":[{"id":"1","changed_fields":["messages"]}]}`,
		"NestedToTheEdge": `{"a":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			in := Parse([]byte(body), arrival, riyadh)
			if in.Unparsed || in.Unrouted || in.Items != nil || in.Tenants != nil {
				t.Errorf("unparsed %v, unrouted %v, items %v, tenants %v", in.Unparsed, in.Unrouted, in.Items, in.Tenants)
			}
		})
	}
}

func TestParseRoutes(t *testing.T) {
	directory := accounts{
		{"100", "11"}: {Tenant: 9, Account: 1},
		{"100", "12"}: {Tenant: 9, Account: 2},
		{"100", ""}:   {Tenant: 9, Account: 1},
		{"", "12"}:    {Tenant: 9, Account: 2},
		{"200", "21"}: {Tenant: 3, Account: 5},
		{"200", ""}:   {Tenant: 3, Account: 5},
	}
	entry := func(id, changes string) string { return `{"id":` + id + `,"changes":[` + changes + `]}` }
	message := func(phone string) string {
		return `{"field":"messages","value":{"metadata":{"phone_number_id":` + phone + `},"messages":[{"id":"wamid.1","from":"1"}]}}`
	}
	const (
		template = `{"field":"message_template_status_update","value":{"event":"APPROVED","message_template_id":1}}`
		calls    = `{"field":"calls","value":{"metadata":{"phone_number_id":"11"},"messages":[{"id":"wamid.1"}],"statuses":[{"id":"w","status":"sent"}]}}`
		solution = `{"field":"partner_solutions","value":{"event":"SOLUTION_CREATED"}}`
	)
	tests := []struct {
		name     string
		entries  []string
		accounts []uint32 // of the items
		tenants  []uint32
		unrouted bool
	}{
		{"BothIDs", []string{entry(`"100"`, message(`"12"`))}, []uint32{2}, []uint32{9}, false},
		{"IDsAsNumbers", []string{entry(`100`, message(`12`))}, []uint32{2}, []uint32{9}, false},
		{"NoWABA", []string{entry(`""`, message(`"12"`))}, []uint32{2}, []uint32{9}, false},
		{"NullWABA", []string{entry(`null`, message(`"12"`))}, []uint32{2}, []uint32{9}, false},
		{"NumberOfAnotherWABA", []string{entry(`"200"`, message(`"12"`))}, nil, nil, true},
		{"UnknownNumber", []string{entry(`"100"`, message(`"99"`))}, nil, nil, true},
		{"NoNumber", []string{entry(`"100"`, message(`null`))}, []uint32{1}, []uint32{9}, false},
		{"NeitherID", []string{entry(`null`, message(`null`))}, nil, nil, true},
		{"Template", []string{entry(`"200"`, template)}, []uint32{5}, []uint32{3}, false},
		{"TemplateOfUnknownWABA", []string{entry(`"300"`, template)}, nil, nil, true},
		{"AuditedOnly", []string{entry(`"100"`, calls)}, nil, []uint32{9}, false},
		{"Portfolio", []string{entry(`"777"`, solution)}, nil, nil, false},
		{
			"SeveralTenants",
			[]string{entry(`"100"`, message(`"12"`)+`,`+calls), entry(`"200"`, template+`,`+message(`"21"`)), entry(`"100"`, message(`"11"`))},
			[]uint32{2, 5, 5, 1}, []uint32{3, 9}, false,
		},
		{"OneUnknown", []string{entry(`"300"`, message(`"31"`)), entry(`"200"`, message(`"21"`))}, []uint32{5}, []uint32{3}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := `{"object":"whatsapp_business_account","entry":[` + strings.Join(test.entries, ",") + `]}`
			in := Parse([]byte(body), arrival, directory)
			checkInbound(t, in)
			var got []uint32
			for _, item := range in.Items {
				got = append(got, item.AccountID)
			}
			if !reflect.DeepEqual(got, test.accounts) || !reflect.DeepEqual(in.Tenants, test.tenants) || in.Unrouted != test.unrouted {
				t.Errorf("accounts %v, tenants %v, unrouted %v", got, in.Tenants, in.Unrouted)
			}
		})
	}
}

func TestStrangers(t *testing.T) {
	directory := accounts{{"100", "11"}: {Tenant: 9, Account: 1}, {"100", ""}: {Tenant: 9, Account: 1}}
	entry := func(id, field, value string) string {
		return `{"id":"` + id + `","changes":[{"field":"` + field + `","value":` + value + `}]}`
	}
	number := func(id string) string { return `{"metadata":{"phone_number_id":"` + id + `"}}` }
	var many []string
	for i := range 2 * MaxStrangers {
		many = append(many, entry("1"+fmt.Sprint(i), "calls", "{}"))
	}
	for name, test := range map[string]struct {
		entries []string
		want    []webhook.Stranger
	}{
		"Known":         {[]string{entry("100", "messages", number("11")), entry("100", "account_update", "{}")}, nil},
		"Number":        {[]string{entry("100", "messages", number("12"))}, []webhook.Stranger{{WABAID: "100", PhoneNumberID: "12"}}},
		"Once":          {[]string{entry("200", "calls", "{}"), entry("100", "messages", number("11")), entry("200", "flows", "{}")}, []webhook.Stranger{{WABAID: "200"}}},
		"WABAInside":    {[]string{entry("777", "account_update", `{"waba_info":{"waba_id":"300"}}`)}, []webhook.Stranger{{WABAID: "300"}}},
		"Portfolio":     {[]string{entry("777", "partner_solutions", "{}")}, nil},
		"NoID":          {[]string{entry("", "messages", "{}")}, []webhook.Stranger{{}}},
		"NothingInside": {[]string{`{"id":"200","changes":[{}]}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"object":"whatsapp_business_account","entry":[` + strings.Join(test.entries, ",") + `]}`
			if got := Strangers([]byte(body), directory); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
	if got := Strangers([]byte(`{"object":"whatsapp_business_account","entry":[`+strings.Join(many, ",")+`]}`), directory); len(got) != MaxStrangers {
		t.Errorf("%d strangers", len(got))
	}
	if got := Strangers([]byte("hello"), directory); got != nil {
		t.Errorf("%v", got)
	}
}

// TestParseAccountUpdateByWABAInfo: partner events name the WABA inside, entry.id is a portfolio.
func TestParseAccountUpdateByWABAInfo(t *testing.T) {
	directory := accounts{{"398712345600011", ""}: {Tenant: 4, Account: 8}}
	in := Parse(read(t, "payloads/account-update-partner-added.json"), arrival, directory)
	if in.Unrouted || len(in.Tenants) != 1 || in.Tenants[0] != 4 || in.Items != nil {
		t.Errorf("got %+v", in)
	}
}

func TestParseItems(t *testing.T) {
	at := time.Unix(1794821400, 0)
	conversation := func(customer string) webhook.Conversation { return webhook.ConversationOf(7, customer) }
	tests := []struct {
		file         string
		want         webhook.Item
		conversation webhook.Conversation
	}{
		{"payloads/message-text.json", webhook.Item{Message: &webhook.MessageItem{
			PhoneNumberID: "510000000000101", MessageID: "wamid.HBgLMTY1MDU1NTAxMTEVAgASGBQ2MjhCNDlEOTZEQ0RFOTdBNDMwRAA=",
			Customer: "16505550111", At: at,
		}}, conversation("16505550111")},
		{"payloads/message-bsuid-only.json", webhook.Item{Message: &webhook.MessageItem{
			PhoneNumberID: "510000000000101", MessageID: "wamid.HBgLMTY1MDU1NTAxMTEVAgASGBQyQ0E0NUJFQzhGMkExRUM0N0M0RgA=",
			Customer: "US.10000000000000000111", At: at,
		}}, conversation("US.10000000000000000111")},
		{"payloads/message-group.json", webhook.Item{Message: &webhook.MessageItem{
			PhoneNumberID: "510000000000101", MessageID: "wamid.HBgLMTY1MDU1NTAxMTEVAgASGBQ3MTE0MzBGNjE2NEU5MzgwM0Q5MwA=",
			Customer: "16505550111", At: at,
		}}, conversation("Y2FwaV9ncm91cDoxNjUwNTU1MDEwMToxMjAzNjMwMDAwMDAwMDAwMDEZD")},
		{"payloads/message-system-user-id-changed.json", webhook.Item{Message: &webhook.MessageItem{
			PhoneNumberID: "510000000000101", MessageID: "wamid.HBgLMTY1MDU1NTAxMTEVAgASGBQxQzExNkIxQTYzODdCMkQ4MTcyMgA=",
			At: at,
		}}, 0},
		{"payloads/status-group-aggregated.json", webhook.Item{Status: &webhook.StatusItem{
			PhoneNumberID: "510000000000101", MessageID: "wamid.HBgLMTY1MDU1NTAxMTEVAgARGBI0QTM0Nzc4MzAyQTIwQkNDMEIA",
			Status: webhook.MessageRead, Participant: "16505550111",
			Customer: "Y2FwaV9ncm91cDoxNjUwNTU1MDEwMToxMjAzNjMwMDAwMDAwMDAwMDEZD", At: at.Add(5 * time.Second),
		}}, conversation("Y2FwaV9ncm91cDoxNjUwNTU1MDEwMToxMjAzNjMwMDAwMDAwMDAwMDEZD")},
		{"payloads/status-bsuid-no-recipient-id.json", webhook.Item{Status: &webhook.StatusItem{
			PhoneNumberID: "510000000000101", MessageID: "wamid.HBgLMTY1MDU1NTAxMTEVAgARGBIyRTBENkMxNzdEMTA4QkJFNEIA",
			Status: webhook.MessageDelivered, Customer: "US.10000000000000000111", At: at.Add(5 * time.Second),
		}}, conversation("US.10000000000000000111")},
		{"payloads/template-rejected.json", webhook.Item{Template: &webhook.TemplateItem{
			WABAID: "398712345600011", TemplateID: "1689556900001002", Name: "cart_reminder", Language: "en_US",
			Category: "MARKETING", Status: "REJECTED", Reason: "INVALID_FORMAT", EntryTime: 1794821400, At: at,
		}}, conversation("template:cart_reminder")},
		{"own/template-no-time.json", webhook.Item{Template: &webhook.TemplateItem{
			WABAID: "398712345600011", TemplateID: "1", Name: "order_update", Language: "en_US", Status: "LOCKED", At: arrival,
		}}, conversation("template:order_update")},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			in := Parse(read(t, test.file), arrival, riyadh)
			if len(in.Items) == 0 {
				t.Fatal("no item")
			}
			got := in.Items[0]
			if got.TenantID != 7 || got.AccountID != 42 || got.Event.Conversation != test.conversation {
				t.Errorf("tenant %d, account %d, conversation %x", got.TenantID, got.AccountID, got.Event.Conversation)
			}
			if !got.Event.ID.IsZero() || !got.Event.AuditID.IsZero() {
				t.Error("ids are the store's to give")
			}
			got.TenantID, got.AccountID, got.Event = 0, 0, nil
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v %+v %+v\nwant %+v %+v %+v", got.Message, got.Status, got.Template,
					test.want.Message, test.want.Status, test.want.Template)
			}
		})
	}
}

func TestParseStatusErrors(t *testing.T) {
	item := Parse(read(t, "payloads/status-failed-two-errors.json"), arrival, riyadh).Items[0]
	if p := payloads(t, webhook.Inbound{Items: []webhook.Item{item}})[0]; len(p["errors"].([]any)) != 2 {
		t.Errorf("payload %v", p)
	}
	if !bytes.Contains(item.Event.Payload, append([]byte(`"errors":`), item.Status.Errors...)) {
		t.Errorf("item has %s", item.Status.Errors)
	}
	if sent := Parse(read(t, "payloads/status-sent.json"), arrival, riyadh).Items[0]; sent.Status.Errors != nil {
		t.Errorf("item has %s", sent.Status.Errors)
	}
}

func TestParseTimestamps(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		location *time.Location
		unix     int64
		want     string
	}{
		{"NoLocation", nil, 1773142200, "2026-03-10T11:30:00Z"},
		{"UTC", time.UTC, 1773142200, "2026-03-10T11:30:00Z"},
		{"East", time.FixedZone("", 3*60*60), 1773142200, "2026-03-10T14:30:00+03:00"},
		{"West", time.FixedZone("", -(3*60+30)*60), 1773142200, "2026-03-10T08:00:00-03:30"},
		{"Winter", berlin, 1773142200, "2026-03-10T12:30:00+01:00"},
		{"Summer", berlin, 1783683000, "2026-07-10T13:30:00+02:00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := messagesBody(fmt.Sprintf(`{"id":"wamid.1","timestamp":"%d"}`, test.unix))
			in := Parse(body, arrival, everyone{Route{Tenant: 1, Account: 1, Location: test.location}})
			if got := payloads(t, in)[0]["timestamp"]; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestParseLendsNothing: the body goes back to a pool.
func TestParseLendsNothing(t *testing.T) {
	for _, name := range bodiesIn(t, "payloads") {
		body := read(t, name)
		before := Parse(body, arrival, riyadh)
		after := Parse(bytes.Clone(body), arrival, riyadh)
		for i := range body {
			body[i] = 'x'
		}
		before.Body, after.Body = nil, nil
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s: items changed with the body", name)
		}
	}
}

// TestParseHostile gives bodies that could cost more than they are worth.
func TestParseHostile(t *testing.T) {
	fill := func(before, part, after string) []byte {
		size := 4 << 20
		if !strings.HasSuffix(part, ",") || strings.Contains(part, "b") {
			size = 256 << 10 // the race detector takes long enough over these
		}
		n := (size - len(before) - len(after)) / len(part)
		return []byte(before + strings.TrimSuffix(strings.Repeat(part, n), ",") + after)
	}
	const (
		root   = `{"object":"whatsapp_business_account","entry":[`
		change = root + `{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"1"},`
	)
	tests := map[string]struct {
		body []byte
		want int
	}{
		"EmptyEntries":   {fill(root, "{},", "]}"), 0},
		"EmptyChanges":   {fill(root+`{"changes":[`, "{},", "]}]}"), 0},
		"EmptyMessages":  {fill(change+`"messages":[`, "{},", "]}}]}]}"), 0},
		"EmptyContacts":  {fill(change+`"messages":[{"id":"a"},{"id":"b"}],"contacts":[`, "{},", "]}}]}]}"), 2},
		"NullStatuses":   {fill(change+`"statuses":[`, "null,", "]}}]}]}"), 0},
		"SameMember":     {fill(change+`"messages":[{"id":"a",`, `"id":"b",`, "}]}}]}]}"), 1},
		"LongNumber":     {fill(change+`"messages":[{"id":"a","timestamp":`, "9", "}]}}]}]}"), 1},
		"LongNumberText": {fill(change+`"messages":[{"id":"a","timestamp":"`, "9", `"}]}}]}]}`), 1},
		"LongID":         {fill(change+`"messages":[{"id":"`, "a", `"}]}}]}]}`), 0},
		"LongText":       {fill(change+`"messages":[{"id":"a","type":"text","text":{"body":"`, `\u0000`, `"}}]}}]}]}`), 1},
		"Backslashes":    {fill(change+`"messages":[{"id":"a","type":"text","text":{"body":"`, `\\`, `"}}]}}]}]}`), 1},
		"Depth":          {[]byte(change + `"messages":[{"id":"a","x":` + strings.Repeat("[", 9990) + strings.Repeat("]", 9990) + `}]}}]}]}`), 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := Parse(test.body, arrival, riyadh)
			checkInbound(t, in)
			if in.Unparsed || len(in.Items) != test.want {
				t.Errorf("unparsed %v, %d items, want %d", in.Unparsed, len(in.Items), test.want)
			}
		})
	}
}

func TestParseManyContacts(t *testing.T) {
	const people = 1000
	var contacts, messages []string
	for i := range people {
		contacts = append(contacts, fmt.Sprintf(`{"wa_id":"1650%d","user_id":"US.%d","profile":{"name":"P%d"}}`, i, i, i))
		messages = append(messages, fmt.Sprintf(`{"id":"wamid.%d","from":"1650%d"}`, i, i))
	}
	body := bytes.Replace(messagesBody(messages...), []byte(`"messages":[`), []byte(`"contacts":[`+strings.Join(contacts, ",")+`],"messages":[`), 1)
	for i, p := range payloads(t, Parse(body, arrival, riyadh)) {
		if p["sender_name"] != fmt.Sprintf("P%d", i) || p["user_id"] != fmt.Sprintf("US.%d", i) {
			t.Fatalf("message %d is from %v (%v)", i, p["sender_name"], p["user_id"])
		}
	}
}
