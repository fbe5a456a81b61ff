package store

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"

	"cubeconnect/webhook"
)

const (
	auditForeign = 1 << iota
	auditErased
)

// encodeAudit:
//
//	| version | received (ms), size | outcome, remote address | flags | erased (ms), if flagged | tenants, event ids, headers | body  |
//	| 1       | varints             | bytes each              | 1     | varint                  | count, then each            | bytes |
func encodeAudit(a *webhook.Audit) []byte {
	b := append(make([]byte, 0, 256+len(a.Body)+16*len(a.EventIDs)), recordVersion)
	b = appendTime(b, millisOf(a.ReceivedAt))
	b = binary.AppendUvarint(b, uint64(a.Size))
	b = appendBytes(b, string(a.Outcome))
	b = appendBytes(b, a.RemoteAddr)
	flags := byte(0)
	if a.Foreign {
		flags |= auditForeign
	}
	if !a.ErasedAt.IsZero() {
		flags |= auditErased
	}
	b = append(b, flags)
	if flags&auditErased != 0 {
		b = appendTime(b, millisOf(a.ErasedAt))
	}
	b = binary.AppendUvarint(b, uint64(len(a.TenantIDs)))
	for _, id := range a.TenantIDs {
		b = binary.AppendUvarint(b, uint64(id))
	}
	b = binary.AppendUvarint(b, uint64(len(a.EventIDs)))
	for _, id := range a.EventIDs {
		b = append(b, id[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(a.Headers)))
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		b = appendBytes(b, name)
		b = appendBytes(b, a.Headers[name])
	}
	return appendBytes(b, a.Body)
}

// decodeAudit reads a record, with its headers and body if they are wanted.
func decodeAudit(k, v []byte, whole bool) (a webhook.Audit, err error) {
	if len(k) != len(a.ID) {
		return a, errRecord
	}
	d := decode(v)
	a.ID = webhook.ID(k)
	a.ReceivedAt = timeOf(d.millis())
	a.Size = d.int(1 << 30)
	a.Outcome = webhook.AuditOutcome(d.string())
	a.RemoteAddr = d.string()
	flags := d.byte()
	a.Foreign = flags&auditForeign != 0
	if flags&auditErased != 0 {
		a.ErasedAt = timeOf(d.millis())
	}
	for range d.int(len(d.b)) {
		a.TenantIDs = append(a.TenantIDs, d.uint32())
	}
	for range d.int(len(d.b) / len(a.ID)) {
		a.EventIDs = append(a.EventIDs, d.id())
	}
	if !whole {
		return a, d.err()
	}
	a.Headers = map[string]string{}
	for range d.int(len(d.b)) {
		name := d.string()
		a.Headers[name] = d.string()
	}
	a.Body = d.bytes()
	return a, d.err()
}

// auditMatches looks at no more of a record than a filter asks for. What can't be read matches, so that
// decoding it says so.
func auditMatches(v []byte, f *webhook.AuditFilter) bool {
	d := decode(v)
	d.millis()
	d.uvarint()
	outcome := d.view()
	if !d.bad && f.Outcome != "" && string(outcome) != string(f.Outcome) {
		return false
	}
	d.view()
	if d.byte()&auditErased != 0 {
		d.millis()
	}
	ofTenant := f.TenantID == 0
	for range d.int(len(d.b)) {
		ofTenant = d.uint32() == f.TenantID || ofTenant
	}
	return d.bad || ofTenant
}

// Audits lists the audit log.
func (s *Store) Audits(ctx context.Context, f webhook.AuditFilter, p webhook.Page) (list webhook.List[webhook.Audit], err error) {
	err = s.view(ctx, func(b *reader) (err error) {
		list, err = scan(b.cursor(bAudit), nil, len(webhook.ID{}), f.Range, p, func(k, v []byte) (webhook.Audit, bool, error) {
			if !auditMatches(v, &f) {
				return webhook.Audit{}, false, nil
			}
			a, err := decodeAudit(k, v, false)
			return a, true, err
		})
		return err
	})
	return list, err
}

// Audit returns one record with its headers and body.
func (s *Store) Audit(ctx context.Context, id webhook.ID) (a webhook.Audit, err error) {
	err = s.view(ctx, func(b *reader) (err error) {
		v := b.get(bAudit, id[:])
		if v == nil {
			return webhook.ErrNotFound
		}
		a, err = decodeAudit(id[:], v, true)
		return err
	})
	return a, err
}

// rawFromAudit finds Meta's own object of an event in the POST that it came from, if that is still there.
func (t *tx) rawFromAudit(e *webhook.Event) []byte {
	v := t.get(bAudit, e.AuditID[:])
	if v == nil || t.s.rawOf == nil {
		return nil
	}
	a, err := decodeAudit(e.AuditID[:], v, true)
	if err != nil {
		return nil // the delivery goes out without it; verify finds the damage
	}
	return t.s.rawOf(&a, e)
}
