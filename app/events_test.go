package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cubeconnect/sample"
)

// TestSamples posts every kind of webhook that Meta documents, and some that it may have one day.
func TestSamples(t *testing.T) {
	t.Parallel()
	a := start(t)
	n := a.tenant("Oasis Trading", "UTC")
	n.account(waba1, phone1)
	n.account(waba1, phone3)
	n.account(waba2, phone2)
	n.account(waba3, "510000000000404")
	received := func(kind, content string) object {
		return object{"event": "message.received", "type": kind, "content": content}
	}
	updated := func(word string) object { return object{"event": "message.status_updated", "status": word} }
	changed := func(word string) object { return object{"event": "template.status_changed", "status": word} }
	want := map[string][]object{
		"message-text":                              {received("text", "Hi, is the blue one still in stock?")},
		"message-text-escaped-unicode":              {received("text", "äöå 50% <b> mail me@example.com https://example.com/a?b=1&c=2")},
		"message-image":                             {received("image", "Broken on arrival")},
		"message-image-with-url":                    {received("image", "[image]")},
		"message-video":                             {received("video", "unboxing")},
		"message-audio":                             {received("audio", "[audio]")},
		"message-voice":                             {received("audio", "[audio]")},
		"message-document":                          {received("document", "Rechnung März 2026.pdf")},
		"message-sticker":                           {received("sticker", "[sticker]")},
		"message-location":                          {received("location", "location:37.4847,-122.1484")},
		"message-contacts":                          {received("contacts", "[contacts]")},
		"message-button":                            {received("button", "Confirm")},
		"message-interactive-button-reply":          {received("interactive", "Tomorrow 10:00")},
		"message-interactive-list-reply":            {received("interactive", "Express")},
		"message-interactive-nfm-reply":             {received("interactive", "Sent")},
		"message-interactive-call-permission-reply": {received("interactive", "[interactive]")},
		"message-reaction":                          {received("reaction", "👍")},
		"message-reaction-removed":                  {received("reaction", "")},
		"message-order":                             {received("order", "[order]")},
		"message-system-number-changed":             {received("system", "[system]")},
		"message-system-user-id-changed":            {received("system", "[system]")},
		"message-unsupported":                       {received("unsupported", "[unsupported]")},
		"message-unknown-type-future":               {received("hologram", "[hologram]")},
		"message-referral-ctwa":                     {received("text", "I saw your ad")},
		"message-context-reply":                     {received("text", "Yes please")},
		"message-forwarded":                         {received("text", "pass it on")},
		"message-product-inquiry":                   {received("text", "Does it come in red?")},
		"message-group":                             {received("text", "hello all")},
		"message-bsuid-only":                        {received("text", "from a username user")},
		"message-bsuid-and-phone":                   {received("text", "both ids")},
		"message-edit":                              {received("edit", "[edit]")},
		"message-revoke":                            {received("revoke", "[revoke]")},
		"message-request-welcome":                   {received("request_welcome", "[request_welcome]")},
		"status-sent":                               {updated("sent")},
		"status-delivered":                          {updated("delivered")},
		"status-read":                               {updated("read")},
		"status-sent-free-entry-point":              {updated("sent")},
		"status-sent-legacy-cbp":                    {updated("sent")},
		"status-failed-131047":                      {updated("failed")},
		"status-failed-131026":                      {updated("failed")},
		"status-failed-131049-bsuid":                {updated("failed")},
		"status-failed-two-errors":                  {updated("failed")},
		"status-with-opaque-callback":               {updated("delivered")},
		"status-read-before-delivered":              {updated("read"), updated("delivered")},
		"status-out-of-order-1-read":                {updated("read")},
		"status-out-of-order-2-delivered":           {updated("delivered")},
		"status-bsuid-no-recipient-id":              {updated("delivered")},
		"status-group-aggregated":                   {updated("read"), updated("read"), updated("delivered")},
		"template-approved":                         {changed("APPROVED")},
		"template-rejected":                         {changed("REJECTED")},
		"template-paused":                           {changed("PAUSED")},
		"template-unpaused":                         {changed("APPROVED")},
		"template-flagged":                          {changed("FLAGGED")},
		"template-disabled":                         {changed("DISABLED")},
		"template-pending-deletion":                 {changed("PENDING_DELETION")},
		"template-archived":                         {changed("ARCHIVED")},
		"template-event-future":                     {changed("SUNSET")},
		"batch-mixed-3-entries":                     {received("text", "one"), received("image", "[image]"), updated("sent"), updated("delivered"), received("text", "to the second account"), changed("APPROVED")},
		"batch-duplicate-message-id":                {received("text", "once please")},
		"batch-messages-and-statuses-one-value":     {received("text", "mixed"), updated("read")},
		"batch-two-phone-numbers":                   {received("text", "to 101"), received("text", "to 103")},
		"batch-120-statuses":                        slices.Repeat([]object{{"event": "message.status_updated"}}, 120),
		"envelope-null-arrays":                      {updated("read")},
	}
	names := sample.Names()
	for name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("there is no sample %s", name)
		}
	}
	seen := 0
	for _, name := range names {
		a.samples(name)
		rec := a.list("/audit?limit=1")[0]
		if rec["outcome"] == "unparsed" {
			t.Errorf("%s: %s", name, rec["outcome"])
		}
		ids := rec["event_ids"].([]any)
		seen += len(ids)
		if len(ids) != len(want[name]) {
			t.Errorf("%s: %d events, want %d", name, len(ids), len(want[name]))
			continue
		}
		for i, w := range want[name] {
			says(t, fmt.Sprintf("%s, event %d", name, i+1), a.get(n.path + "/events/" + ids[i].(string))["payload"].(object), w)
		}
	}
	// The same once more: nothing of it is new.
	for _, name := range names {
		a.samples(name)
		if rec := a.list("/audit?limit=1")[0]; len(want[name]) > 0 && rec["outcome"] != "duplicate" {
			t.Errorf("%s again: %s", name, rec["outcome"])
		}
	}
	if got := len(n.events()); got != seen {
		t.Errorf("%d events after the repeats, want %d", got, seen)
	}
}

