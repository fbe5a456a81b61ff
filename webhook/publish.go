package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxPublication bounds the body of a request that publishes an event.
const MaxPublication = 256 << 10

// maxIDDigits leaves room for 128-bit numbers.
const maxIDDigits = 40

// publishable lists the events that the platform publishes itself, with their fields in the order of
// the payload. All others come from Meta, from the flow engine or from Send Test.
var publishable = map[string][]field{
	CampaignCreated:     {{"campaign_id", isID}, {"name", isText}, {"status", isText}, {"total_count", isCount}, {"scheduled_at", isTimeOrNull}},
	CampaignStarted:     {{"campaign_id", isID}, {"name", isText}, {"status", isText}, {"total_count", isCount}},
	CampaignCompleted:   {{"campaign_id", isID}, {"name", isText}, {"status", isText}, {"total_count", isCount}, {"sent_count", isCount}, {"failed_count", isCount}},
	TemplateSubmitted:   {{"whatsapp_account_id", isAccount}, {"template_name", isText}, {"language", isText}, {"category", isText}, {"status", isText}},
	AccountQualityEvent: {{"whatsapp_account_id", isAccount}, {"type", isBlockOrReport}, {"user_phone", isText}},
}

// reserved are the members of a payload that data can't set: the relay does.
var reserved = []string{"event", "tenant_id", "timestamp", "raw"}

// field is a member that data must have; check returns what is wrong with its value, or "".
type field struct {
	name  string
	check func(json.RawMessage) string
}

// IsPublishable reports whether an event of this type can be published, and if not, why, in words.
func IsPublishable(eventType string) (why string, ok bool) {
	switch eventType {
	case "":
		return "is required", false
	case WebhookTest:
		return "webhook.test is sent to one endpoint with POST .../endpoints/{endpoint}/test", false
	case FlowSessionStarted, FlowSessionCompleted, FlowSessionCancelled:
		return eventType + " comes from the flow engine and can't be published", false
	}
	if _, ok := publishable[eventType]; ok {
		return "", true
	}
	if IsEventType(eventType) {
		return eventType + " comes from Meta and can't be published", false
	}
	return fmt.Sprintf("%q is not an event type", clip(eventType)), false
}

// NewPublication checks what a tenant publishes against the event table and builds the payload. The
// account that it names, if any (0: none), is for the caller to look up. Its error is a [FieldErrors]
// about "event", "data" and "data.NAME".
func NewPublication(t *Tenant, eventType string, data json.RawMessage, now time.Time) (p Publication, account uint32, err error) {
	faults := FieldErrors{}
	if why, ok := IsPublishable(eventType); !ok {
		faults.Add("event", "%s", why)
		return p, 0, faults
	}
	if len(data) == 0 {
		faults.Add("data", "is required")
		return p, 0, faults
	}
	given, why := readMembers(data)
	if why != "" {
		faults.Add("data", "%s", why)
		return p, 0, faults
	}
	values := map[string]json.RawMessage{}
	for _, m := range given {
		if _, twice := values[m.name]; twice {
			faults.Add("data."+clip(m.name), "is given twice")
		}
		values[m.name] = m.value
	}
	for _, name := range reserved {
		if _, ok := values[name]; ok {
			faults.Add("data."+name, "is set by the relay")
		}
	}
	fields := publishable[eventType]
	for _, f := range fields {
		if value, ok := values[f.name]; !ok {
			faults.Add("data."+f.name, "is required")
		} else if why := f.check(value); why != "" {
			faults.Add("data."+f.name, "%s", why)
		}
	}
	if err := faults.Err(); err != nil {
		return p, 0, err
	}
	body := payloadHead(t, eventType, now)
	for _, f := range fields {
		body = appendMember(body, f.name, values[f.name])
	}
	for _, m := range given {
		if !named(fields, m.name) {
			body = appendMember(body, m.name, m.value)
		}
	}
	p.Event = Event{TenantID: t.ID, Type: eventType, Payload: append(body, '}'), Conversation: publishedIn(t.ID, eventType, values)}
	p.Fingerprint = Hash(eventType, string(compact(data)))
	return p, accountOf(values), nil
}

