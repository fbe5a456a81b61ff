package store

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"cubeconnect/webhook"
)

const (
	// reprocessChunk and reprocessBytes bound the audit records that are in memory at a time.
	reprocessChunk = 200
	reprocessBytes = 1 << 20
	// reprocessItems is about how many items one transaction deals with: it shares its commit with what is
	// coming in. Those of one record are never divided.
	reprocessItems = 200
	// metLimit bounds what a dry run remembers of what it has counted.
	metLimit = 1 << 20
)

// Reprocess derives once more, with parse, what the POSTs of the audit log mean. What never led to anything
// before does now what it does in a fresh POST, whatever its age, and belongs to the record that it was
// found in. It goes in steps, each a transaction: if it is cut short, what it did stands, and asking again
// does the rest. A record that is asked for by its id and isn't there is [webhook.ErrNotFound].
func (s *Store) Reprocess(ctx context.Context, r webhook.Reprocess, parse func(*webhook.Audit) webhook.Inbound) (done webhook.Reprocessed, err error) {
	from, until, err := s.reprocessed(ctx, r)
	if err == nil && !r.DryRun {
		err = s.Note(ctx, r.Entry())
	}
	if err != nil {
		return done, err
	}
	run := reprocessing{s: s, parse: parse, dryRun: r.DryRun, met: map[[webhook.HashSize]byte]bool{}}
	for from != nil {
		var records []webhook.Audit
		if records, from, err = s.auditsFrom(ctx, from, until); err != nil {
			return run.done, err
		}
		for i := range records {
			if err := run.add(ctx, &records[i]); err != nil {
				return run.done, err
			}
		}
		if err := run.flush(ctx); err != nil {
			return run.done, err
		}
	}
	return run.done, nil
}

// reprocessed returns the keys of audit records between which it goes. What comes in meanwhile is no part of
// it, or it might never end.
func (s *Store) reprocessed(ctx context.Context, r webhook.Reprocess) (from, until []byte, err error) {
	err = s.viewOf(ctx, []bucket{bAudit}, func(b *reader) error {
		if !r.ID.IsZero() {
			from, until = r.ID[:], after(r.ID[:])
			if b.get(bAudit, from) == nil {
				return webhook.ErrNotFound
			}
			return nil
		}
		first, last := firstID(r.Since), webhook.ID{}
		k, _ := b.cursor(bAudit).Last()
		copy(last[:], k)
		from, until = first[:], after(last[:])
		if bound := firstID(r.Until); !r.Until.IsZero() && string(bound[:]) < string(until) {
			until = bound[:]
		}
		return nil
	})
	return from, until, err
}

// auditsFrom returns some audit records, from a key on, and the key to go on from, nil at the end.
func (s *Store) auditsFrom(ctx context.Context, from, until []byte) (records []webhook.Audit, next []byte, err error) {
	size := 0
	err = s.viewOf(ctx, []bucket{bAudit}, func(b *reader) (err error) {
		next, err = forward(b.cursor(bAudit), from, until, func(k, v []byte) (bool, error) {
			a, err := decodeAudit(k, v, true)
			if err != nil {
				s.log.Error("an audit record can't be read, and is passed over", "key", fmt.Sprintf("%x", k), "error", err)
				return true, nil
			}
			records = append(records, a)
			size += len(v)
			return len(records) < reprocessChunk && size < reprocessBytes, nil
		})
		return err
	})
	return records, next, err
}

// reprocessing is a run through the audit log.
type reprocessing struct {
	s      *Store
	parse  func(*webhook.Audit) webhook.Inbound
	dryRun bool
	done   webhook.Reprocessed
	met    map[[webhook.HashSize]byte]bool // the new items that a dry run has counted

	batch []*rederived
	items int // in the batch
}

// rederived is an audit record, what it means today, and what is to come of that.
type rederived struct {
	rec              webhook.Audit
	in               webhook.Inbound
	fresh            []*webhook.Item // what never led to anything
	known, undecided int             // items that did, or may have
}

func (r *reprocessing) add(ctx context.Context, rec *webhook.Audit) error {
	d := &rederived{rec: *rec, in: r.understand(rec)}
	r.batch = append(r.batch, d)
	r.done.Examined++
	if r.items += len(d.in.Items); r.items < reprocessItems {
		return nil
	}
	return r.flush(ctx)
}

