package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"cubeconnect/webhook"
)

// trailRecord is a line of the trail on disk. Its key is its id, which tells the time.
type trailRecord struct {
	Actor    webhook.ActorKind `json:"actor"`
	KeyID    uint32            `json:"key_id,omitempty"`
	KeyName  string            `json:"key_name,omitempty"`
	Remote   string            `json:"remote_addr,omitempty"`
	Action   webhook.Action    `json:"action"`
	TenantID uint32            `json:"tenant_id,omitempty"`
	ObjectID string            `json:"object_id,omitempty"`
	Name     string            `json:"name,omitempty"`
	Details  []string          `json:"details,omitempty"`
}

func decodeTrail(k, v []byte) (e webhook.TrailEntry, err error) {
	var r trailRecord
	if err := unmarshal(v, &r); err != nil || len(k) != len(e.ID) {
		return e, errRecord
	}
	return webhook.TrailEntry{
		ID: webhook.ID(k), Actor: webhook.Actor{Kind: r.Actor, KeyID: r.KeyID, KeyName: r.KeyName, RemoteAddr: r.Remote},
		Action: r.Action, TenantID: r.TenantID, ObjectID: r.ObjectID, Name: r.Name, Details: r.Details,
	}, nil
}

// note appends a line to the trail, in the step that does what it says. What nobody is behind leaves none.
func (t *tx) note(ctx context.Context, e webhook.TrailEntry) error {
	by, ok := webhook.ActorOf(ctx)
	if !ok {
		return nil
	}
	v, err := json.Marshal(trailRecord{by.Kind, by.KeyID, by.KeyName, by.RemoteAddr, e.Action, e.TenantID, e.ObjectID, e.Name, e.Details})
	if err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	id := t.s.ids.Next(t.now, 0)
	t.put(bTrail, id[:], v)
	return nil
}

// Note appends a line to the trail, for what is no step of its own in here: what goes in many, or leaves the
// house. It is called before that begins, so that nothing happens without a line.
func (s *Store) Note(ctx context.Context, e webhook.TrailEntry) error {
	if _, ok := webhook.ActorOf(ctx); !ok {
		return nil
	}
	return s.update(ctx, func(t *tx) error { return t.note(ctx, e) })
}

// Trail lists the trail.
func (s *Store) Trail(ctx context.Context, f webhook.TrailFilter, p webhook.Page) (list webhook.List[webhook.TrailEntry], err error) {
	err = s.viewOf(ctx, []bucket{bTrail}, func(b *reader) (err error) {
		list, err = scan(b.cursor(bTrail), nil, len(webhook.ID{}), f.Range, p, func(k, v []byte) (webhook.TrailEntry, bool, error) {
			e, err := decodeTrail(k, v)
			return e, (f.TenantID == 0 || e.TenantID == f.TenantID) && (f.Action == "" || e.Action == f.Action) && (f.Actor == "" || e.Actor.Kind == f.Actor), err
		})
		return err
	})
	return list, err
}

func (t *tx) retainTrail(keep *Retention, from []byte, budget *int) (next []byte, err error) {
	keys, next := olderThan(before(webhook.IDAt(t.now.Add(-keep.Audit))), t.cursor(bTrail), 0, from, budget)
	t.deleteAll(bTrail, keys)
	return next, nil
}

func number(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

func (t *tx) noteTenant(ctx context.Context, a webhook.Action, v *webhook.Tenant, details []string) error {
	return t.note(ctx, webhook.TrailEntry{Action: a, TenantID: v.ID, ObjectID: number(v.ID), Name: v.Name, Details: details})
}

func (t *tx) noteAccount(ctx context.Context, a webhook.Action, v *webhook.Account, details []string) error {
	return t.note(ctx, webhook.TrailEntry{Action: a, TenantID: v.TenantID, ObjectID: number(v.ID), Name: v.Name, Details: details})
}

func (t *tx) noteEndpoint(ctx context.Context, a webhook.Action, v *webhook.Endpoint, details []string) error {
	return t.note(ctx, webhook.TrailEntry{Action: a, TenantID: v.TenantID, ObjectID: number(v.ID), Name: v.Host(), Details: details})
}

func (t *tx) noteKey(ctx context.Context, a webhook.Action, v *webhook.APIKey) error {
	return t.note(ctx, webhook.TrailEntry{Action: a, TenantID: v.TenantID, ObjectID: number(v.ID), Name: v.Name})
}

// noteLogin says what became of the console's login, if it is more than that a session was used.
func (t *tx) noteLogin(ctx context.Context, old, l *webhook.Login) error {
	has := func(l *webhook.Login, hash [32]byte) bool {
		return slices.ContainsFunc(l.Sessions, func(s webhook.Session) bool { return s.Hash == hash })
	}
	begun := slices.ContainsFunc(l.Sessions, func(s webhook.Session) bool { return !has(old, s.Hash) })
	ended := slices.ContainsFunc(old.Sessions, func(s webhook.Session) bool { return !has(l, s.Hash) })
	var a webhook.Action
	switch {
	case l.Password != old.Password:
		a = webhook.PasswordSet
	case begun:
		a = webhook.SignedIn
	case ended:
		a = webhook.SignedOut
	default:
		return nil
	}
	return t.note(ctx, webhook.TrailEntry{Action: a})
}

// changes gathers the names of the members in which two versions of a thing differ.
type changes []string

func (c *changes) add(name string, differ bool) {
	if differ {
		*c = append(*c, name)
	}
}

func tenantChanges(old, v *webhook.Tenant) (c changes) {
	c.add("name", v.Name != old.Name)
	c.add("timezone", v.Timezone != old.Timezone)
	return c
}

func accountChanges(old, v *webhook.Account) (c changes) {
	c.add("name", v.Name != old.Name)
	c.add("waba_id", v.WABAID != old.WABAID)
	c.add("phone_number_id", v.PhoneNumberID != old.PhoneNumberID)
	c.add("display_phone_number", v.DisplayPhoneNumber != old.DisplayPhoneNumber)
	c.add("access_token", v.AccessToken != old.AccessToken)
	return c
}

func endpointChanges(old, v *webhook.Endpoint) (c changes) {
	c.add("url", v.URL != old.URL)
	c.add("events", !slices.Equal(v.Events, old.Events))
	c.add("enabled", v.Enabled != old.Enabled)
	c.add("description", v.Description != old.Description)
	c.add("include_raw", v.IncludeRaw != old.IncludeRaw)
	c.add("retries", (v.Retries == nil) != (old.Retries == nil) || !slices.Equal(v.Retries, old.Retries))
	c.add("timeout", v.Timeout != old.Timeout)
	c.add("headers", !maps.Equal(v.Headers, old.Headers))
	return c
}
