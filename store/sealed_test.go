package store_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/keyring"
	"cubeconnect/store"
	"cubeconnect/store/wal"
	"cubeconnect/webhook"
)

// secrets are recognisable. What is no secret is there to show that the search finds things.
const (
	oldSecret, newSecret = "whsec_T2xkU2VjcmV0T2xkU2VjcmV0T2xkU2VjcmV0T2xk", "whsec_TmV3U2VjcmV0TmV3U2VjcmV0TmV3U2VjcmV0TmV3"
	headerName           = "X-Kept-To-Ourselves"
	headerValue          = "Bearer the-tokens-own-words"
	accessToken          = "EAAGaccesstokenofanaccount"
	noSecret             = "a description for all to read"
)

// forms are how a secret could be written.
func forms(secret string) (list [][]byte) {
	list = append(list, []byte(secret), []byte(hex.EncodeToString([]byte(secret))), []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))))
	for skip := range 3 { // wherever it stands in what is encoded
		text := base64.StdEncoding.EncodeToString([]byte(secret[skip:]))
		list = append(list, []byte(strings.TrimRight(text, "=")[:len(text)-4]))
	}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err == nil && strings.HasPrefix(secret, "whsec_") {
		list = append(list, raw)
	}
	return list
}

// noSecretIn searches files for all that was kept.
func noSecretIn(t *testing.T, when string, files ...string) {
	t.Helper()
	hidden(t, when, noSecret, files...)
}

// hidden searches files for secrets. Beside is what must be found there.
func hidden(t *testing.T, when, beside string, files ...string) {
	t.Helper()
	var all []byte
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if !bytes.Contains(all, []byte(beside)) {
		t.Errorf("%s: even what is no secret isn't there", when)
	}
	for _, secret := range []string{oldSecret, newSecret, headerName, headerValue, accessToken} {
		for i, form := range forms(secret) {
			if bytes.Contains(all, form) {
				t.Errorf("%s: %s is there in form %d", when, secret, i)
			}
		}
	}
}

// keeper is a tenant who has given everything that is sealed.
func (o owner) keeper() (endpoint, account uint32) {
	o.t.Helper()
	e, err := o.CreateEndpoint(ctx(), webhook.Endpoint{
		TenantID: o.tenant, URL: "https://example.com/", Events: []string{"*"}, Enabled: true, Description: noSecret,
		Headers: map[string]string{headerName: headerValue}, Secret: webhook.NewSecret(oldSecret),
	})
	o.ok(err)
	_, err = o.UpdateEndpoint(ctx(), o.tenant, e.ID, func(e *webhook.Endpoint) error {
		e.SetSecret(webhook.NewSecret(newSecret), webhook.SecretOverlap, o.clock.now())
		return nil
	})
	o.ok(err)
	a, err := o.CreateAccount(ctx(), webhook.Account{TenantID: o.tenant, Name: "K", WABAID: o.waba, PhoneNumberID: "7" + o.number, AccessToken: webhook.NewSecret(accessToken)})
	o.ok(err)
	return e.ID, a.ID
}

// kept checks that a store still has all of it.
func kept(t *testing.T, s *store.Store, tenant, endpoint, account uint32) {
	t.Helper()
	e, err := s.Endpoint(ctx(), tenant, endpoint)
	if err != nil || e.Secret.Reveal() != newSecret || e.OldSecret.Reveal() != oldSecret || !e.OldSecretEnds.Equal(begun.Add(webhook.SecretOverlap)) || !maps.Equal(e.Headers, map[string]string{headerName: headerValue}) {
		t.Errorf("%q, %q until %s, %v: %v", e.Secret.Reveal(), e.OldSecret.Reveal(), e.OldSecretEnds, e.Headers, err)
	}
	a, err := s.Account(ctx(), tenant, account)
	if err != nil || a.AccessToken.Reveal() != accessToken {
		t.Errorf("%q: %v", a.AccessToken.Reveal(), err)
	}
}

// No file holds a secret that can be read, at any moment: the log, the database, what is free in it, a
// backup, a compacted file.
func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	endpoint, account := o.keeper()
	files := names(o.options.Path)
	noSecretIn(t, "in the log", files[1:]...)
	o.ok(o.Flush(ctx()))
	noSecretIn(t, "in the file", files[:]...)
	f, err := o.Backup(ctx())
	o.ok(err)
	noSecretIn(t, "in a backup", o.copyOf(f))
	// Meta reports something, so that the account is read and written again.
	equal(t, o.accept(webhook.Item{TenantID: o.tenant, AccountID: account, Account: &webhook.AccountItem{
		WABAID: o.waba, PhoneNumberID: "7" + o.number, Quality: new("GREEN"), At: begun,
	}}), webhook.Accepted)
	o.reopen()
	kept(t, o.Store, o.tenant, endpoint, account)
	noSecretIn(t, "after a restart", files[:]...)
	o.close()
	_, _, err = store.Compact(ctx(), o.options.Path, ring)
	o.ok(err)
	noSecretIn(t, "compacted", files[:]...)
	o.open()
	kept(t, o.Store, o.tenant, endpoint, account)
}

