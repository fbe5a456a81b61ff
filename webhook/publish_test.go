package webhook

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	akme    = Tenant{ID: 7, Name: "Akme", Timezone: "Asia/Riyadh"}
	publish = time.Date(2026, 3, 10, 11, 30, 0, 123, time.UTC)
)

const head = `"tenant_id":7,"timestamp":"2026-03-10T14:30:00+03:00",`

func TestNewPublication(t *testing.T) {
	for name, tt := range map[string]struct {
		event, data string
		payload     string // behind event and head
		account     uint32
		in          string // conversation
	}{
		"created": {CampaignCreated, `{"campaign_id":"c-1","name":"Eid","status":"draft","total_count":0,"scheduled_at":null}`,
			`"campaign_id":"c-1","name":"Eid","status":"draft","total_count":0,"scheduled_at":null}`, 0, "campaign:c-1"},
		"in the table's order, further members as given": {CampaignCreated, ` { "z" : [1, 2.50, 1e3],"scheduled_at":"2026-03-11T00:00:00Z","total_count":9007199254740991 ,"name":"a <b> & c","status":"x","campaign_id":12345678901234567890, "a":{"event":1}} `,
			`"campaign_id":12345678901234567890,"name":"a <b> & c","status":"x","total_count":9007199254740991,"scheduled_at":"2026-03-11T00:00:00Z","z":[1,2.50,1e3],"a":{"event":1}}`, 0, "campaign:12345678901234567890"},
		"started": {CampaignStarted, `{"campaign_id":-1,"name":"n","status":"s","total_count":3}`,
			`"campaign_id":-1,"name":"n","status":"s","total_count":3}`, 0, "campaign:-1"},
		"completed": {CampaignCompleted, `{"campaign_id":1,"name":"n","status":"s","total_count":3,"sent_count":2,"failed_count":1}`,
			`"campaign_id":1,"name":"n","status":"s","total_count":3,"sent_count":2,"failed_count":1}`, 0, "campaign:1"},
		"template": {TemplateSubmitted, `{"whatsapp_account_id":4,"template_name":"otp","language":"ar","category":"UTILITY","status":"PENDING"}`,
			`"whatsapp_account_id":4,"template_name":"otp","language":"ar","category":"UTILITY","status":"PENDING"}`, 4, "template:otp"},
		"quality": {AccountQualityEvent, `{"whatsapp_account_id":4,"type":"block","user_phone":"+966500000000"}`,
			`"whatsapp_account_id":4,"type":"block","user_phone":"+966500000000"}`, 4, "966500000000"},
		"escapes stay": {CampaignStarted, `{"campaign_id":1,"name":"\u0041\/","status":"s","total_count":3}`,
			`"campaign_id":1,"name":"\u0041\/","status":"s","total_count":3}`, 0, "campaign:1"},
	} {
		t.Run(name, func(t *testing.T) {
			p, account, err := NewPublication(&akme, tt.event, json.RawMessage(tt.data), publish)
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"event":"` + tt.event + `",` + head + tt.payload; string(p.Event.Payload) != want {
				t.Errorf("payload\n%s, want\n%s", p.Event.Payload, want)
			}
			if account != tt.account || p.Event.TenantID != 7 || p.Event.Type != tt.event {
				t.Errorf("account %d, tenant %d, type %s", account, p.Event.TenantID, p.Event.Type)
			}
			if p.Event.Conversation != ConversationOf(7, tt.in) {
				t.Error("another conversation")
			}
		})
	}
}

func TestNewPublicationRefuses(t *testing.T) {
	const started = `{"campaign_id":1,"name":"n","status":"s","total_count":3`
	for name, tt := range map[string]struct {
		event, data string
		want        []string
	}{
		"no event":         {"", `{}`, []string{"event"}},
		"unknown event":    {"campaign.create", `{}`, []string{"event"}},
		"Meta's":           {MessageReceived, `{}`, []string{"event"}},
		"the flows'":       {FlowSessionStarted, `{}`, []string{"event"}},
		"Send Test's":      {WebhookTest, `{"message":"x"}`, []string{"event"}},
		"no data":          {CampaignStarted, ``, []string{"data"}},
		"null":             {CampaignStarted, `null`, []string{"data"}},
		"a list":           {CampaignStarted, `[]`, []string{"data"}},
		"empty":            {CampaignStarted, `{}`, []string{"data.campaign_id", "data.name", "data.status", "data.total_count"}},
		"negative count":   {CampaignStarted, `{"campaign_id":1,"name":"n","status":"s","total_count":-1}`, []string{"data.total_count"}},
		"broken count":     {CampaignStarted, `{"campaign_id":1,"name":"n","status":"s","total_count":1.5}`, []string{"data.total_count"}},
		"count as text":    {CampaignStarted, `{"campaign_id":1,"name":"n","status":"s","total_count":"1"}`, []string{"data.total_count"}},
		"large count":      {CampaignStarted, `{"campaign_id":1,"name":"n","status":"s","total_count":9007199254740992}`, []string{"data.total_count"}},
		"null name":        {CampaignStarted, `{"campaign_id":1,"name":null,"status":" ","total_count":1}`, []string{"data.name", "data.status"}},
		"broken id":        {CampaignStarted, `{"campaign_id":1.5,"name":"n","status":"s","total_count":1}`, []string{"data.campaign_id"}},
		"empty id":         {CampaignStarted, `{"campaign_id":"","name":"n","status":"s","total_count":1}`, []string{"data.campaign_id"}},
		"id of a kind":     {CampaignStarted, `{"campaign_id":{},"name":"n","status":"s","total_count":1}`, []string{"data.campaign_id"}},
		"endless id":       {CampaignStarted, `{"campaign_id":` + strings.Repeat("1", 41) + `,"name":"n","status":"s","total_count":1}`, []string{"data.campaign_id"}},
		"twice":            {CampaignStarted, started + `,"name":"m"}`, []string{"data.name"}},
		"event twice":      {CampaignStarted, started + `,"event":"x"}`, []string{"data.event"}},
		"the relay's":      {CampaignStarted, started + `,"event":1,"tenant_id":1,"timestamp":1,"raw":1}`, []string{"data.event", "data.raw", "data.tenant_id", "data.timestamp"}},
		"escaped":          {CampaignStarted, started + `,"\u0065vent":1}`, []string{"data.event"}},
		"scheduled when":   {CampaignCreated, started + `,"scheduled_at":"tomorrow"}`, []string{"data.scheduled_at"}},
		"scheduled number": {CampaignCreated, started + `,"scheduled_at":5}`, []string{"data.scheduled_at"}},
		"not scheduled":    {CampaignCreated, started + `}`, []string{"data.scheduled_at"}},
		"account 0":        {AccountQualityEvent, `{"whatsapp_account_id":0,"type":"block","user_phone":"1"}`, []string{"data.whatsapp_account_id"}},
		"account text":     {AccountQualityEvent, `{"whatsapp_account_id":"1","type":"block","user_phone":"1"}`, []string{"data.whatsapp_account_id"}},
		"account large":    {AccountQualityEvent, `{"whatsapp_account_id":4294967296,"type":"block","user_phone":"1"}`, []string{"data.whatsapp_account_id"}},
		"type":             {AccountQualityEvent, `{"whatsapp_account_id":1,"type":"spam","user_phone":1}`, []string{"data.type", "data.user_phone"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := NewPublication(&akme, tt.event, json.RawMessage(tt.data), publish)
			var faults FieldErrors
			if !errors.As(err, &faults) {
				t.Fatalf("error %v", err)
			}
			if got := slices.Sorted(maps.Keys(faults)); !slices.Equal(got, tt.want) {
				t.Errorf("faults %v, want of %v", faults, tt.want)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	of := func(event, data string) [HashSize]byte {
		p, _, err := NewPublication(&akme, event, json.RawMessage(data), publish)
		if err != nil {
			t.Fatal(err)
		}
		return p.Fingerprint
	}
	a := of(CampaignStarted, `{"campaign_id":1,"name":"n","status":"s","total_count":3}`)
	if a != of(CampaignStarted, ` {"campaign_id": 1, "name": "n", "status": "s", "total_count": 3}`) {
		t.Error("spaces count")
	}
	if a == of(CampaignStarted, `{"campaign_id":2,"name":"n","status":"s","total_count":3}`) {
		t.Error("values don't count")
	}
	if a == of(CampaignCompleted, `{"campaign_id":1,"name":"n","status":"s","total_count":3,"sent_count":1,"failed_count":1}`) {
		t.Error("the event does not count")
	}
}

func TestNewTestEvent(t *testing.T) {
	e := NewTestEvent(&akme, "a <b>", publish)
	if want := `{"event":"webhook.test",` + head + `"message":"a <b>"}`; string(e.Payload) != want {
		t.Errorf("payload %s, want %s", e.Payload, want)
	}
}

func FuzzNewPublication(f *testing.F) {
	f.Add(CampaignStarted, `{"campaign_id":1,"name":"n","status":"s","total_count":3,"x":[{}]}`)
	f.Add(AccountQualityEvent, `{"whatsapp_account_id":1,"type":"block","user_phone":"1"}`)
	f.Fuzz(func(t *testing.T, event, data string) {
		if !json.Valid([]byte(data)) {
			return // the body was decoded already
		}
		p, _, err := NewPublication(&akme, event, json.RawMessage(data), publish)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error %v", err)
			}
			return
		}
		var payload map[string]any
		if err := json.Unmarshal(p.Event.Payload, &payload); err != nil || payload["event"] != event || payload["tenant_id"] != 7.0 {
			t.Fatalf("payload %s: %v", p.Event.Payload, err)
		}
	})
}
