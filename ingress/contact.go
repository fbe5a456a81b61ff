package ingress

import (
	"slices"
)

// contact is an element of contacts[]: who a message is from or a status is about. Any of its members
// can be empty.
type contact struct{ waID, userID, name string }

// people are the contacts of one value.
type people struct {
	list     []contact
	messages value
	byID     map[string]int // nil while the list is short
	claimed  bool           // a message names the only contact
	asked    bool           // claimed is known
}

// manyContacts is where a map begins to beat a walk through the list; a batch has up to 1000.
const manyContacts = 8

func (p *parser) people(c *change) people {
	p.contacts = p.contacts[:0]
	elements(c.parts.contacts, func(element value) {
		var who contact
		members(element, func(name string, v value) {
			switch name {
			case "wa_id":
				who.waID = identifier(v)
			case "user_id":
				who.userID = identifier(v)
			case "profile":
				who.name = text(member(v, "name"))
			}
		})
		if who != (contact{}) {
			p.contacts = append(p.contacts, who)
		}
	})
	found := people{list: p.contacts, messages: c.parts.messages}
	if len(found.list) > manyContacts {
		found.byID = make(map[string]int, 2*len(found.list))
		for i, who := range slices.Backward(found.list) { // the first one counts, as in the list
			found.byID[who.waID] = i
			found.byID[who.userID] = i
		}
	}
	return found
}

// find returns the contact with this phone number or user id.
func (p *people) find(phone, userID string) (contact, bool) {
	for _, id := range [...]string{phone, userID} {
		if id == "" {
			continue
		}
		if p.byID != nil {
			if i, ok := p.byID[id]; ok {
				return p.list[i], true
			}
			continue
		}
		for _, who := range p.list {
			if who.waID == id || who.userID == id {
				return who, true
			}
		}
	}
	return contact{}, false
}

// sender returns who sent a message. A contact's wa_id can differ from the message's from (Brazil,
// Argentina: two forms of one number), so an only contact that no message of the value names is it too.
func (p *people) sender(phone, userID string) contact {
	who, ok := p.find(phone, userID)
	if !ok && len(p.list) == 1 && !p.onlyOneClaimed() {
		who = p.list[0]
	}
	if phone != "" {
		who.waID = phone
	}
	if userID != "" {
		who.userID = userID
	}
	return who
}

func (p *people) onlyOneClaimed() bool {
	if !p.asked {
		p.asked = true
		elements(p.messages, func(m value) {
			_, ok := p.find(identifier(member(m, "from")), identifier(member(m, "from_user_id")))
			p.claimed = p.claimed || ok
		})
	}
	return p.claimed
}

// id returns what a person is known by: the phone number, or the business-scoped user id if it is
// hidden.
func (c *contact) id() string {
	if c.waID != "" {
		return c.waID
	}
	return c.userID
}
