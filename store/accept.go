package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"cubeconnect/webhook"
)

// Accept stores one inbound POST: its audit record, the state that its items change, and for each new
// item its event with the deliveries. When it returns nil all of that is on disk. An item that repeats
// an earlier one changes nothing.
func (s *Store) Accept(ctx context.Context, in *webhook.Inbound) (outcome webhook.AuditOutcome, err error) {
	err = s.updateNew(ctx, func(t *tx) (err error) {
		outcome, err = t.accept(in)
		return err
	})
	return outcome, err
}

func (t *tx) accept(in *webhook.Inbound) (webhook.AuditOutcome, error) {
	a := webhook.Audit{
		ID: t.s.ids.Next(t.now, 0), ReceivedAt: in.ReceivedAt, RemoteAddr: in.RemoteAddr, Size: len(in.Body),
		TenantIDs: in.Tenants, Foreign: in.Unrouted, Headers: in.Headers, Body: in.Body,
	}
	fresh, repeated := 0, 0
	for i := range in.Items {
		item := &in.Items[i]
		if _, ok := t.dir.tenants[item.TenantID]; !ok {
			continue // deleted since the POST was routed
		}
		isNew, err := t.apply(item)
		if err != nil {
			return "", err
		}
		if !isNew {
			repeated++
			continue
		}
		fresh++
		if item.Event == nil {
			continue
		}
		a.EventIDs = append(a.EventIDs, t.putEvent(item.Event, a.ID))
	}
	switch {
	case fresh > 0:
		a.Outcome = webhook.Accepted
	case repeated > 0:
		a.Outcome = webhook.Duplicate
	case in.Unparsed:
		a.Outcome = webhook.Unparsed
	case in.Unrouted:
		a.Outcome = webhook.Unrouted
	default:
		a.Outcome = webhook.Ignored
	}
	t.put(bAudit, a.ID[:], encodeAudit(&a))
	t.happened(webhook.Everybody).CountInbound(a.Outcome)
	for _, id := range in.Tenants {
		t.happened(webhook.OfTenant(id)).CountInbound(a.Outcome)
	}
	return a.Outcome, nil
}

// apply changes the state that an item is about, and reports whether the item was new.
func (t *tx) apply(item *webhook.Item) (bool, error) {
	switch {
	case item.Message != nil:
		return t.applyMessage(item, item.Message), nil
	case item.Status != nil:
		return t.applyStatus(item, item.Status), nil
	case item.Template != nil:
		return t.applyTemplate(item, item.Template)
	case item.Account != nil:
		return t.applyAccount(item, item.Account)
	}
	return false, nil
}

// remembered reports whether something that was first met at seen, in Unix ms, still counts as known.
func (t *tx) remembered(seen int64) bool {
	return t.now.UnixMilli()-seen < time.Duration(t.s.keep.Load().Dedupe).Milliseconds()
}

// once reports whether the thing of this name is met for the first time.
func (t *tx) once(parts ...string) bool {
	h := webhook.Hash(parts...)
	if v := t.get(bSeen, h[:]); len(v) == 6 && t.remembered(millis(v)) {
		return false
	}
	t.put(bSeen, h[:], appendMillis(nil, t.now.UnixMilli()))
	return true
}

// applyAccount is new if it changes anything: what Meta reports of an account has no id of its own.
func (t *tx) applyAccount(item *webhook.Item, c *webhook.AccountItem) (bool, error) {
	if !t.once(accountReport(c)...) {
		return false, nil
	}
	accounts, fresh, err := t.s.safe.reported(t.reader, t.dir, item, t.now, false)
	if err != nil {
		return false, err
	}
	for _, a := range accounts {
		if err := t.putAccount(a); err != nil {
			return false, err
		}
	}
	return fresh, nil
}

// reported returns the accounts of which a report is the newest, as they are to be; fresh says that it
// changes something. Of two of the same second the one that came last counts, unless it is looked at late.
func (s sealer) reported(b getter, dir *directory, item *webhook.Item, now time.Time, late bool) (accounts []webhook.Account, fresh bool, err error) {
	concerned := dir.accountsOf(item.Account)
	if len(concerned) == 0 {
		concerned = []uint32{item.AccountID}
	}
	for _, id := range concerned {
		v := b.get(bAccounts, idKey(id))
		if v == nil {
			continue
		}
		a, err := s.decodeAccount(id, v)
		if err != nil {
			return nil, false, fmt.Errorf("account %d: %w", id, err)
		}
		if a.TenantID != item.TenantID {
			continue
		}
		before := a.State.Reported
		changed := changeState(&a.State, item.Account, late)
		if changed {
			a.State.UpdatedAt, fresh = &now, true
		}
		if changed || a.State.Reported != before {
			accounts = append(accounts, a)
		}
	}
	return accounts, fresh, nil
}

// accountReport returns what a report can be known by: where it is about, when it was and what it says.
func accountReport(c *webhook.AccountItem) []string {
	parts := []string{"account", c.WABAID, c.PhoneNumberID, c.DisplayPhoneNumber, strconv.FormatInt(millisOf(c.At), 10)}
	for i, v := range []*string{c.Quality, c.MessagingLimit, c.Review, c.Ban, c.NameReview} {
		if v != nil {
			parts = append(parts, strconv.Itoa(i), *v)
		}
	}
	if c.Restricted != nil {
		parts = append(parts, strconv.FormatBool(*c.Restricted))
	}
	return parts
}

// accountsOf returns the accounts that a report is about: a number's, or all of the WABA.
func (d *directory) accountsOf(c *webhook.AccountItem) (ids []uint32) {
	all := d.wabas[c.WABAID]
	for _, a := range all {
		if c.PhoneNumberID != "" && a.PhoneNumberID == c.PhoneNumberID || c.PhoneNumberID == "" && c.DisplayPhoneNumber != "" && digits(a.DisplayPhoneNumber) == digits(c.DisplayPhoneNumber) {
			return []uint32{a.ID}
		}
	}
	if c.PhoneNumberID != "" {
		return nil
	}
	// Either the report is about the whole WABA, or about a number written in a way that we don't know. Of
	// one number only it can still be told.
	if c.DisplayPhoneNumber != "" && len(all) > 1 {
		return nil
	}
	for _, a := range all {
		ids = append(ids, a.ID)
	}
	return ids
}

func digits(number string) string {
	return string(slices.DeleteFunc([]byte(number), func(c byte) bool { return c < '0' || c > '9' }))
}

// changeState puts in place what a report says, but for what Meta has said something newer of.
func changeState(s *webhook.AccountState, c *webhook.AccountItem, late bool) (changed bool) {
	newest := func(last *time.Time) bool {
		at := timeOf(millisOf(c.At)) // as it is stored
		if at.Before(*last) || late && at.Equal(*last) {
			return false
		}
		*last = at
		return true
	}
	set := func(last *time.Time, to, v *string) {
		if v != nil && newest(last) && *to != *v {
			*to, changed = *v, true
		}
	}
	set(&s.Reported.Quality, &s.Quality, c.Quality)
	set(&s.Reported.MessagingLimit, &s.MessagingLimit, c.MessagingLimit)
	set(&s.Reported.Review, &s.Review, c.Review)
	set(&s.Reported.NameReview, &s.NameReview, c.NameReview)
	if c.Restricted != nil && newest(&s.Reported.Restriction) {
		if s.Restricted != *c.Restricted {
			s.Restricted, changed = *c.Restricted, true
		}
		if c.Ban != nil && s.Ban != *c.Ban {
			s.Ban, changed = *c.Ban, true
		}
	}
	return changed
}