func TestEventFields(t *testing.T) {
	t.Parallel()
	a := start(t)
	n := a.tenant("Oasis Trading", "Asia/Riyadh")
	account := n.account(waba1, phone1)
	const user = "US.10000000000000000111"
	from := func(o object) object {
		for name, v := range (object{
			"event": "message.received", "tenant_id": n.id, "whatsapp_account_id": account, "timestamp": "2026-11-16T12:30:00+03:00",
			"from": customer, "sender_name": "Ana Torres", "user_id": user,
		}) {
			if _, own := o[name]; !own {
				o[name] = v
			}
		}
		return o
	}
	media := func(id, mime, sha, filename any) object {
		return object{"id": id, "mime_type": mime, "sha256": sha, "filename": filename}
	}
	for _, c := range []struct {
		sample string
		want   object
	}{
		{"message-text", from(object{"wa_message_id": "wamid.HBgLMTY1MDU1NTAxMTEVAgASGBQ2MjhCNDlEOTZEQ0RFOTdBNDMwRAA=", "type": "text", "content": "Hi, is the blue one still in stock?"})},
		{"message-image", from(object{"type": "image", "content": "Broken on arrival", "media": media("1900001289336679", "image/jpeg", "TNm3Zy1/vuj7UfseBJ9pA0IDX1Q6jv5zS3tf+wwVSkU=", nil)})},
		{"message-document", from(object{"type": "document", "content": "Rechnung März 2026.pdf", "media": media("1900002337498015", "application/pdf", "i1NjnxUsj8bvMIAv3kYroL6c8IX3WA3Gnv1y4AKruzU=", "Rechnung März 2026.pdf")})},
		{"message-audio", from(object{"media": media("1900004116705647", "audio/mpeg", "9V/xb2b0M2Ama5Xbb4/sAddgMQVDBq5KSzgFmPbP0RQ=", nil)})},
		{"message-bsuid-only", from(object{"from": user, "sender_name": "anatorres"})},
		{"message-bsuid-and-phone", from(object{})},
		{"message-system-number-changed", object{"from": customer, "sender_name": nil, "type": "system", "content": "[system]"}},
		{"status-sent", object{
			"event": "message.status_updated", "tenant_id": n.id, "whatsapp_account_id": account, "timestamp": "2026-11-16T12:30:00+03:00",
			"message_id": "wamid.HBgLMTY1MDU1NTAxMTEVAgARGBIyMzUyREE3MjgwRjFERUNDM0EA", "status": "sent", "recipient": customer, "errors": nil, "user_id": user,
		}},
		{"status-bsuid-no-recipient-id", object{"status": "delivered", "recipient": user, "user_id": user, "errors": nil, "timestamp": "2026-11-16T12:30:05+03:00"}},
		{"template-approved", object{
			"event": "template.status_changed", "tenant_id": n.id, "whatsapp_account_id": account, "timestamp": "2026-11-16T12:30:00+03:00",
			"template_name": "order_update", "language": "en_US", "category": "UTILITY", "status": "APPROVED",
		}},
		{"template-flagged", object{"template_name": "cart_reminder", "category": nil, "status": "FLAGGED"}},
		{"template-rejected", object{"status": "REJECTED", "reason": "INVALID_FORMAT"}},
		{"template-pending-deletion", object{"status": "PENDING_DELETION", "reason": nil}},
	} {
		t.Run(c.sample, func(t *testing.T) {
			a.samples(c.sample)
			events := n.events()
			last := events[len(events)-1]
			has(t, "the event", last, shape{"id": "ulid", "tenant_id": "int", "event": "string", "created_at": "time", "payload": "object", "audit_id": "ulid"})
			payload := last["payload"].(object)
			says(t, "the payload", payload, c.want)
			if last["event"] != payload["event"] {
				t.Errorf("event %s with payload %s", last["event"], encoded(payload))
			}
			hasNot(t, "the payload", payload, "raw")
			switch payload["event"] {
			case "message.received":
				has(t, "message.received", payload, shape{"tenant_id": "int", "whatsapp_account_id": "int", "wa_message_id": "string", "from": "string", "sender_name": "string|null", "type": "string", "content": "string", "timestamp": "time"})
			case "message.status_updated":
				has(t, "message.status_updated", payload, shape{"tenant_id": "int", "whatsapp_account_id": "int", "message_id": "string", "status": "string", "recipient": "string", "errors": "array|null", "timestamp": "time"})
			case "template.status_changed":
				has(t, "template.status_changed", payload, shape{"tenant_id": "int", "whatsapp_account_id": "int", "template_id": "string", "template_name": "string", "language": "string", "category": "string|null", "status": "string", "reason": "string|null", "timestamp": "time"})
			}
		})
	}
	// Nobody's number, name and id: nothing stands in for them.
	a.meta(webhookOf(inMessages(waba1, phone1, "messages", object{"id": "wamid.only", "timestamp": "1794821400", "type": "text", "text": object{"body": "x"}})))
	list := n.payloads()
	bare := list[len(list)-1]
	says(t, "a message of nobody", bare, object{"wa_message_id": "wamid.only", "from": nil, "sender_name": nil, "content": "x"})
	hasNot(t, "a message of nobody", bare, "user_id", "media")
}

