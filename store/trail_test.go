package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

var operator = webhook.Actor{Kind: webhook.ByKey, KeyID: 3, KeyName: "ops", RemoteAddr: "192.0.2.1"}

// as returns a context with an operator behind it.
func as() context.Context { return webhook.WithActor(ctx(), operator) }

func (d *db) trail(f webhook.TrailFilter) []webhook.TrailEntry {
	d.t.Helper()
	return pages(d.t, 2, func(p webhook.Page) (webhook.List[webhook.TrailEntry], error) { return d.Trail(ctx(), f, p) })
}

// actions returns what was done, the newest first.
func (d *db) actions() (list []webhook.Action) {
	d.t.Helper()
	for _, e := range d.trail(webhook.TrailFilter{}) {
		list = append(list, e.Action)
	}
	return list
}

// A change and its line are one: neither is there without the other.
func TestTrail(t *testing.T) {
	d := openStore(t)
	v, err := d.CreateTenant(as(), webhook.Tenant{Name: "Akme", Timezone: "UTC"})
	d.ok(err)
	d.clock.advance(time.Second)
	refusal := errors.New("no")
	_, err = d.UpdateTenant(as(), v.ID, func(v *webhook.Tenant) error { v.Name = "x"; return refusal })
	equal(t, err, refusal)
	_, err = d.UpdateTenant(as(), v.ID, func(v *webhook.Tenant) error { return nil })
	d.ok(err)
	_, err = d.UpdateTenant(ctx(), v.ID, func(v *webhook.Tenant) error { v.Name = "by itself"; return nil })
	d.ok(err)
	_, err = d.UpdateTenant(as(), v.ID, func(v *webhook.Tenant) error { v.Name, v.Timezone = "Acme", "Asia/Riyadh"; return nil })
	d.ok(err)
	d.reopen()
	list := d.trail(webhook.TrailFilter{})
	equal(t, len(list), 2)
	equal(t, list[0].ID.Time(), begun.Add(time.Second))
	list[0].ID, list[1].ID = webhook.ID{}, webhook.ID{}
	equal(t, list, []webhook.TrailEntry{
		{Actor: operator, Action: webhook.TenantUpdated, TenantID: v.ID, ObjectID: "1", Name: "Acme", Details: []string{"name", "timezone"}},
		{Actor: operator, Action: webhook.TenantCreated, TenantID: v.ID, ObjectID: "1", Name: "Akme"},
	})
	d.ok(d.Note(ctx(), webhook.TrailEntry{Action: webhook.EndpointTested}))
	equal(t, len(d.trail(webhook.TrailFilter{})), 2)

	// The lines of a tenant outlive it.
	d.clock.advance(time.Second)
	d.ok(d.DeleteTenant(as(), v.ID))
	d.ok(d.RetainAll(ctx()))
	equal(t, d.actions(), []webhook.Action{webhook.TenantDeleted, webhook.TenantUpdated, webhook.TenantCreated})
}

func TestTrailFilter(t *testing.T) {
	d := openStore(t)
	for i := range 3 {
		kind := webhook.ActorKinds[i%2]
		d.ok(d.Note(webhook.WithActor(ctx(), webhook.Actor{Kind: kind}), webhook.TrailEntry{Action: webhook.Actions[i], TenantID: uint32(i)}))
		d.clock.advance(time.Minute)
	}
	for want, f := range map[int]webhook.TrailFilter{
		3: {},
		2: {Actor: webhook.ActorKinds[0]},
		1: {Action: webhook.Actions[1], TenantID: 1, Range: webhook.Range{Since: begun.Add(time.Minute), Until: begun.Add(2 * time.Minute)}},
		0: {TenantID: 2, Actor: webhook.ActorKinds[1]},
	} {
		equal(t, len(d.trail(f)), want)
	}
	_, err := d.Trail(ctx(), webhook.TrailFilter{}, webhook.Page{Cursor: "x"})
	equal(t, errors.As(err, new(webhook.FieldErrors)), true)
}

// What becomes of the console's login is told from what was there before.
func TestTrailOfLogin(t *testing.T) {
	d := openStore(t)
	change := func(do func(l *webhook.Login)) {
		t.Helper()
		d.ok(d.UpdateLogin(as(), func(l *webhook.Login) error { do(l); return nil }))
	}
	change(func(l *webhook.Login) { l.SetPassword("a"); l.Begin([32]byte{1}, begun) })
	change(func(l *webhook.Login) { l.Begin([32]byte{2}, begun) })
	change(func(l *webhook.Login) { l.Sessions[0].SeenAt = begun.Add(time.Minute) })
	change(func(l *webhook.Login) { l.End([32]byte{1}); l.Begin([32]byte{3}, begun) })
	change(func(l *webhook.Login) { l.End([32]byte{2}) })
	change(func(l *webhook.Login) { l.End([32]byte{9}) })
	change(func(l *webhook.Login) { l.SetPassword("b") })
	equal(t, d.actions(), []webhook.Action{webhook.PasswordSet, webhook.SignedOut, webhook.SignedIn, webhook.SignedIn, webhook.PasswordSet})
}

// The trail is kept for as long as the audit log.
func TestTrailRetention(t *testing.T) {
	d := openStore(t, func(o *store.Options) { o.Keep.Audit = 2 * day })
	d.ok(d.Note(as(), webhook.TrailEntry{Action: webhook.BackupTaken}))
	d.clock.advance(day)
	d.ok(d.Note(as(), webhook.TrailEntry{Action: webhook.KeyCreated}))
	d.clock.advance(day - time.Millisecond)
	d.ok(d.RetainAll(ctx()))
	equal(t, len(d.actions()), 2)
	d.clock.advance(2 * time.Millisecond)
	d.ok(d.RetainAll(ctx()))
	equal(t, d.actions(), []webhook.Action{webhook.KeyCreated})
}
