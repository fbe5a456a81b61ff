package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cubeconnect/webhook"
)

type messagesPage struct {
	frame
	Form     form
	Searched bool
	Messages []messageView
}

// messageView is one message and how far it has come.
type messageView struct {
	webhook.Message
	State      condition
	Tenant     tenantLink
	Zone       *time.Location
	Account    *webhook.Account // nil: deleted
	AccountAt  string
	Steps      []stepView
	Members    []memberView
	Faults     []messageFault
	Deliveries string // where the deliveries of its events are
}

// stepView is one status that Meta reported.
type stepView struct {
	State condition
	At    time.Time
}

// memberView is how far a group's message has come at one member.
type memberView struct {
	Name  string
	Steps []stepView
}

// messageFault is a reason that Meta gave.
type messageFault struct {
	Words                string // key of what it means and what to do; empty: Meta's own words must do
	Code, Title, Details string
}

func messageState(s webhook.MessageStatus) condition {
	switch s {
	case webhook.MessageSent:
		return condition{"message.sent", "wait"}
	case webhook.MessageDelivered:
		return condition{"message.delivered", "good"}
	case webhook.MessageRead:
		return condition{"message.read", "good"}
	case webhook.MessageFailed:
		return condition{"message.failed", "bad"}
	case webhook.MessageInbound:
		return condition{"message.received", "good"}
	}
	return condition{"message.unknown", "info"}
}

// messages finds a message by Meta's id. There is no list: ids are kept as hashes.
func (q *request) messages() error {
	f := q.filters()
	// Meta's ids are base64: there is no space in them, and a plus that was not escaped arrives as one.
	id := strings.ReplaceAll(f.Text("id"), " ", "+")
	f.values.Set("id", id)
	p := &messagesPage{frame: q.frame("messages.title", "/messages"), Form: f, Searched: id != ""}
	if !p.Searched {
		return q.render(http.StatusOK, "messages", p)
	}
	found, err := q.c.store.Messages(q.Context(), 0, id)
	if err != nil && !errors.Is(err, webhook.ErrNotFound) {
		return err
	}
	for i := range found {
		v, err := q.message(&found[i])
		if err != nil {
			return err
		}
		p.Messages = append(p.Messages, v)
	}
	return q.render(http.StatusOK, "messages", p)
}

func (q *request) message(m *webhook.Message) (messageView, error) {
	v := messageView{Message: *m, State: messageState(m.Status), Tenant: q.tenantLink(m.TenantID), Zone: time.UTC, Faults: readFaults(m.Errors)}
	if t, err := q.c.store.Tenant(q.Context(), m.TenantID); err == nil {
		v.Zone = t.Location()
	}
	v.Deliveries = tenantURL(m.TenantID) + "/deliveries?find=" + url.QueryEscape(m.WAMID)
	a, err := q.c.store.Account(q.Context(), m.TenantID, m.AccountID)
	switch {
	case err == nil:
		v.Account, v.AccountAt = &a, accountURL(&a)
	case !errors.Is(err, webhook.ErrNotFound):
		return v, err
	}
	steps := slices.Clone(m.History)
	slices.SortStableFunc(steps, func(a, b webhook.MessageStep) int { return a.At.Compare(b.At) })
	for _, s := range steps {
		step := stepView{messageState(s.Status), s.At}
		if s.Participant == "" {
			v.Steps = append(v.Steps, step)
			continue
		}
		i := slices.IndexFunc(v.Members, func(m memberView) bool { return m.Name == s.Participant })
		if i < 0 {
			i, v.Members = len(v.Members), append(v.Members, memberView{Name: s.Participant})
		}
		v.Members[i].Steps = append(v.Members[i].Steps, step)
	}
	return v, nil
}

// readFaults reads Meta's errors. What it can't read it leaves out: the audit log has it as it came.
func readFaults(raw []byte) (faults []messageFault) {
	var list []struct {
		Code    json.RawMessage `json:"code"`
		Title   string          `json:"title"`
		Message string          `json:"message"`
		Data    struct {
			Details string `json:"details"`
		} `json:"error_data"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	for _, e := range list {
		code := strings.Trim(string(e.Code), `"`)
		f := messageFault{Words: faultWords[code], Code: code, Title: e.Title, Details: e.Data.Details}
		if f.Details == "" && e.Message != e.Title {
			f.Details = e.Message
		}
		faults = append(faults, f)
	}
	return faults
}

// faultWords says what Meta's error codes mean
// (https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes). Those that only a
// programmer can do something about are left to Meta's words.
var faultWords = map[string]string{
	"131026": "message.fault.undeliverable",
	"131047": "message.fault.window",
	"131049": "message.fault.ecosystem",
	"131050": "message.fault.stopped",
	"130472": "message.fault.experiment",
	"130497": "message.fault.country",
	"131042": "message.fault.payment",
	"131048": "message.fault.spam",
	"131056": "message.fault.pair",
	"130429": "message.fault.rate",
	"80007":  "message.fault.rate",
	"4":      "message.fault.rate",
	"1":      "message.fault.temporary",
	"2":      "message.fault.temporary",
	"131000": "message.fault.temporary",
	"131016": "message.fault.temporary",
	"131057": "message.fault.temporary",
	"131021": "message.fault.self",
	"131030": "message.fault.sandbox",
	"131031": "message.fault.locked",
	"368":    "message.fault.locked",
	"131037": "message.fault.name",
	"131045": "message.fault.registration",
	"133010": "message.fault.registration",
	"131051": "message.fault.type",
	"131052": "message.fault.media",
	"131053": "message.fault.media",
	"132000": "message.fault.parameters",
	"132005": "message.fault.parameters",
	"132012": "message.fault.parameters",
	"132001": "message.fault.template",
	"132007": "message.fault.policy",
	"132015": "message.fault.paused",
	"132016": "message.fault.disabled",
	"0":      "message.fault.token",
	"190":    "message.fault.token",
	"3":      "message.fault.permission",
	"10":     "message.fault.permission",
	"131005": "message.fault.permission",
}
