package store

import (
	"context"
	"fmt"
	"time"

	"cubeconnect/webhook"
)

// Tenants lists the tenants.
func (s *Store) Tenants(_ context.Context, p webhook.Page) (webhook.List[webhook.Tenant], error) {
	return pageOf(s.dir.Load().tenants, p, func(e tenantEntry) (webhook.Tenant, bool) { return *e.Tenant, true })
}

// Tenant returns one.
func (s *Store) Tenant(_ context.Context, id uint32) (webhook.Tenant, error) {
	e, ok := s.dir.Load().tenants[id]
	if !ok {
		return webhook.Tenant{}, webhook.ErrNotFound
	}
	return *e.Tenant, nil
}

// CreateTenant stores a tenant under the next id.
func (s *Store) CreateTenant(ctx context.Context, v webhook.Tenant) (webhook.Tenant, error) {
	err := s.updateAlone(ctx, func(t *tx) (err error) {
		v.CreatedAt = t.now
		if v.ID, err = t.nextID(bTenants); err != nil {
			return err
		}
		if err := t.putTenant(v); err != nil {
			return err
		}
		return t.noteTenant(ctx, webhook.TenantCreated, &v, nil)
	})
	return v, err
}

// UpdateTenant hands the stored tenant to change and stores what that leaves.
func (s *Store) UpdateTenant(ctx context.Context, id uint32, change func(*webhook.Tenant) error) (v webhook.Tenant, err error) {
	err = s.updateAlone(ctx, func(t *tx) error {
		old, ok := t.dir.tenants[id]
		if !ok {
			return webhook.ErrNotFound
		}
		v = *old.Tenant
		if err := change(&v); err != nil {
			return err
		}
		if err := t.putTenant(v); err != nil {
			return err
		}
		if c := tenantChanges(old.Tenant, &v); len(c) > 0 {
			return t.noteTenant(ctx, webhook.TenantUpdated, &v, c)
		}
		return nil
	})
	return v, err
}

func (t *tx) putTenant(v webhook.Tenant) error {
	b, err := encodeTenant(v)
	if err != nil {
		return err
	}
	t.changeDirectory(func(d *directory) { d.putTenant(&v) })
	t.put(bTenants, idKey(v.ID), b)
	return nil
}

// DeleteTenant removes the tenant with its accounts, endpoints and keys at once; its events and
// deliveries are out of reach at once too, and leave the disk with the following retention steps.
func (s *Store) DeleteTenant(ctx context.Context, id uint32) error {
	return s.updateAlone(ctx, func(t *tx) error {
		old, ok := t.dir.tenants[id]
		if !ok {
			return webhook.ErrNotFound
		}
		for _, e := range t.dir.byTenant[id] {
			t.deleteEndpoint(e)
		}
		for _, a := range t.dir.accounts {
			if a.TenantID == id {
				t.deleteAccount(a)
			}
		}
		for _, k := range t.dir.keys {
			if k.TenantID == id {
				t.deleteAPIKey(k)
			}
		}
		t.changeDirectory(func(d *directory) { delete(d.tenants, id) })
		t.put(bPurge, purgeKey(purgeTenant, id), idKey(id))
		t.delete(bTenants, idKey(id))
		return t.noteTenant(ctx, webhook.TenantDeleted, old.Tenant, nil)
	})
}

// Accounts lists a tenant's accounts.
func (s *Store) Accounts(_ context.Context, tenant uint32, p webhook.Page) (webhook.List[webhook.Account], error) {
	d := s.dir.Load()
	if _, ok := d.tenants[tenant]; !ok {
		return webhook.List[webhook.Account]{}, webhook.ErrNotFound
	}
	return pageOf(d.accounts, p, func(a *webhook.Account) (webhook.Account, bool) { return *a, a.TenantID == tenant })
}

// Account returns one.
func (s *Store) Account(_ context.Context, tenant, id uint32) (webhook.Account, error) {
	a := s.dir.Load().accounts[id]
	if a == nil || a.TenantID != tenant {
		return webhook.Account{}, webhook.ErrNotFound
	}
	return *a, nil
}

