package store

import (
	"context"

	"cubeconnect/webhook"
)

// APIKeys lists the API keys.
func (s *Store) APIKeys(_ context.Context, p webhook.Page) (webhook.List[webhook.APIKey], error) {
	byID := map[uint32]*webhook.APIKey{}
	for _, k := range s.dir.Load().keys {
		byID[k.ID] = k
	}
	return pageOf(byID, p, func(k *webhook.APIKey) (webhook.APIKey, bool) { return *k, true })
}

// CreateAPIKey stores a key under the next id. Its tenant, if it has one, must exist.
func (s *Store) CreateAPIKey(ctx context.Context, k webhook.APIKey) (webhook.APIKey, error) {
	err := s.updateAlone(ctx, func(t *tx) (err error) {
		if _, ok := t.dir.tenants[k.TenantID]; !ok && k.TenantID != 0 {
			return webhook.ErrNotFound
		}
		k.CreatedAt = t.now
		if k.ID, err = t.nextID(bAPIKeys); err != nil {
			return err
		}
		b, err := encodeAPIKey(k)
		if err != nil {
			return err
		}
		t.changeDirectory(func(d *directory) { d.keys[k.Hash] = &k })
		t.put(bAPIKeys, idKey(k.ID), b)
		return t.noteKey(ctx, webhook.KeyCreated, &k)
	})
	return k, err
}

// DeleteAPIKey removes a key; it stops working at once.
func (s *Store) DeleteAPIKey(ctx context.Context, id uint32) error {
	return s.updateAlone(ctx, func(t *tx) error {
		for _, k := range t.dir.keys {
			if k.ID == id {
				t.deleteAPIKey(k)
				return t.noteKey(ctx, webhook.KeyDeleted, k)
			}
		}
		return webhook.ErrNotFound
	})
}

func (t *tx) deleteAPIKey(k *webhook.APIKey) {
	t.changeDirectory(func(d *directory) { delete(d.keys, k.Hash) })
	t.delete(bAPIKeys, idKey(k.ID))
}

// APIKeyByHash finds a key by the SHA-256 of its secret, without touching the disk.
func (s *Store) APIKeyByHash(hash [32]byte) (webhook.APIKey, bool) {
	k := s.dir.Load().keys[hash]
	if k == nil {
		return webhook.APIKey{}, false
	}
	return *k, true
}