// NewTestEvent returns the event that Send Test sends.
func NewTestEvent(t *Tenant, message string, now time.Time) Event {
	body := payloadHead(t, WebhookTest, now)
	body = appendMember(body, "message", jsonString(message))
	return Event{TenantID: t.ID, Type: WebhookTest, Payload: append(body, '}')}
}

// publishedIn returns what the event keeps its order with: the events of one campaign, one template or
// one customer.
func publishedIn(tenant uint32, eventType string, values map[string]json.RawMessage) Conversation {
	switch eventType {
	case TemplateSubmitted:
		return ConversationOf(tenant, "template:"+text(values["template_name"]))
	case AccountQualityEvent:
		// Meta's messages carry the number without the plus sign.
		return ConversationOf(tenant, strings.TrimPrefix(text(values["user_phone"]), "+"))
	}
	return ConversationOf(tenant, "campaign:"+text(values["campaign_id"]))
}

func accountOf(values map[string]json.RawMessage) uint32 {
	n, _ := strconv.ParseUint(string(values["whatsapp_account_id"]), 10, 32)
	return uint32(n)
}

func payloadHead(t *Tenant, eventType string, now time.Time) []byte {
	body := appendMember([]byte{'{'}, "event", jsonString(eventType))
	body = appendMember(body, "tenant_id", strconv.AppendUint(nil, uint64(t.ID), 10))
	return appendMember(body, "timestamp", jsonString(now.In(t.Location()).Format(time.RFC3339)))
}

func appendMember(body []byte, name string, value json.RawMessage) []byte {
	if len(body) > 1 {
		body = append(body, ',')
	}
	body = append(body, jsonString(name)...)
	body = append(body, ':')
	return append(body, compact(value)...)
}

func named(fields []field, name string) bool {
	for _, f := range fields {
		if f.name == name {
			return true
		}
	}
	return false
}

type member struct {
	name  string
	value json.RawMessage
}

// readMembers returns the members of a JSON object in their order, repeats included, or why there are
// none.
func readMembers(object json.RawMessage) (members []member, why string) {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, "must be an object"
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, "is not JSON"
		}
		m := member{name: name.(string)} // the decoder refuses other keys
		if err := d.Decode(&m.value); err != nil {
			return nil, "is not JSON"
		}
		members = append(members, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, "is not JSON"
	}
	return members, ""
}

// compact drops the spaces between tokens and leaves everything else as it was given: numbers keep
// their digits, strings their escapes.
func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return value // it was decoded from JSON: this can't be reached
	}
	return b.Bytes()
}

// jsonString encodes a string without HTML's escapes.
func jsonString(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// text returns a JSON string's value, or the token itself where it is none.
func text(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	return s
}

func isText(value json.RawMessage) string {
	var s *string
	switch {
	case json.Unmarshal(value, &s) != nil || s == nil:
		return "must be a string"
	case strings.TrimSpace(*s) == "":
		return "must not be empty"
	}
	return ""
}

func isID(value json.RawMessage) string {
	digits := strings.TrimPrefix(string(value), "-")
	if len(digits) <= maxIDDigits && strings.Trim(digits, "0123456789") == "" {
		return "" // an integer of any size: it is passed on as it was written
	}
	if isText(value) != "" {
		return "must be a string or an integer"
	}
	return ""
}

func isCount(value json.RawMessage) string {
	// Every JSON reader holds integers below 2^53 exactly (RFC 8259, section 6).
	if _, err := strconv.ParseUint(string(value), 10, 53); err != nil {
		return "must be an integer from 0 on"
	}
	return ""
}

func isAccount(value json.RawMessage) string {
	if n, err := strconv.ParseUint(string(value), 10, 32); err != nil || n == 0 {
		return "must be the integer id of an account"
	}
	return ""
}

func isTimeOrNull(value json.RawMessage) string {
	var s *string
	if json.Unmarshal(value, &s) == nil {
		if s == nil {
			return ""
		}
		if _, err := time.Parse(time.RFC3339, *s); err == nil {
			return ""
		}
	}
	return "must be an RFC 3339 time such as 2026-03-10T14:30:00+03:00, or null"
}

func isBlockOrReport(value json.RawMessage) string {
	if s := text(value); isText(value) != "" || s != "block" && s != "report" {
		return "must be block or report"
	}
	return ""
}
