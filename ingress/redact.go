package ingress

import (
	"slices"
	"strings"

	"cubeconnect/webhook"
)

// redacted stands in place of a customer's id that can't be taken out with what it stands in.
const redacted = "erased"

// Redact returns what is left of a JSON text without what it says of a customer; not ok: all of it. The text
// is the body of a POST, or what was made of one.
//
// Of an array, an object with the customer's id as one of its members goes: a message, a status, a contact,
// whatever Meta lists by whom it is about. Where else the id stands, in texts too, another word takes its
// place. A contact goes too if none of the messages and statuses that are left names it: Meta writes some numbers in two
// ways. Changes of accounts that others reports to be another tenant's stay as they are (nil: none is).
//
// A text that is no JSON is left alone: nothing is known of what it says.
func Redact(body []byte, e *webhook.Erasure, others func(wabaID, phoneNumberID string) bool) (left []byte, ok bool) {
	doc, valid := readDocument(string(body), nil)
	if !valid {
		return body, false
	}
	r := redaction{e: e, others: others, out: make([]byte, 0, len(body))}
	r.object(doc.root(), func(name string, v value) {
		if name == "entry" {
			r.array(v, nil, r.entry)
		} else {
			r.value(name, v)
		}
	})
	if !r.changed {
		return body, false
	}
	return r.out, true
}

// redaction writes a text anew.
type redaction struct {
	e       *webhook.Erasure
	others  func(wabaID, phoneNumberID string) bool
	out     []byte
	changed bool
}

// entry writes an element of entry[]. What carries a change stays, whatever its id.
func (r *redaction) entry(entry value) {
	wabaID := identifier(member(entry, "id"))
	r.object(entry, func(name string, v value) {
		switch name {
		case "id":
			r.copy(v)
		case "changes":
			r.array(v, nil, func(c value) { r.change(wabaID, c) })
		default:
			r.value(name, v)
		}
	})
}

func (r *redaction) change(wabaID string, c value) {
	parts := change{value: member(c, "value")}
	parts.readParts()
	if id := identifier(member(parts.parts.wabaInfo, "waba_id")); id != "" && text(member(c, "field")) == "account_update" {
		wabaID = id // as in route
	}
	if r.others != nil && r.others(wabaID, identifier(member(parts.parts.metadata, "phone_number_id"))) {
		r.copy(c)
		return
	}
	r.object(c, func(name string, v value) {
		if name == "value" {
			r.parts(v, &parts.parts)
		} else {
			r.value(name, v)
		}
	})
}

// parts writes a change's value. Who a message or a status is about, contacts may say.
func (r *redaction) parts(v value, p *parts) {
	who := (&parser{}).people(&change{parts: *p})
	aboutMessage := func(m value) bool {
		return r.drops(m) || r.isOne(who.sender(identifier(member(m, "from")), identifier(member(m, "from_user_id"))))
	}
	aboutStatus := func(s value) bool {
		found, _ := who.find(identifier(member(s, "recipient_id")), identifier(member(s, "recipient_user_id")))
		return r.drops(s) || r.isOne(found)
	}
	var named []string // in what is left
	lost := false
	for _, list := range [...]struct {
		elements value
		drop     func(value) bool
	}{{p.messages, aboutMessage}, {p.statuses, aboutStatus}} {
		elements(list.elements, func(element value) {
			if list.drop(element) {
				lost = true
				return
			}
			members(element, func(name string, v value) {
				if slices.Contains(personMembers, name) {
					named = append(named, identifier(v))
				}
			})
		})
	}
	stranger := func(contact value) bool {
		return r.drops(contact) ||
			lost && !slices.Contains(named, identifier(member(contact, "wa_id"))) && !slices.Contains(named, identifier(member(contact, "user_id")))
	}
	each := func(v value) { r.value("", v) }
	r.object(v, func(name string, v value) {
		switch name {
		case "metadata": // the business itself
			r.copy(v)
		case "contacts":
			r.array(v, stranger, each)
		case "messages":
			r.array(v, aboutMessage, each)
		case "statuses":
			r.array(v, aboutStatus, each)
		default:
			r.value(name, v)
		}
	})
}

func (r *redaction) isOne(c contact) bool { return r.e.Names(c.waID) || r.e.Names(c.userID) }

// personMembers are those by which Meta names somebody in messages, statuses and contacts.
var personMembers = []string{
	"from", "from_user_id", "to", "recipient_id", "recipient_user_id", "wa_id", "user_id",
	"recipient_participant_id", "participant_recipient_id", "recipient_participant_user_id",
}

// is reports whether a member is the customer's id. A number is one only where somebody is named.
func (r *redaction) is(name string, v value) bool {
	switch {
	case v.isString():
		return !isTime(name) && r.e.Names(unquote(v.raw()))
	case v.kind() == isNumber:
		return slices.Contains(personMembers, name) && r.e.Names(v.raw())
	}
	return false
}

// drops reports whether an element of an array is about the customer.
func (r *redaction) drops(element value) (about bool) {
	members(element, func(name string, v value) { about = about || r.is(name, v) })
	return about
}

func (r *redaction) copy(v value) { r.out = append(r.out, v.raw()...) }

func (r *redaction) value(name string, v value) {
	switch {
	case v.kind() == isObject:
		r.object(v, r.value)
	case v.kind() == isArray:
		r.array(v, r.drops, func(element value) { r.value(name, element) })
	case r.is(name, v):
		r.out = append(append(append(r.out, '"'), redacted...), '"')
		r.changed = true
	case v.isString() && !isTime(name):
		r.text(v.raw())
	default:
		r.copy(v)
	}
}

// text writes a string in which the id may be one of the words.
func (r *redaction) text(token string) {
	id := r.e.Customer
	for from := 0; ; {
		i := strings.Index(token[from:], id)
		if i < 0 {
			r.out = append(r.out, token[from:]...)
			return
		}
		begin, end := from+i, from+i+len(id)
		if isAlphanumeric(token[begin-1]) || isAlphanumeric(token[end]) { // the quotes are around it
			r.out = append(r.out, token[from:begin+1]...)
			from = begin + 1
			continue
		}
		r.out = append(append(r.out, token[from:begin]...), redacted...)
		r.changed = true
		from = end
	}
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// isTime reports whether a member is a time by its name: a number of seconds looks like a phone number.
func isTime(name string) bool { return strings.Contains(name, "time") }

// object writes an object whose members write writes, or another value as it is.
func (r *redaction) object(v value, write func(name string, v value)) {
	if v.kind() != isObject {
		r.value("", v)
		return
	}
	r.out = append(r.out, '{')
	d := v.doc
	for at, end := v.at+1, d.nodes[v.at].next; at < end; at = d.nodes[at+1].next {
		if at > v.at+1 {
			r.out = append(r.out, ',')
		}
		name := value{d, at}
		r.copy(name)
		r.out = append(r.out, ':')
		write(unquote(name.raw()), value{d, at + 1})
	}
	r.out = append(r.out, '}')
}

// array writes an array without the elements that drop says (nil: none), or another value as it is.
func (r *redaction) array(v value, drop func(value) bool, write func(value)) {
	if v.kind() != isArray {
		r.value("", v)
		return
	}
	r.out = append(r.out, '[')
	first := len(r.out)
	d := v.doc
	for at, end := v.at+1, d.nodes[v.at].next; at < end; at = d.nodes[at].next {
		element := value{d, at}
		if drop != nil && element.kind() == isObject && drop(element) {
			r.changed = true
			continue
		}
		if len(r.out) > first {
			r.out = append(r.out, ',')
		}
		write(element)
	}
	r.out = append(r.out, ']')
}
