package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubeconnect/webhook"
)

// maxSteps bounds a message's history. A message to one person has four steps; those of a group's members
// are told apart elsewhere (see applyStatus).
const maxSteps = 64

// message is a message record.
type message struct {
	tenant, account uint32
	inbound         bool
	erased          bool // its customer was: what is left is what a repeat is known by
	status          webhook.MessageStatus
	updated         int64 // arrival of the last change, ms
	customer        string
	errors          []byte
	steps           []messageStep
}

type messageStep struct {
	status      webhook.MessageStatus
	at          int64 // Meta's time, ms
	arrived     int64 // ours
	participant string
}

const (
	messageInbound = 1 << iota
	messageErased
)

// encodeMessage:
//
//	| version | status | flags | tenant, account, updated (ms) | customer, errors | count, steps                                             |
//	| 1       | 1      | 1     | varints                       | bytes each       | status 1, at and arrived (ms) varints, participant bytes |
func encodeMessage(m *message) []byte {
	b := append(make([]byte, 0, 64+len(m.errors)), recordVersion, byte(m.status))
	flags := byte(0)
	if m.inbound {
		flags |= messageInbound
	}
	if m.erased {
		flags |= messageErased
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(m.tenant))
	b = binary.AppendUvarint(b, uint64(m.account))
	b = appendTime(b, m.updated)
	b = appendBytes(b, m.customer)
	b = appendBytes(b, m.errors)
	b = binary.AppendUvarint(b, uint64(len(m.steps)))
	for _, st := range m.steps {
		b = append(b, byte(st.status))
		b = appendTime(b, st.at)
		b = appendTime(b, st.arrived)
		b = appendBytes(b, st.participant)
	}
	return b
}

func decodeMessage(v []byte) (m message, err error) {
	d := decode(v)
	m.status = webhook.MessageStatus(d.byte())
	flags := d.byte()
	m.inbound, m.erased = flags&messageInbound != 0, flags&messageErased != 0
	m.tenant, m.account, m.updated = d.uint32(), d.uint32(), d.millis()
	m.customer, m.errors = d.string(), d.bytes()
	for range d.int(maxSteps) {
		m.steps = append(m.steps, messageStep{webhook.MessageStatus(d.byte()), d.millis(), d.millis(), d.string()})
	}
	return m, d.err()
}

// readMessage takes a record that can't be read for none: Meta would send again for days what can't be
// stored because of it.
func (t *tx) readMessage(k []byte) (m message, found bool) {
	v := t.get(bMessages, k)
	if v == nil {
		return m, false
	}
	m, err := decodeMessage(v)
	if err != nil {
		t.s.log.Error("a message's record can't be read, and is begun anew", "key", fmt.Sprintf("%x", k), "error", err)
		return message{}, false
	}
	return m, true
}

func (t *tx) applyMessage(item *webhook.Item, c *webhook.MessageItem) bool {
	k := messageKey(c.MessageID, c.PhoneNumberID)
	m, found := t.readMessage(k)
	if found && t.remembered(m.updated) && slices.ContainsFunc(m.steps, func(st messageStep) bool { return st.status == webhook.MessageInbound }) {
		return false
	}
	now := t.now.UnixMilli()
	m = message{
		tenant: item.TenantID, account: item.AccountID, inbound: true, status: webhook.MessageInbound, updated: now, customer: c.Customer,
		steps: []messageStep{{webhook.MessageInbound, millisOf(c.At), now, ""}},
	}
	t.put(bMessages, k, encodeMessage(&m))
	t.heardFrom(item.AccountID, c.Customer, c.At)
	return true
}

// heardFrom keeps when a customer last wrote to an account: for 24 hours from then on, the account may
// answer freely.
func (t *tx) heardFrom(account uint32, customer string, at time.Time) {
	if customer == "" {
		return
	}
	k := customerKey(account, customer)
	if v := t.get(bCustomers, k); len(v) != 6 || millis(v) < at.UnixMilli() {
		t.put(bCustomers, k, appendMillis(nil, at.UnixMilli()))
	}
}

