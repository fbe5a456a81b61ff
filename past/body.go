package past

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"
)

type object = map[string]any

// change is one of what Meta posts together: a field of one WABA.
func envelope(waba string, at time.Time, changes ...object) []byte {
	entry := object{"id": waba, "changes": changes}
	if !at.IsZero() {
		entry["time"] = at.Unix()
	}
	b, err := json.Marshal(object{"object": "whatsapp_business_account", "entry": []object{entry}})
	if err != nil {
		panic(err) // not possible: maps of strings and numbers
	}
	return b
}

// about is a change of the field messages.
func (a *account) about(value object) object {
	value["messaging_product"] = "whatsapp"
	value["metadata"] = object{"display_phone_number": digits(a.display), "phone_number_id": a.phone}
	return object{"field": "messages", "value": value}
}

func digits(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// person is a customer.
type person struct{ name, phone string }

func (p *person) contact() object {
	return object{"profile": object{"name": p.name}, "wa_id": p.phone}
}

// received is a POST with one message.
func (a *account) received(p *person, at time.Time, id string, content object) []byte {
	content["from"], content["id"], content["timestamp"] = p.phone, id, seconds(at)
	return envelope(a.waba, time.Time{}, a.about(object{"contacts": []object{p.contact()}, "messages": []object{content}}))
}

// statuses is a POST of what became of messages sent.
func (a *account) statuses(list ...object) []byte {
	return envelope(a.waba, time.Time{}, a.about(object{"statuses": list}))
}

func status(word, id, recipient string, at time.Time) object {
	s := object{"id": id, "status": word, "timestamp": seconds(at), "recipient_id": recipient}
	if word != "read" {
		s["pricing"] = object{"billable": true, "pricing_model": "PMP", "category": "utility", "type": "regular"}
	}
	return s
}

// faults are why messages fail, as Meta words it.
var faults = []object{
	{"code": 131026, "title": "Message undeliverable", "message": "Message undeliverable", "error_data": object{"details": "Message Undeliverable."}},
	{"code": 131047, "title": "Re-engagement message", "message": "Re-engagement message", "error_data": object{"details": "Message failed to send because more than 24 hours have passed since the customer last replied to this number."}},
	{"code": 131049, "title": "This message was not delivered to maintain healthy ecosystem engagement.", "message": "This message was not delivered to maintain healthy ecosystem engagement."},
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// wamid makes a message id as Meta's look.
func wamid(r *rand.Rand, phone string) string {
	b := append([]byte("\x1d\x18"), phone...)
	for range 10 {
		b = append(b, byte(r.UintN(256)))
	}
	return "wamid.HBg" + base64.StdEncoding.EncodeToString(b)
}

// content draws what a customer sends.
func content(r *rand.Rand, arabic bool, reactsTo string) object {
	media := func(kind, mime string, more object) object {
		more["id"] = strconv.FormatUint(1900000000000000+r.Uint64N(1e12), 10)
		more["mime_type"], more["sha256"] = mime, base64.StdEncoding.EncodeToString([]byte(strconv.FormatUint(r.Uint64(), 16)))
		return object{"type": kind, kind: more}
	}
	switch n := r.IntN(100); {
	case n < 60:
		return object{"type": "text", "text": object{"body": pick(r, texts[arabic])}}
	case n < 70:
		return media("image", "image/jpeg", object{"caption": pick(r, captions[arabic])})
	case n < 77:
		return media("audio", "audio/ogg; codecs=opus", object{"voice": true})
	case n < 82:
		return media("document", "application/pdf", object{"filename": pick(r, documents[arabic])})
	case n < 84:
		return media("sticker", "image/webp", object{"animated": false})
	case n < 88:
		return object{"type": "location", "location": object{"latitude": 24.7 + r.Float64()/10, "longitude": 46.6 + r.Float64()/10}}
	case n < 95:
		return object{"type": "interactive", "interactive": object{"type": "button_reply", "button_reply": object{"id": "reply-" + strconv.Itoa(r.IntN(3)), "title": pick(r, buttons[arabic])}}}
	default:
		return object{"type": "reaction", "reaction": object{"message_id": reactsTo, "emoji": pick(r, reactions)}}
	}
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// template is a change of a template's status.
func template(event string, id int, name, language, category, reason string) object {
	return object{"field": "message_template_status_update", "value": object{
		"event": event, "message_template_id": 1689556900002000 + id, "message_template_name": name, "message_template_language": language,
		"message_template_category": category, "reason": reason,
	}}
}