func TestErrorsOfAFailedStatus(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	a.samples("status-failed-two-errors")
	failures := n.payloads()[0]["errors"].([]any)
	if len(failures) != 2 {
		t.Fatalf("%d errors", len(failures))
	}
	says(t, "the first error", failures[0].(object), object{"code": 131053, "title": "Media upload error"})
	says(t, "the second error", failures[1].(object), object{"code": 131000, "title": "Something went wrong"})
	for i := range failures {
		has(t, "an error", failures[i].(object), shape{"code": "int", "title": "string"})
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	for i, c := range []struct {
		name    string
		message object
		content string
	}{
		{"text", object{"type": "text", "text": object{"body": "  spaces\nand lines  "}}, "  spaces\nand lines  "},
		{"empty text", object{"type": "text", "text": object{"body": ""}}, ""},
		{"image", object{"type": "image", "image": object{"id": "1"}}, "[image]"},
		{"image, caption", object{"type": "image", "image": object{"id": "1", "caption": "c"}}, "c"},
		{"image, empty caption", object{"type": "image", "image": object{"id": "1", "caption": ""}}, "[image]"},
		{"video", object{"type": "video", "video": object{"id": "1"}}, "[video]"},
		{"video, caption", object{"type": "video", "video": object{"caption": "v"}}, "v"},
		{"audio", object{"type": "audio", "audio": object{"id": "1"}}, "[audio]"},
		{"document", object{"type": "document", "document": object{"filename": "f.pdf", "caption": "c"}}, "f.pdf"},
		{"document without a name", object{"type": "document", "document": object{"caption": "c"}}, "[document]"},
		{"location", object{"type": "location", "location": object{"latitude": 24.7136, "longitude": 46.6753}}, "location:24.7136,46.6753"},
		{"location at zero", object{"type": "location", "location": object{"latitude": 0, "longitude": -0.5}}, "location:0,-0.5"},
		{"button reply", object{"type": "interactive", "interactive": object{"type": "button_reply", "button_reply": object{"id": "b", "title": "Yes"}}}, "Yes"},
		{"list reply", object{"type": "interactive", "interactive": object{"type": "list_reply", "list_reply": object{"id": "r", "title": "Row"}}}, "Row"},
		{"reaction", object{"type": "reaction", "reaction": object{"emoji": "❤️", "message_id": "m"}}, "❤️"},
		{"reaction taken back", object{"type": "reaction", "reaction": object{"emoji": "", "message_id": "m"}}, ""},
		{"button", object{"type": "button", "button": object{"text": "OK", "payload": "p"}}, "OK"},
		{"sticker", object{"type": "sticker", "sticker": object{"id": "1"}}, "[sticker]"},
		{"contacts", object{"type": "contacts", "contacts": []any{}}, "[contacts]"},
		{"order", object{"type": "order", "order": object{"text": "please"}}, "[order]"},
		{"system", object{"type": "system", "system": object{"body": "b"}}, "[system]"},
		{"another type", object{"type": "poll"}, "[poll]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := object{"from": customer, "id": fmt.Sprintf("wamid.%d", i), "timestamp": "1794821400"}
			for k, v := range c.message {
				m[k] = v
			}
			a.meta(webhookOf(inMessages(waba1, phone1, "messages", m)))
			list := n.payloads()
			if len(list) != i+1 {
				t.Fatalf("%d events", len(list))
			}
			says(t, c.name, list[i], object{"type": c.message["type"], "content": c.content})
		})
	}
}