// edit changes a record of a closed database.
func (d *db) edit(bucket string, id byte, change func(b *bolt.Bucket, key []byte) error) {
	d.t.Helper()
	f, err := bolt.Open(d.options.Path, 0o600, nil)
	d.ok(err)
	d.ok(f.Update(func(b *bolt.Tx) error { return change(b.Bucket([]byte(bucket)), []byte{0, 0, 0, id}) }))
	d.ok(f.Close())
}

// A sealed value opens where it stands, and nowhere else; verify says which doesn't.
func TestSealedValuesStay(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	first, _ := o.keeper()
	second, _ := owner{db: o.db, tenant: o.tenant, waba: o.waba, number: "8" + o.number}.keeper()
	equal(t, [2]uint32{first, second}, [2]uint32{1, 2})
	o.close()
	good, err := os.ReadFile(o.options.Path)
	o.ok(err)
	member := func(record []byte, name string) string {
		_, rest, _ := bytes.Cut(record, []byte(`"`+name+`":"`))
		value, _, _ := bytes.Cut(rest, []byte(`"`))
		return string(value)
	}
	for name, tt := range map[string]struct {
		bucket string
		change func(record, other []byte) []byte
		says   string
	}{
		"another endpoint's": {"endpoints", func(record, other []byte) []byte {
			return bytes.Replace(record, []byte(member(record, "secret")), []byte(member(other, "secret")), 1)
		}, "endpoints/1/secret"},
		"another field's": {"endpoints", func(record, _ []byte) []byte {
			return bytes.Replace(record, []byte(member(record, "old_secret")), []byte(member(record, "secret")), 1)
		}, "endpoints/1/old_secret"},
		"damaged": {"endpoints", func(record, _ []byte) []byte {
			headers := member(record, "headers")
			return bytes.Replace(record, []byte(headers), []byte(headers[:60]+"AAAA"+headers[64:]), 1)
		}, "endpoints/1/headers"},
		"a whole record": {"accounts", func(_, other []byte) []byte { return other }, "accounts/2/access_token"},
		"in the clear": {"accounts", func(record, _ []byte) []byte {
			return bytes.Replace(record, []byte(member(record, "access_token")), []byte("Y2xlYXI="), 1)
		}, "accounts/2/access_token"},
	} {
		t.Run(name, func(t *testing.T) {
			id := byte(1)
			if tt.bucket == "accounts" {
				id = 2 // the first of the tenant's has no token
			}
			o.edit(tt.bucket, id, func(b *bolt.Bucket, key []byte) error {
				return b.Put(key, tt.change(bytes.Clone(b.Get(key)), bytes.Clone(b.Get([]byte{0, 0, 0, id + 1}))))
			})
			_, faults, err := store.Verify(o.options.Path, ring)
			if err != nil || len(faults) != 1 || !strings.HasPrefix(faults[0], tt.says+": ") {
				t.Errorf("verify finds %q, %v", faults, err)
			}
			if _, faults, err := store.Verify(o.options.Path, nil); err != nil || len(faults) != 0 {
				t.Errorf("without a ring verify finds %q, %v", faults, err)
			}
			if s, err := store.Open(o.options); err == nil || !errors.Is(err, keyring.ErrSealed) || strings.Contains(err.Error(), "\n") {
				t.Errorf("open: %v", err)
				if err == nil {
					o.ok(s.Close())
				}
			}
			o.ok(os.WriteFile(o.options.Path, good, 0o600))
			for _, log := range wal.Names(o.options.Path) {
				o.ok(os.RemoveAll(log))
			}
		})
	}
	o.open()
}

// Another ring is seen before anything else is read, and changes nothing.
func TestWrongRing(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	o.keeper()
	backup := o.save()
	o.close()
	before, err := os.ReadFile(o.options.Path)
	o.ok(err)
	path := filepath.Join(t.TempDir(), "other.key")
	other, err := keyring.Create(path, begun)
	o.ok(err)
	elsewhere := filepath.Join(t.TempDir(), "cubeconnect.db")
	for name, open := range map[string]func() error{
		"open":    func() error { _, err := store.Open(store.Options{Path: o.options.Path, Ring: other}); return err },
		"verify":  func() error { _, _, err := store.Verify(o.options.Path, other); return err },
		"compact": func() error { _, _, err := store.Compact(ctx(), o.options.Path, other); return err },
		"restore": func() error { _, err := store.Restore(backup, elsewhere, other); return err },
	} {
		err := open()
		if !errors.Is(err, keyring.ErrUnknownKey) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), ring.Current().String()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, err := os.ReadFile(o.options.Path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed: %v", err)
	}
	if _, err := os.Stat(elsewhere); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was restored: %v", err)
	}
	if _, err := store.Open(store.Options{Path: o.options.Path}); err == nil || !strings.Contains(err.Error(), "no ring of master keys") {
		t.Errorf("without a ring: %v", err)
	}
	o.open()
}

