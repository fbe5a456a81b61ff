package store

import (
	"context"
	"errors"
	"fmt"

	"cubeconnect/keyring"
	"cubeconnect/webhook"
)

// MasterKey is one of the ring's keys, and what it is there for.
type MasterKey struct {
	keyring.Key
	Current bool `json:"current"` // it is the newest, which seals
	Values  int  `json:"values"`  // that it has sealed, and that are in the database
}

// MasterKeys lists the ring's keys, oldest first.
func (s *Store) MasterKeys(ctx context.Context) (list []MasterKey, err error) {
	values := map[keyring.ID]int{}
	err = s.viewOf(ctx, sealedBuckets(), func(b *reader) error {
		return eachSealed(b, func(_ string, v *sealed) error {
			id, _ := keyring.SealedWith(*v)
			values[id]++
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	for _, k := range s.safe.ring.Keys() {
		list = append(list, MasterKey{k, k.ID == s.safe.ring.Current(), values[k.ID]})
	}
	return list, nil
}

// MasterKeyFile returns the name of the ring's file.
func (s *Store) MasterKeyFile() string { return s.safe.ring.Path() }

// RotateMasterKey adds a key to the ring and seals every value anew with it; n says how many. Killed before
// the end, the next [Open] does the rest. Older keys stay in the ring: backups need them. A file of keys that
// can't be changed is a conflict.
func (s *Store) RotateMasterKey(ctx context.Context) (made keyring.Key, n int, err error) {
	if made, err = s.safe.ring.Rotate(s.now()); err != nil {
		return made, 0, fmt.Errorf("%w: %w", err, webhook.ErrConflict)
	}
	n, err = s.reseal(ctx)
	return made, n, errors.Join(err, s.Note(ctx, webhook.TrailEntry{Action: webhook.MasterKeyRotated, Name: made.ID.String()}))
}

// PruneMasterKeys removes the keys that seal nothing in the database any more, and returns them. A backup
// that was made while one of them was the newest can't be restored without a copy of it.
func (s *Store) PruneMasterKeys(ctx context.Context) (removed []keyring.Key, err error) {
	// What lies in the file itself must not need them either: it is looked at before the log is.
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	keys, err := s.MasterKeys(ctx)
	if err != nil {
		return nil, err
	}
	used := map[keyring.ID]bool{}
	for _, k := range keys {
		used[k.ID] = k.Values > 0
	}
	removed, err = s.safe.ring.Prune(func(id keyring.ID) bool { return used[id] })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, webhook.ErrConflict)
	}
	if len(removed) == 0 {
		return nil, nil
	}
	entry := webhook.TrailEntry{Action: webhook.MasterKeysPruned}
	for _, k := range removed {
		entry.Details = append(entry.Details, "key="+k.ID.String())
	}
	return removed, s.Note(ctx, entry)
}