// understand takes a record that makes the parser panic for one that can't be understood: the others must
// not suffer.
func (r *reprocessing) understand(rec *webhook.Audit) (in webhook.Inbound) {
	defer func() {
		if fault := recover(); fault != nil {
			r.s.log.Error("an audit record could not be parsed", "audit", rec.ID, "fault", fault, "stack", string(debug.Stack()))
			in = webhook.Inbound{Unparsed: true}
		}
	}()
	return r.parse(rec)
}

// flush deals with the batch. As a rule nearly all of it was seen before, which reading finds out; only what
// would change something takes part in a commit.
func (r *reprocessing) flush(ctx context.Context) error {
	if !r.dryRun || len(r.met) > metLimit {
		clear(r.met)
	}
	var changing []*rederived
	events := 0
	err := r.s.viewOf(ctx, []bucket{bMessages, bSeen, bAccounts}, func(b *reader) error {
		j := judge{b: b, safe: r.s.safe, dir: r.s.dir.Load(), keep: r.s.keep.Load(), now: r.s.now(), met: r.met}
		for _, d := range r.batch {
			j.sort(d)
			r.done.Undecided += d.undecided
			if _, differs := d.revised(); differs {
				changing = append(changing, d)
				events += d.events()
			}
		}
		return nil
	})
	r.batch, r.items = nil, 0
	changed := len(changing)
	if err == nil && changed > 0 && !r.dryRun {
		changed, events, err = r.change(ctx, changing)
	}
	if err != nil {
		return err
	}
	r.done.Changed += changed
	r.done.Events += events
	return nil
}

// change does what is to come of some records, as far as it is still so.
func (r *reprocessing) change(ctx context.Context, list []*rederived) (changed, events int, err error) {
	err = r.s.updateNew(ctx, func(t *tx) error {
		changed, events = 0, 0
		j := judge{b: t, safe: r.s.safe, dir: t.dir, keep: r.s.keep.Load(), now: t.now, met: map[[webhook.HashSize]byte]bool{}}
		for _, d := range list {
			v := t.get(bAudit, d.rec.ID[:])
			if v == nil {
				continue // it expired meanwhile
			}
			rec, err := decodeAudit(d.rec.ID[:], v, true)
			if err != nil {
				return fmt.Errorf("audit record %x: %w", d.rec.ID, err)
			}
			if !rec.ErasedAt.Equal(d.rec.ErasedAt) {
				d.in = r.understand(&rec) // it says less than it did
			}
			d.rec = rec
			j.sort(d)
			revised, differs := d.revised()
			if !differs {
				continue // another run was quicker
			}
			if err := t.reprocess(&revised, d.fresh); err != nil {
				return err
			}
			changed++
			events += d.events()
		}
		return nil
	})
	return changed, events, err
}

// reprocess lets new items do what they do in a fresh POST.
func (t *tx) reprocess(rec *webhook.Audit, items []*webhook.Item) error {
	for _, item := range items {
		if _, err := t.apply(item); err != nil {
			return err
		}
		if item.Event == nil {
			continue
		}
		rec.EventIDs = append(rec.EventIDs, t.putEvent(item.Event, rec.ID))
	}
	t.put(bAudit, rec.ID[:], encodeAudit(rec))
	return nil
}

// events counts the events that are to come.
func (d *rederived) events() (n int) {
	for _, item := range d.fresh {
		if item.Event != nil {
			n++
		}
	}
	return n
}

// revised returns the record as it is to be, but for its events, and whether anything comes of it.
func (d *rederived) revised() (rec webhook.Audit, differs bool) {
	rec = d.rec
	switch {
	case len(d.fresh) > 0:
		rec.Outcome = webhook.Accepted
	case rec.Outcome == webhook.Accepted || rec.Outcome == webhook.Duplicate:
	case d.known > 0:
		rec.Outcome = webhook.Duplicate
	case d.undecided == 0 && !d.in.Unparsed && !d.in.Unrouted:
		rec.Outcome = webhook.Ignored
	}
	if d.ownerless() && !d.in.Unparsed {
		rec.TenantIDs = slices.Concat(rec.TenantIDs, d.in.Tenants)
		slices.Sort(rec.TenantIDs)
		rec.TenantIDs = slices.Compact(rec.TenantIDs)
		rec.Foreign = d.in.Unrouted
	}
	return rec, len(d.fresh) > 0 || rec.Outcome != d.rec.Outcome || rec.Foreign != d.rec.Foreign || !slices.Equal(rec.TenantIDs, d.rec.TenantIDs)
}

