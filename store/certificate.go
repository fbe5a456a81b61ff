package store

import (
	"context"
	"fmt"
)

// certificatePlace names the place of a certificate's record, which is sealed as a whole: keys are in it.
func certificatePlace(name []byte) string { return fmt.Sprintf("%s/%s", bCertificates, name) }

// Certificate returns what was put under a name; nil: nothing.
func (s *Store) Certificate(ctx context.Context, name string) (value []byte, err error) {
	err = s.viewOf(ctx, []bucket{bCertificates}, func(r *reader) error {
		v := r.get(bCertificates, []byte(name))
		if v == nil {
			return nil
		}
		if value, err = s.safe.ring.Open(certificatePlace([]byte(name)), v); err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		return nil
	})
	return value, err
}

// PutCertificate stores a value under a name, in place of the one before, sealed.
func (s *Store) PutCertificate(ctx context.Context, name string, value []byte) error {
	return s.update(ctx, func(t *tx) error {
		t.put(bCertificates, []byte(name), s.safe.ring.Seal(certificatePlace([]byte(name)), value))
		return nil
	})
}
