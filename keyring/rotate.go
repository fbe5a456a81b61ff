package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"
)

// Rotate adds a new key, which seals from then on. When it returns, the key is on disk; nothing is sealed
// with it before that is certain. After an error the ring is what it was. The error wraps [ErrReadOnly] if
// the file can't be changed from here.
func (r *Ring) Rotate(now time.Time) (Key, error) {
	var made key
	err := r.change(func(keys []key) []key {
		for made = newKey(now); slices.ContainsFunc(keys, func(k key) bool { return k.ID == made.ID }); {
			made = newKey(now)
		}
		return append(keys, made)
	})
	if err != nil {
		return Key{}, fmt.Errorf("add a master key: %w", err)
	}
	return made.Key, nil
}

// Prune removes the keys that are not to be kept, and returns them. The newest is always kept. What was
// sealed with a removed key, a backup's values for one, never opens again.
func (r *Ring) Prune(keep func(ID) bool) (removed []Key, err error) {
	err = r.change(func(keys []key) []key {
		newest := keys[len(keys)-1].ID
		return slices.DeleteFunc(keys, func(k key) bool {
			gone := k.ID != newest && !keep(k.ID)
			if gone {
				removed = append(removed, k.Key)
			}
			return gone
		})
	})
	if err != nil {
		return nil, fmt.Errorf("remove master keys: %w", err)
	}
	return removed, nil
}

// change makes other keys of those in the file, on disk first.
func (r *Ring) change(edit func([]key) []key) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	if r.credential {
		return fmt.Errorf("%s is a copy that systemd made for the service: %w", r.path, ErrReadOnly)
	}
	keys := *r.keys.Load()
	if r.path != "" {
		onDisk, err := read(r.path, r.credential)
		if err != nil {
			return err
		}
		same := func(a, b key) bool { return a.ID == b.ID }
		if !slices.EqualFunc(keys, onDisk, same) {
			return fmt.Errorf("%s was changed since it was read; restart the service, then try again", r.path)
		}
	}
	next := edit(slices.Clone(keys))
	if len(next) == len(keys) {
		return nil // nothing was added, and nothing removed
	}
	if r.path != "" {
		if err := replace(r.path, format(next)); err != nil {
			if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
				err = fmt.Errorf("%w: %w", ErrReadOnly, err)
			}
			return err
		}
	}
	r.keys.Store(&next)
	return nil
}