// LastInbound returns when a customer last wrote to an account, by Meta's clock; zero: never, or too long
// ago.
func (s *Store) LastInbound(ctx context.Context, account uint32, customer string) (at time.Time, err error) {
	err = s.view(ctx, func(b *reader) error {
		at = timeOf(millis(b.get(bCustomers, customerKey(account, customer))))
		return nil
	})
	return at, err
}

func (t *tx) applyStatus(item *webhook.Item, c *webhook.StatusItem) bool {
	k := messageKey(c.MessageID, c.PhoneNumberID)
	m, found := t.readMessage(k)
	same := func(st messageStep) bool { return st.status == c.Status && st.participant == c.Participant }
	if i := slices.IndexFunc(m.steps, same); i >= 0 {
		if t.remembered(m.steps[i].arrived) {
			return false
		}
		m.steps = slices.Delete(m.steps, i, i+1)
	}
	// A group has up to 1,024 members, more than a record should hold.
	if c.Participant != "" && !t.once("status", c.PhoneNumberID, c.MessageID, c.Status.String(), c.Participant) {
		return false
	}
	now := t.now.UnixMilli()
	if !found {
		m = message{tenant: item.TenantID, account: item.AccountID, customer: c.Customer}
	}
	if m.erased { // something new of a customer who was erased is a new beginning
		m.erased, m.customer = false, c.Customer
	}
	m.updated = now
	if len(m.steps) == maxSteps && c.Participant == "" {
		// Of the group's own steps there are few, and nothing else remembers them.
		ofMember := func(st messageStep) bool { return st.participant != "" }
		i := slices.IndexFunc(m.steps, ofMember)
		m.steps = slices.Delete(m.steps, i, i+1)
	}
	if len(m.steps) < maxSteps {
		m.steps = append(m.steps, messageStep{c.Status, millisOf(c.At), now, c.Participant})
	}
	if c.Status > m.status {
		m.status, m.errors = c.Status, nil
		if c.Status == webhook.MessageFailed {
			m.errors = c.Errors
		}
	}
	t.put(bMessages, k, encodeMessage(&m))
	return true
}

// Messages returns the state of every message with this id that the tenant has (0: any tenant): normally
// one. It is [webhook.ErrNotFound] if there is none.
func (s *Store) Messages(ctx context.Context, tenant uint32, wamid string) (list []webhook.Message, err error) {
	err = s.view(ctx, func(b *reader) error {
		return eachMessage(b, wamid, func(m *message) {
			if _, ok := s.dir.Load().tenants[m.tenant]; ok && (tenant == 0 || m.tenant == tenant) {
				list = append(list, m.export(wamid))
			}
		})
	})
	if err == nil && len(list) == 0 {
		err = webhook.ErrNotFound
	}
	return list, err
}

// eachMessage calls visit with every message of an id: one for each number that has it.
func eachMessage(b *reader, wamid string, visit func(*message)) error {
	c := b.cursor(bMessages)
	for k, v := c.SeekPrefix(messageKey(wamid, "")[:12]); k != nil; k, v = c.Next() {
		m, err := decodeMessage(v)
		if err != nil {
			return fmt.Errorf("message %x: %w", k, err)
		}
		if !m.erased {
			visit(&m)
		}
	}
	return nil
}

func (m *message) export(wamid string) webhook.Message {
	out := webhook.Message{
		WAMID: wamid, TenantID: m.tenant, AccountID: m.account, Inbound: m.inbound, Customer: m.customer, Status: m.status, Errors: m.errors, UpdatedAt: timeOf(m.updated),
	}
	for _, st := range m.steps {
		out.History = append(out.History, webhook.MessageStep{Status: st.status, At: timeOf(st.at), Participant: st.participant})
	}
	return out
}

