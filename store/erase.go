package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"cubeconnect/webhook"
)

const (
	// eraseChunk and eraseBytes bound the records that one transaction of an erasure changes: it shares its
	// commit with what is coming in.
	eraseChunk = 200
	eraseBytes = 1 << 20
)

// Erase removes what is kept of a tenant's customer: the events about it with their deliveries, whatever
// their status, the state of its messages, when it last wrote, and in the audit log what POSTs say of it.
// What is left of those is what tells a repeat, and that they came. It is gone from the file and its log
// when Erase returns nil; the file's free pages may hold remains until they are used again.
//
// It goes in steps, each a transaction: if it is cut short, what it did stands, and asking again does the
// rest. What comes in meanwhile is no part of it.
func (s *Store) Erase(ctx context.Context, e webhook.Erasure) (done webhook.Erased, err error) {
	if _, ok := s.dir.Load().tenants[e.TenantID]; !ok {
		return done, webhook.ErrNotFound
	}
	if err := s.Note(ctx, e.Entry()); err != nil {
		return done, err
	}
	r := erasing{s: s, Erasure: e}
	for _, step := range []func(context.Context) error{r.events, r.messages, r.lastInbound, r.audits, s.wipeLog} {
		if err := step(ctx); err != nil {
			return r.done, err
		}
	}
	return r.done, nil
}

// erasing is an erasure under way.
type erasing struct {
	webhook.Erasure
	s    *Store
	done webhook.Erased
}

// found is a record that holds the customer's id, as it was read.
type found struct{ key, value []byte }

// each goes through the records of a bucket that are there now and may concern the customer, and hands
// change some of them at a time.
func (r *erasing) each(ctx context.Context, in bucket, prefix []byte, most int, may func(v []byte) bool, change func(context.Context, []found) error) error {
	var until []byte
	err := r.s.viewOf(ctx, []bucket{in}, func(b *reader) error {
		k, _ := b.cursor(in).LastWithin(prefix)
		until = after(k)
		return nil
	})
	for from := append([]byte{}, prefix...); err == nil && from != nil && until != nil; {
		var list []found
		size := 0
		err = r.s.viewOf(ctx, []bucket{in}, func(b *reader) (err error) {
			from, err = forward(b.cursor(in), from, until, func(k, v []byte) (bool, error) {
				if may(v) {
					list = append(list, found{bytes.Clone(k), bytes.Clone(v)})
					size += len(v)
				}
				return len(list) < most && size < eraseBytes, nil
			})
			return err
		})
		if err == nil && len(list) > 0 {
			err = change(ctx, list)
		}
	}
	return err
}

// names reports whether the id may stand in a record.
func (r *erasing) names(v []byte) bool {
	// A JSON text could have it in another spelling.
	return bytes.Contains(v, []byte(r.Customer)) || bytes.Contains(v, []byte(`\u00`))
}