// ownerless reports whether part of the POST belonged to nobody when it came. Of any other, every part had
// its owner, and is nobody else's business whoever has the number now.
func (d *rederived) ownerless() bool { return d.rec.Foreign || len(d.rec.TenantIDs) == 0 }

// judge tells what is new from what is not.
type judge struct {
	b    getter
	safe sealer
	dir  *directory
	keep *Retention
	now  time.Time
	met  map[[webhook.HashSize]byte]bool // what it has found to be new
}

// sort puts a record's items where they belong.
func (j *judge) sort(d *rederived) {
	d.fresh, d.known, d.undecided = nil, 0, 0
	for i := range d.in.Items {
		item := &d.in.Items[i]
		if _, ok := j.dir.tenants[item.TenantID]; !ok || !d.ownerless() && !slices.Contains(d.rec.TenantIDs, item.TenantID) {
			continue
		}
		name := webhook.Hash(itemName(item)...)
		switch {
		case j.met[name] || j.known(item, name):
			d.known++
		case item.Account != nil && !j.changes(item):
			d.known++
		case j.certain(&d.rec, item):
			j.met[name] = true
			d.fresh = append(d.fresh, item)
		case untouched(&d.rec, item):
			d.undecided++
		default:
			d.known++
		}
	}
}

// untouched reports whether the POST led to nothing for an item's tenant when it came, and repeated nothing
// that did.
func untouched(rec *webhook.Audit, item *webhook.Item) bool {
	return rec.Outcome != webhook.Accepted && rec.Outcome != webhook.Duplicate || !slices.Contains(rec.TenantIDs, item.TenantID)
}

// known reports whether an item led to something, as far as the tables go back: longer than a repeat counts
// as one. A record that can't be read is one that is there.
func (j *judge) known(item *webhook.Item, name [webhook.HashSize]byte) bool {
	same := func(st messageStep) bool { return st.status == webhook.MessageInbound }
	var k []byte
	switch {
	case item.Message != nil:
		k = messageKey(item.Message.MessageID, item.Message.PhoneNumberID)
	case item.Status != nil:
		k = messageKey(item.Status.MessageID, item.Status.PhoneNumberID)
		same = func(st messageStep) bool {
			return st.status == item.Status.Status && st.participant == item.Status.Participant
		}
	}
	if k != nil {
		if v := j.b.get(bMessages, k); v != nil {
			m, err := decodeMessage(v)
			if err != nil || slices.ContainsFunc(m.steps, same) {
				return true
			}
		}
	}
	return j.b.get(bSeen, name[:]) != nil
}

// certain reports whether an item that the tables don't know is new: had it led to something, they would
// know it still. A repeat refreshes nothing in them, so of a POST that may have been one they must go back
// further.
func (j *judge) certain(rec *webhook.Audit, item *webhook.Item) bool {
	age := j.now.Sub(rec.ID.Time())
	if !untouched(rec, item) {
		age += j.keep.Dedupe
	}
	memory := j.keep.Dedupe
	if item.Message != nil || item.Status != nil && item.Status.Participant == "" {
		memory = max(memory, j.keep.Deliveries)
	}
	return age < memory
}

// changes reports whether an account's report changes something although it comes late.
func (j *judge) changes(item *webhook.Item) bool {
	_, fresh, err := j.safe.reported(j.b, j.dir, item, j.now, true)
	return err == nil && fresh
}

// itemName returns what tells an item from others: of those that are in the seen table, their name there.
func itemName(item *webhook.Item) []string {
	switch {
	case item.Message != nil:
		return []string{"message", item.Message.PhoneNumberID, item.Message.MessageID}
	case item.Status != nil:
		c := item.Status
		return []string{"status", c.PhoneNumberID, c.MessageID, c.Status.String(), c.Participant}
	case item.Template != nil:
		c := item.Template
		return []string{"template", c.WABAID, cmp.Or(c.TemplateID, c.Name), c.Language, c.Status, strconv.FormatInt(c.EntryTime, 10)}
	case item.Account != nil:
		return accountReport(item.Account)
	}
	return nil
}