// The field says what a change is, never its members.
func TestTheFieldDecides(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	for _, field := range []string{"calls", "history", "standby", "smb_message_echoes", "Messages", "message_echoes", "messages_v2", "", "account_update", "message_template_status_update"} {
		c := inMessages(waba1, phone1, "messages", textElement(customer, "wamid."+field, "x"))
		c.field, c.value["statuses"] = field, []any{statusElement("wamid.s"+field, "sent", 1794821400)}
		a.meta(webhookOf(c))
	}
	if got := n.payloads(); len(got) != 0 {
		t.Errorf("events: %s", encoded(got))
	}
}

func TestTimeZones(t *testing.T) {
	t.Parallel()
	a := start(t)
	for i, c := range []struct{ zone, winter, summer string }{
		{"UTC", "2026-01-15T12:00:00Z", "2026-07-15T12:00:00Z"},
		{"Asia/Riyadh", "2026-01-15T15:00:00+03:00", "2026-07-15T15:00:00+03:00"},
		{"Europe/Berlin", "2026-01-15T13:00:00+01:00", "2026-07-15T14:00:00+02:00"},
		{"America/St_Johns", "2026-01-15T08:30:00-03:30", "2026-07-15T09:30:00-02:30"},
		{"Asia/Kathmandu", "2026-01-15T17:45:00+05:45", "2026-07-15T17:45:00+05:45"},
	} {
		t.Run(c.zone, func(t *testing.T) {
			n := a.tenant(c.zone, c.zone)
			waba, phone := fmt.Sprintf("1%d", i), fmt.Sprintf("2%d", i)
			n.account(waba, phone)
			for j, at := range []string{"1768478400", "1784116800"} {
				m := textElement(customer, fmt.Sprintf("wamid.%d", j), "x")
				m["timestamp"] = at
				a.meta(webhookOf(inMessages(waba, phone, "messages", m)))
			}
			list := n.payloads()
			if len(list) != 2 || list[0]["timestamp"] != c.winter && !(c.zone == "UTC" && list[0]["timestamp"] == "2026-01-15T12:00:00+00:00") {
				t.Errorf("%s", encoded(list))
			}
			if at, err := time.Parse(time.RFC3339, list[1]["timestamp"].(string)); err != nil || at.Unix() != 1784116800 || c.zone != "UTC" && list[1]["timestamp"] != c.summer {
				t.Errorf("in summer: %s", list[1]["timestamp"])
			}
			// What is published has the time of now, in the same zone.
			n.campaign("c1")
			list = n.payloads()
			at, err := time.Parse(time.RFC3339, list[2]["timestamp"].(string))
			if err != nil || time.Since(at) > patience || time.Until(at) > time.Second {
				t.Errorf("published at %s", list[2]["timestamp"])
			}
			loc, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			if _, want := time.Now().In(loc).Zone(); offset(at) != want {
				t.Errorf("published with offset %d, want %d", offset(at), want)
			}
		})
	}
}