// events removes the events about the customer, and takes its id out of others.
func (r *erasing) events(ctx context.Context) error {
	conversation := binary.BigEndian.AppendUint64(nil, uint64(webhook.ConversationOf(r.TenantID, r.Customer)))
	may := func(v []byte) bool { return bytes.Contains(v[:min(len(v), 16)], conversation) || r.names(v) }
	most := eraseChunk / (1 + len(r.s.dir.Load().byTenant[r.TenantID])) // each has a delivery to each endpoint
	return r.each(ctx, bEvents, idKey(r.TenantID), max(1, most), may, func(ctx context.Context, list []found) error {
		var done webhook.Erased
		err := r.s.update(ctx, func(t *tx) error {
			done = webhook.Erased{AlsoKnownAs: r.done.AlsoKnownAs}
			for _, f := range list {
				if err := t.eraseEvent(&r.Erasure, f.key, &done); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.done.Events += done.Events
		r.done.Deliveries += done.Deliveries
		r.done.Attempts += done.Attempts
		r.done.Mentions += done.Mentions
		r.done.AlsoKnownAs = done.AlsoKnownAs
		return nil
	})
}

func (t *tx) eraseEvent(er *webhook.Erasure, k []byte, done *webhook.Erased) error {
	v := t.get(bEvents, k)
	if v == nil {
		return nil // it expired meanwhile
	}
	e, err := decodeEvent(k, v)
	if err != nil {
		return fmt.Errorf("event %x: %w", k, err)
	}
	if !er.Concerns(&e) {
		payload, inPayload := t.s.redact(e.Payload, er, nil)
		raw, inRaw := t.s.redact(e.Raw, er, nil)
		if inPayload || inRaw {
			e.Payload, e.Raw = payload, raw
			t.put(bEvents, k, encodeEvent(&e))
			done.Mentions++
		}
		return nil
	}
	done.AlsoKnownAs = er.Aliases(slices.Clone(done.AlsoKnownAs), &e)
	var keys [][]byte
	c := t.cursor(bDeliveries)
	for k, _ := c.SeekPrefix(k); k != nil; k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		d, err := decodeDelivery(k, t.get(bDeliveries, k), true)
		if err != nil {
			return fmt.Errorf("delivery %x: %w", k, err)
		}
		waited := !d.Status.Ended()
		t.dropDelivery(&d)
		if waited { // in a group, others may wait behind it
			t.promote(d.EndpointID(), d.TenantID, d.Conversation)
		}
		done.Deliveries++
		done.Attempts += len(d.Attempts)
	}
	t.delete(bEvents, k)
	done.Events++
	return nil
}

// messages forgets the state of the customer's messages, and its part in those of groups. What stays says
// only that a message of a hashed id was here, and is what a repeat of it is known by.
func (r *erasing) messages(ctx context.Context) error {
	return r.each(ctx, bMessages, nil, eraseChunk, r.names, func(ctx context.Context, list []found) error {
		n := 0
		err := r.s.update(ctx, func(t *tx) error {
			n = 0
			for _, f := range list {
				m, found := t.readMessage(f.key)
				if !found || m.tenant != r.TenantID || !r.forget(&m) {
					continue
				}
				t.put(bMessages, f.key, encodeMessage(&m))
				n++
			}
			return nil
		})
		if err == nil {
			r.done.Messages += n
		}
		return err
	})
}

// forget takes the customer out of a message's record, and reports whether it was in there.
func (r *erasing) forget(m *message) bool {
	steps := len(m.steps)
	// A repeat of a member's status is known by the seen table too.
	m.steps = slices.DeleteFunc(m.steps, func(st messageStep) bool { return r.Names(st.participant) })
	if r.Names(m.customer) {
		m.customer, m.errors, m.erased = "", nil, true
		return true
	}
	return len(m.steps) < steps
}

// lastInbound forgets when the customer last wrote to the tenant's accounts, and to deleted ones, which
// nobody asks for any more.
func (r *erasing) lastInbound(ctx context.Context) error {
	return r.s.update(ctx, func(t *tx) error {
		r.done.LastInbound = 0
		c := t.cursor(bCustomers)
		var keys [][]byte
		for k, _ := c.First(); len(k) > 4; {
			account := bytes.Clone(k[:4])
			if a := t.dir.accounts[binary.BigEndian.Uint32(account)]; a == nil || a.TenantID == r.TenantID {
				key := customerKey(binary.BigEndian.Uint32(account), r.Customer)
				if t.get(bCustomers, key) != nil {
					keys = append(keys, key)
				}
			}
			next := after(account)
			if next == nil {
				break
			}
			k, _ = c.Seek(next)
		}
		t.deleteAll(bCustomers, keys)
		r.done.LastInbound = len(keys)
		return nil
	})
}

// audits takes what POSTs say of the customer out of the audit log. The rest of each record stays.
func (r *erasing) audits(ctx context.Context) error {
	return r.each(ctx, bAudit, nil, eraseChunk, r.names, func(ctx context.Context, list []found) error {
		var changed []*webhook.Audit
		left := map[webhook.ID][]byte{} // the bodies as they are to be
		for _, f := range list {
			a, err := decodeAudit(f.key, f.value, true)
			if err != nil {
				return fmt.Errorf("audit record %x: %w", f.key, err)
			}
			if body, ok := r.rest(&a); ok {
				changed = append(changed, &a)
				left[a.ID] = body
			}
		}
		if len(changed) == 0 {
			return nil
		}
		n := 0
		err := r.s.update(ctx, func(t *tx) error {
			n = 0
			for _, was := range changed {
				v := t.get(bAudit, was.ID[:])
				if v == nil {
					continue // it expired meanwhile
				}
				a, err := decodeAudit(was.ID[:], v, true)
				if err != nil {
					return fmt.Errorf("audit record %x: %w", was.ID, err)
				}
				body, ok := left[a.ID], true
				if !bytes.Equal(a.Body, was.Body) {
					body, ok = r.rest(&a) // another customer was erased from it
				}
				if !ok {
					continue
				}
				a.Body, a.ErasedAt = body, t.now
				t.put(bAudit, a.ID[:], encodeAudit(&a))
				n++
			}
			return nil
		})
		if err == nil {
			r.done.Audits += n
		}
		return err
	})
}

// rest returns what is left of a POST; not ok: it says nothing of the customer to this tenant.
func (r *erasing) rest(a *webhook.Audit) (body []byte, ok bool) {
	if !slices.Contains(a.TenantIDs, r.TenantID) {
		return nil, false
	}
	var others func(wabaID, phoneNumberID string) bool
	if len(a.TenantIDs) > 1 || a.Foreign {
		others = func(wabaID, phoneNumberID string) bool {
			tenant, _, _, ok := r.s.Route(wabaID, phoneNumberID)
			return ok && tenant != r.TenantID
		}
	}
	return r.s.redact(a.Body, &r.Erasure, others)
}

// wipeLog returns when what was written before is in the file, and no remains of it are in the log. Its two
// files take turns: each is wiped when it is begun anew.
func (s *Store) wipeLog(ctx context.Context) error {
	s.wiping.Add(1)
	defer s.wiping.Add(-1)
	if err := s.FlushAll(ctx); err != nil {
		return err
	}
	return s.FlushAll(ctx)
}