type templateRecord struct {
	AccountID uint32    `json:"account_id"`
	WABAID    string    `json:"waba_id"`
	MetaID    string    `json:"meta_id,omitempty"`
	Name      string    `json:"name"`
	Language  string    `json:"language"`
	Category  string    `json:"category,omitempty"`
	Status    string    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	UpdatedAt time.Time `json:"updated_at"` // Meta's time
}

func (t *tx) applyTemplate(item *webhook.Item, c *webhook.TemplateItem) (bool, error) {
	name := cmp.Or(c.TemplateID, c.Name)
	if !t.once("template", c.WABAID, name, c.Language, c.Status, strconv.FormatInt(c.EntryTime, 10)) {
		return false, nil
	}
	k := tenantHashKey(item.TenantID, c.WABAID, name, c.Language)
	var r templateRecord
	if v := t.get(bTemplates, k); v != nil {
		if err := unmarshal(v, &r); err != nil {
			t.s.log.Error("a template's record can't be read, and is begun anew", "key", fmt.Sprintf("%x", k), "error", err)
			r = templateRecord{}
		}
		if r.UpdatedAt.After(c.At) {
			return true, nil // an older change that came later is told, but isn't the state
		}
	}
	r = templateRecord{item.AccountID, c.WABAID, c.TemplateID, c.Name, c.Language, cmp.Or(c.Category, r.Category), c.Status, c.Reason, c.At}
	v, err := json.Marshal(r)
	if err != nil {
		return false, err
	}
	t.put(bTemplates, k, v)
	return true, nil
}

// placeForm is what a place in the list of templates looks like: the time of the last change and the key.
var placeForm = regexp.MustCompile("^[0-9]{13}-[0-9a-f]{32}$")

// Templates lists the template table. Tenants have hundreds of templates, not millions: the list is
// sorted in memory.
func (s *Store) Templates(ctx context.Context, f webhook.TemplateFilter, p webhook.Page) (list webhook.List[webhook.Template], err error) {
	type row struct {
		webhook.Template
		place string
	}
	var rows []row
	if p.Cursor != "" && !placeForm.MatchString(p.Cursor) {
		return list, errCursor()
	}
	dir, waba := s.dir.Load(), ""
	if a := dir.accounts[f.AccountID]; a != nil {
		waba = a.WABAID // a template belongs to all numbers of its WABA
	}
	err = s.view(ctx, func(b *reader) error {
		var prefix []byte
		if f.TenantID != 0 {
			prefix = idKey(f.TenantID)
		}
		c := b.cursor(bTemplates)
		for k, v := c.SeekPrefix(prefix); k != nil; k, v = c.Next() {
			var r templateRecord
			if err := unmarshal(v, &r); err != nil || len(k) != 16 {
				return fmt.Errorf("template %x: %w", k, errRecord)
			}
			tenant := binary.BigEndian.Uint32(k)
			if _, ok := dir.tenants[tenant]; !ok || f.AccountID != 0 && r.AccountID != f.AccountID && r.WABAID != waba || f.Status != "" && !strings.EqualFold(r.Status, f.Status) {
				continue
			}
			rows = append(rows, row{
				webhook.Template{TenantID: tenant, AccountID: r.AccountID, WABAID: r.WABAID, MetaID: r.MetaID, Name: r.Name, Language: r.Language, Category: r.Category, Status: r.Status, Reason: r.Reason, UpdatedAt: r.UpdatedAt},
				fmt.Sprintf("%013d-%x", r.UpdatedAt.UnixMilli(), k),
			})
		}
		return nil
	})
	if err != nil {
		return list, err
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(b.place, a.place) })
	for i, r := range rows {
		if p.Cursor != "" && r.place >= p.Cursor {
			continue
		}
		if len(list.Items) == pageSize(p) {
			list.Next = rows[i-1].place
			break
		}
		list.Items = append(list.Items, r.Template)
	}
	return list, nil
}