// CreateAccount stores an account under the next id. A phone number id that is taken, or a WABA of
// another tenant, is a conflict.
func (s *Store) CreateAccount(ctx context.Context, a webhook.Account) (webhook.Account, error) {
	err := s.updateAlone(ctx, func(t *tx) (err error) {
		if _, ok := t.dir.tenants[a.TenantID]; !ok {
			return webhook.ErrNotFound
		}
		a.ID = 0
		if err := t.checkAccount(a); err != nil {
			return err
		}
		a.CreatedAt = t.now
		if a.ID, err = t.nextID(bAccounts); err != nil {
			return err
		}
		if err := t.putAccount(a); err != nil {
			return err
		}
		return t.noteAccount(ctx, webhook.AccountCreated, &a, nil)
	})
	return a, err
}

// UpdateAccount hands the stored account to change and stores what that leaves, under the same
// conditions as [Store.CreateAccount].
func (s *Store) UpdateAccount(ctx context.Context, tenant, id uint32, change func(*webhook.Account) error) (a webhook.Account, err error) {
	err = s.updateAlone(ctx, func(t *tx) error {
		old := t.dir.accounts[id]
		if old == nil || old.TenantID != tenant {
			return webhook.ErrNotFound
		}
		a = *old
		if err := change(&a); err != nil {
			return err
		}
		if err := t.checkAccount(a); err != nil {
			return err
		}
		if err := t.putAccount(a); err != nil {
			return err
		}
		if c := accountChanges(old, &a); len(c) > 0 {
			return t.noteAccount(ctx, webhook.AccountUpdated, &a, c)
		}
		return nil
	})
	return a, err
}

func (t *tx) checkAccount(a webhook.Account) error {
	if other := t.dir.numbers[a.PhoneNumberID]; other != nil && other.ID != a.ID {
		return fmt.Errorf("the phone number id %s belongs to another account: %w", a.PhoneNumberID, webhook.ErrConflict)
	}
	for _, other := range t.dir.wabas[a.WABAID] {
		if other.TenantID != a.TenantID {
			return fmt.Errorf("the WABA %s belongs to another tenant: %w", a.WABAID, webhook.ErrConflict)
		}
	}
	return nil
}

func (t *tx) putAccount(a webhook.Account) error {
	b, err := t.s.safe.encodeAccount(a)
	if err != nil {
		return err
	}
	t.changeDirectory(func(d *directory) { d.putAccount(&a) })
	t.put(bAccounts, idKey(a.ID), b)
	return nil
}

// DeleteAccount removes an account. Its messages' states stay until they expire.
func (s *Store) DeleteAccount(ctx context.Context, tenant, id uint32) error {
	return s.updateAlone(ctx, func(t *tx) error {
		a := t.dir.accounts[id]
		if a == nil || a.TenantID != tenant {
			return webhook.ErrNotFound
		}
		t.deleteAccount(a)
		return t.noteAccount(ctx, webhook.AccountDeleted, a, nil)
	})
}

func (t *tx) deleteAccount(a *webhook.Account) {
	t.changeDirectory(func(d *directory) { d.removeAccount(a.ID) })
	t.delete(bAccounts, idKey(a.ID))
}

// Route finds the tenant and account of a change. Both ids given: the account must have both. One of
// them empty: the other decides; of several accounts of a WABA it is the first.
func (s *Store) Route(wabaID, phoneNumberID string) (tenant, account uint32, zone *time.Location, ok bool) {
	d := s.dir.Load()
	var a *webhook.Account
	switch {
	case phoneNumberID != "":
		if a = d.numbers[phoneNumberID]; a != nil && wabaID != "" && a.WABAID != wabaID {
			a = nil
		}
	case wabaID != "" && len(d.wabas[wabaID]) > 0:
		a = d.wabas[wabaID][0]
	}
	if a == nil {
		return 0, 0, nil, false
	}
	return a.TenantID, a.ID, d.tenants[a.TenantID].location, true
}
