package store_test

import (
	"errors"
	"testing"
	"time"

	"cubeconnect/webhook"
)

func TestLogin(t *testing.T) {
	d := openStore(t)
	got, err := d.Login(ctx())
	d.ok(err)
	equal(t, got, webhook.Login{})
	want := webhook.Login{Password: "$argon2id$...", Sessions: []webhook.Session{
		{Hash: [32]byte{1}, CreatedAt: begun, SeenAt: begun.Add(time.Minute)}, {Hash: [32]byte{2}, CreatedAt: begun, SeenAt: begun},
	}}
	d.ok(d.UpdateLogin(ctx(), func(l *webhook.Login) error { *l = want; return nil }))
	d.reopen()
	got, err = d.Login(ctx())
	d.ok(err)
	equal(t, got, want)

	refusal := errors.New("no")
	err = d.UpdateLogin(ctx(), func(l *webhook.Login) error {
		equal(t, *l, want)
		l.SetPassword("other")
		return refusal
	})
	equal(t, errors.Is(err, refusal), true)
	d.ok(d.UpdateLogin(ctx(), func(l *webhook.Login) error { l.End([32]byte{1}); return nil }))
	want.Sessions = want.Sessions[1:]
	got, err = d.Login(ctx())
	d.ok(err)
	equal(t, got, want)
	d.ok(d.UpdateLogin(ctx(), func(l *webhook.Login) error { l.SetPassword("other"); return nil }))
	got, err = d.Login(ctx())
	d.ok(err)
	equal(t, got, webhook.Login{Password: "other"})
}