// many makes more endpoints than one step of a rotation takes.
func (o owner) many(n int) {
	o.t.Helper()
	for i := range n {
		_, err := o.CreateEndpoint(ctx(), webhook.Endpoint{TenantID: o.tenant, URL: "https://example.com/", Events: []string{"*"}, Enabled: true, Secret: webhook.NewSecret(fmt.Sprintf("secret %04d", i))})
		o.ok(err)
	}
}

func TestRotateMasterKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master.key")
	r, err := keyring.Create(file, begun)
	if err != nil {
		t.Fatal(err)
	}
	o := openStore(t, func(so *store.Options) { so.Ring = r }).newTenant()
	endpoint, account := o.keeper()
	o.many(300)
	before := o.save()
	first := r.Current()
	values := func() (list []string) {
		t.Helper()
		keys, err := o.MasterKeys(ctx())
		o.ok(err)
		for _, k := range keys {
			list = append(list, fmt.Sprint(k.ID == first, k.Current, k.Values))
		}
		return list
	}
	const sealed = 1 + 4 + 300 // touchstone, keeper's, many's
	equal(t, values(), []string{fmt.Sprint(true, true, sealed)})

	o.clock.advance(time.Hour)
	made, n, err := o.RotateMasterKey(webhook.WithActor(ctx(), webhook.Actor{Kind: webhook.ByLocal}))
	o.ok(err)
	equal(t, n, sealed)
	equal(t, made.CreatedAt, begun.Add(time.Hour))
	equal(t, values(), []string{"true false 0", fmt.Sprint(false, true, sealed)})
	kept(t, o.Store, o.tenant, endpoint, account)
	after := o.save()
	o.reopen()
	kept(t, o.Store, o.tenant, endpoint, account)

	removed, err := o.PruneMasterKeys(ctx())
	o.ok(err)
	if len(removed) != 1 || removed[0].ID != first {
		t.Errorf("removed %v", removed)
	}
	removed, err = o.PruneMasterKeys(ctx())
	equal(t, len(removed), 0)
	o.ok(err)
	o.reopen()
	kept(t, o.Store, o.tenant, endpoint, account)
	if r, err = keyring.Load(file); err != nil || len(r.Keys()) != 1 {
		t.Errorf("keys %v, %v", r.Keys(), err)
	}
	if _, err := store.Restore(before, filepath.Join(t.TempDir(), "cubeconnect.db"), r); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("a backup from before: %v", err)
	}
	_, err = store.Restore(after, filepath.Join(t.TempDir(), "cubeconnect.db"), r)
	o.ok(err)
	list, err := o.Trail(ctx(), webhook.TrailFilter{}, webhook.Page{Limit: 10})
	o.ok(err)
	if len(list.Items) != 1 || list.Items[0].Action != webhook.MasterKeyRotated || list.Items[0].Name != made.ID.String() {
		t.Errorf("trail %+v", list.Items)
	}
}

// A file of keys that can't be changed is said to be one, and nothing is sealed with a key that isn't in it.
func TestRotateMasterKeyFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master.key")
	if _, err := keyring.Create(file, begun); err != nil {
		t.Fatal(err)
	}
	handed, err := keyring.LoadCredential(file)
	if err != nil {
		t.Fatal(err)
	}
	o := openStore(t, func(so *store.Options) { so.Ring = handed }).newTenant()
	endpoint, account := o.keeper()
	if _, _, err := o.RotateMasterKey(ctx()); !errors.Is(err, keyring.ErrReadOnly) || !errors.Is(err, webhook.ErrConflict) {
		t.Error(err)
	}
	equal(t, len(handed.Keys()), 1)
	o.reopen()
	kept(t, o.Store, o.tenant, endpoint, account)
}

// The service was handed a file with one key more: everything is sealed with that at the start.
func TestStartSealsAnew(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master.key")
	r, err := keyring.Create(file, begun)
	if err != nil {
		t.Fatal(err)
	}
	o := openStore(t, func(so *store.Options) { so.Ring = r }).newTenant()
	endpoint, account := o.keeper()
	o.close()
	if _, err := r.Rotate(begun); err != nil {
		t.Fatal(err)
	}
	if o.options.Ring, err = keyring.LoadCredential(file); err != nil {
		t.Fatal(err)
	}
	o.open()
	kept(t, o.Store, o.tenant, endpoint, account)
	keys, err := o.MasterKeys(ctx())
	o.ok(err)
	if len(keys) != 2 || keys[0].Values != 0 || keys[1].Values != 5 {
		t.Errorf("keys %+v", keys)
	}
}