func offset(t time.Time) int {
	_, o := t.Zone()
	return o
}

// A tenant that moves gets its new offset from then on; what was stored stays.
func TestTimeZoneChange(t *testing.T) {
	t.Parallel()
	a, n, _, _ := shop(t)
	a.meta(text(customer, "wamid.1", "x"))
	a.call("PATCH", n.path, object{"timezone": "America/New_York"}).ok(200)
	a.meta(text(customer, "wamid.2", "x"))
	list := n.payloads()
	if list[0]["timestamp"] != "2026-11-16T12:30:00+03:00" || list[1]["timestamp"] != "2026-11-16T04:30:00-05:00" {
		t.Errorf("%v and %v", list[0]["timestamp"], list[1]["timestamp"])
	}
}

func TestBatchOfSeveralTenants(t *testing.T) {
	t.Parallel()
	a := start(t)
	r1, r2 := receive(t), receive(t)
	one, two := a.tenant("One", "UTC"), a.tenant("Two", "Asia/Riyadh")
	one.account(waba1, phone1)
	two.account(waba2, phone2)
	one.endpoint(r1.url, nil)
	two.endpoint(r2.url, nil)
	a.samples("batch-mixed-3-entries") // nobody has the third WABA
	one.ended(4)
	two.ended(1)
	for _, c := range []struct {
		n      *tenant
		r      *receiver
		events string
	}{
		{one, r1, "message.received message.received message.status_updated message.status_updated"},
		{two, r2, "message.received"},
	} {
		var got []string
		for _, d := range c.r.requests() {
			got = append(got, d.event["event"].(string))
			says(t, "what came in", d.event, object{"tenant_id": c.n.id})
		}
		slices.Sort(got)
		if strings.Join(got, " ") != c.events {
			t.Errorf("tenant %d got %v", c.n.id, got)
		}
	}
	rec := a.list("/audit")[0]
	says(t, "the audit record", rec, object{"outcome": "accepted", "tenant_ids": []int64{one.id, two.id}})
	if ids := rec["event_ids"].([]any); len(ids) != 5 {
		t.Errorf("event_ids %v", ids)
	}
	// Once somebody has the third WABA, the same POST brings what nobody got.
	three := a.tenant("Three", "UTC")
	three.account(waba3, phone3)
	a.samples("batch-mixed-3-entries")
	if got := three.payloads(); len(got) != 1 || got[0]["template_name"] != "welcome" {
		t.Errorf("the third tenant's events: %s", encoded(got))
	}
	if got := len(one.events()) + len(two.events()); got != 5 {
		t.Errorf("%d events of the others, want 5", got)
	}
}

// Metadata says which number it is, not the entry.
func TestRouting(t *testing.T) {
	t.Parallel()
	a := start(t)
	n, other := a.tenant("One", "UTC"), a.tenant("Two", "UTC")
	first, second := n.account(waba1, phone1), n.account(waba1, phone3)
	other.account(waba2, phone2)
	a.samples("batch-two-phone-numbers")
	list := n.payloads()
	if len(list) != 2 {
		t.Fatalf("%d events", len(list))
	}
	says(t, "the first", list[0], object{"whatsapp_account_id": first})
	says(t, "the second", list[1], object{"whatsapp_account_id": second})

	for _, c := range []struct{ name, waba, phone string }{
		{"another tenant's number under this WABA", waba1, phone2},
		{"an unknown number under this WABA", waba1, "999"},
		{"this number under an unknown WABA", "999", phone1},
		{"this number under another tenant's WABA", waba2, phone1},
	} {
		a.meta(webhookOf(inMessages(c.waba, c.phone, "messages", textElement(customer, "wamid."+c.name, "x"))))
		if got := a.list("/audit?limit=1")[0]["outcome"]; got != "unrouted" {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	if got := len(n.events()) + len(other.events()); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
}
