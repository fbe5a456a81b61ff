package ingress

import (
	"slices"
	"strings"
	"sync"
	"time"

	"cubeconnect/webhook"
)

// whatsApp is the root object of the only product that is relayed; a URL shared with Messenger or
// Instagram gets "page" and "instagram" too.
const whatsApp = "whatsapp_business_account"

// room is memory that parsers use one after the other.
type room struct {
	nodes   []node
	payload []byte
}

var rooms = sync.Pool{New: func() any { return &room{make([]node, 0, 128), make([]byte, 0, 1<<10)} }}

// Room that has grown beyond these is left to the garbage collector: one batch must not hold it for good.
const (
	maxRoomNodes   = 4 << 10
	maxRoomPayload = 64 << 10
)

// Parse says what a body means to the tenants it concerns. ReceivedAt stands in for times that Meta
// leaves out. The result holds body itself as its Body, and otherwise nothing that shares its memory.
//
// Whatever the body is, Parse returns: elements that can't be understood lead to nothing and spoil no
// other. Among members of the same name the last one counts.
func Parse(body []byte, receivedAt time.Time, dir Directory) webhook.Inbound {
	p := parser{in: &webhook.Inbound{ReceivedAt: receivedAt, Body: body}, dir: dir}
	p.read(body)
	return *p.in
}

// MaxStrangers bounds what [Strangers] returns.
const MaxStrangers = 20

// Strangers returns by which ids the changes in a body belong to no account, each pair once.
func Strangers(body []byte, dir Directory) (found []webhook.Stranger) {
	p := parser{in: &webhook.Inbound{}, dir: dir, strange: func(wabaID, phoneNumberID string) {
		s := webhook.Stranger{WABAID: strings.Clone(wabaID), PhoneNumberID: phoneNumberID}
		if len(found) < MaxStrangers && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}}
	p.read(body)
	return found
}

// read goes through a body.
func (p *parser) read(body []byte) {
	// A copy, for body is lent. What items keep is copied again, or one id that somebody remembers
	// would keep a whole batch in memory.
	room := rooms.Get().(*room)
	doc, ok := readDocument(string(body), room.nodes)
	defer func() {
		if cap(doc.nodes) <= maxRoomNodes && cap(p.out.b) <= maxRoomPayload {
			room.nodes, room.payload = doc.nodes, p.out.b
			rooms.Put(room)
		}
	}()
	p.out = payload{room.payload[:0]}
	if !ok || doc.root().kind() != isObject {
		p.in.Unparsed = true
		return
	}
	var object string
	var entries value
	members(doc.root(), func(name string, v value) {
		switch name {
		case "object":
			object = text(v)
		case "entry":
			entries = v
		}
	})
	if object == whatsApp {
		elements(entries, p.entry)
	}
}

// parser carries one body's way from Meta's changes to items.
type parser struct {
	in       *webhook.Inbound
	dir      Directory
	out      payload   // reused from item to item
	contacts []contact // likewise, from change to change

	strange func(wabaID, phoneNumberID string) // nil: nobody asks
}

// change is an element of changes[] whose account is known.
type change struct {
	Route
	wabaID        string
	phoneNumberID string // empty where Meta names none: templates, accounts
	entryTime     value  // absent on messages
	field         string
	value         value
	parts         parts
}

// parts are the members of a change's value that routing or field messages need.
type parts struct {
	metadata, wabaInfo, contacts, messages, statuses value
}

func (p *parser) entry(entry value) {
	var id string
	var at, changes value
	members(entry, func(name string, v value) {
		switch name {
		case "id":
			id = identifier(v)
		case "time":
			at = v
		case "changes":
			changes = v
		}
	})
	elements(changes, func(c value) { p.change(change{wabaID: id, entryTime: at}, c) })
}

// change decides by the field alone what an element of changes[] means: calls, history, standby and
// fields of the future have members named messages and statuses as well.
func (p *parser) change(c change, element value) {
	members(element, func(name string, v value) {
		switch name {
		case "field":
			c.field = text(v)
		case "value":
			c.value = v
		}
	})
	if c.field == "" && c.value.kind() != isObject {
		return
	}
	c.readParts()
	if !p.route(&c) {
		return
	}
	switch c.field {
	case "messages":
		p.messages(&c)
	case "message_template_status_update":
		p.template(&c)
	case "account_update", "account_review_update", "business_capability_update",
		"phone_number_quality_update", "phone_number_name_update":
		p.account(&c)
	}
}

func (c *change) readParts() {
	members(c.value, func(name string, v value) {
		switch name {
		case "metadata":
			c.parts.metadata = v
		case "waba_info":
			c.parts.wabaInfo = v
		case "contacts":
			c.parts.contacts = v
		case "messages":
			c.parts.messages = v
		case "statuses":
			c.parts.statuses = v
		}
	})
}

// route finds the change's account and notes its tenant, or that nobody has it.
func (p *parser) route(c *change) (known bool) {
	c.phoneNumberID = strings.Clone(identifier(member(c.parts.metadata, "phone_number_id")))
	if c.field == "account_update" {
		// Partner events have a business portfolio's id as entry.id and name the WABA inside
		// (reference of account_update).
		if id := identifier(member(c.parts.wabaInfo, "waba_id")); id != "" {
			c.wabaID = id
		}
	}
	if c.wabaID != "" || c.phoneNumberID != "" {
		c.Route, known = p.dir.Account(c.wabaID, c.phoneNumberID)
	}
	if !known {
		// partner_solutions concerns a business portfolio, hence no account of anybody.
		if c.field != "partner_solutions" {
			p.in.Unrouted = true
			if p.strange != nil {
				p.strange(c.wabaID, c.phoneNumberID)
			}
		}
		return false
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if i, found := slices.BinarySearch(p.in.Tenants, c.Tenant); !found {
		p.in.Tenants = slices.Insert(p.in.Tenants, i, c.Tenant)
	}
	return true
}

// messages goes through the arrays of field messages. Meta fills one of them as a rule, and
// documents no such rule.
func (p *parser) messages(c *change) {
	people := p.people(c)
	ofMessage := func(m value) { p.message(c, &people, m) }
	ofStatus := func(s value) { p.status(c, &people, s) }
	if c.parts.statuses.at < c.parts.messages.at {
		elements(c.parts.statuses, ofStatus)
		elements(c.parts.messages, ofMessage)
		return
	}
	elements(c.parts.messages, ofMessage)
	elements(c.parts.statuses, ofStatus)
}
