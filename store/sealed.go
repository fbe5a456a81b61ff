package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"cubeconnect/keyring"
)

// sealed is a secret as records keep it: opened when the directory is read, sealed when a record is written.
// Each is bound to its place, so that none can be passed off as another's.
type sealed []byte

// placeOf names the place of a sealed value in a record.
func placeOf(b bucket, id uint32, field string) string { return fmt.Sprintf("%s/%d/%s", b, id, field) }

// sealer seals and opens. Without a ring it only reads, and every secret as none.
type sealer struct{ ring *keyring.Ring }

// seal leaves nothing of no secret, so that a record tells whether there is one.
func (s sealer) seal(b bucket, id uint32, field, plain string) sealed {
	if plain == "" {
		return nil
	}
	return s.ring.Seal(placeOf(b, id, field), []byte(plain))
}

func (s sealer) open(b bucket, id uint32, field string, v sealed) (string, error) {
	if s.ring == nil || len(v) == 0 {
		return "", nil
	}
	plain, err := s.ring.Open(placeOf(b, id, field), v)
	if err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	return string(plain), nil
}

// touchstone is a sealed value that every database has: it tells whether a ring is the right one before
// anything else is read.
var (
	kTouchstone     = []byte("master_key")
	touchstonePlace = "meta/master_key"
)

// checkRing returns an error if a database's values were sealed with a key that the ring doesn't have.
func checkRing(ring *keyring.Ring, touchstone []byte, path string) error {
	if touchstone == nil {
		return nil // nothing was ever sealed
	}
	if _, err := ring.Open(touchstonePlace, touchstone); err != nil {
		return fmt.Errorf("%s can't be read with the master keys in %s: %w; put the key file there that belongs to it", path, ring.Path(), err)
	}
	return nil
}

// sealedField is a place for a sealed value in a record.
type sealedField struct {
	name  string
	value *sealed
}

// visitSealed is called with each sealed value and the name of its place.
type visitSealed func(place string, v *sealed) error

// sealedIn are the buckets in which records have sealed values. Edit visits those of a record, and returns
// the record with what the visits leave. Whatever is sealed must be found here, or a rotation forgets it.
var sealedIn = []struct {
	bucket
	edit func(key, record []byte, visit visitSealed) ([]byte, error)
}{
	{bMeta, func(key, record []byte, visit visitSealed) ([]byte, error) {
		if !bytes.Equal(key, kTouchstone) {
			return record, nil
		}
		v := sealed(record)
		err := visit(touchstonePlace, &v)
		return v, err
	}},
	{bAccounts, editRecord[accountRecord](bAccounts)},
	{bEndpoints, editRecord[endpointRecord](bEndpoints)},
	{bCertificates, func(key, record []byte, visit visitSealed) ([]byte, error) {
		v := sealed(record)
		err := visit(certificatePlace(key), &v)
		return v, err
	}},
}

// editRecord edits JSON records that have a number for a key.
func editRecord[T any, P interface {
	*T
	sealed() []sealedField
}](b bucket) func(key, record []byte, visit visitSealed) ([]byte, error) {
	return func(key, record []byte, visit visitSealed) ([]byte, error) {
		var r T
		if err := unmarshal(record, &r); err != nil || len(key) != 4 {
			return nil, errRecord
		}
		for _, f := range P(&r).sealed() {
			if len(*f.value) == 0 {
				continue
			}
			if err := visit(placeOf(b, binary.BigEndian.Uint32(key), f.name), f.value); err != nil {
				return nil, err
			}
		}
		return json.Marshal(r)
	}
}

// eachSealed visits every sealed value that a reader sees.
func eachSealed(b *reader, visit visitSealed) error {
	for _, in := range sealedIn {
		err := b.each(in.bucket, func(k, v []byte) error {
			_, err := in.edit(k, v, visit)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", in.bucket, err)
		}
	}
	return nil
}

// sealedBuckets are what [eachSealed] reads.
func sealedBuckets() (list []bucket) {
	for _, in := range sealedIn {
		list = append(list, in.bucket)
	}
	return list
}

// stale reports whether an older key than the newest has sealed something.
func (s *Store) stale(b *reader) (stale bool, err error) {
	newest := s.safe.ring.Current()
	err = eachSealed(b, func(_ string, v *sealed) error {
		id, _ := keyring.SealedWith(*v)
		stale = stale || id != newest
		return nil
	})
	return stale, err
}

// goOnSealing ends what a rotation began.
func (s *Store) goOnSealing() {
	n, err := s.reseal(context.Background())
	if err != nil {
		s.log.Error("what an older master key has sealed could not be sealed anew; it is tried again at the next start", "error", err)
		return
	}
	s.log.Info("what an older master key had sealed is sealed anew", "values", n, "key", s.safe.ring.Current().String())
}

// resealStep is how many records one transaction looks at.
const resealStep = 256

// reseal seals with the newest key what an older one has sealed, in small steps, and returns how many values
// that were. Cut short, what is done stands, and what isn't opens with the old key as before.
func (s *Store) reseal(ctx context.Context) (n int, err error) {
	for i := range sealedIn {
		for next := []byte{}; next != nil; {
			from, count := next, 0
			err := s.update(ctx, func(t *tx) (err error) {
				count, next, err = t.reseal(i, from)
				return err
			})
			if err != nil {
				return n, fmt.Errorf("seal with the new key: %w", err)
			}
			n += count
		}
	}
	return n, nil
}

// reseal looks at some records of a bucket, from a key on. Next is where to go on; nil: that was all.
func (t *tx) reseal(i int, from []byte) (n int, next []byte, err error) {
	in, ring := sealedIn[i], t.s.safe.ring
	anew := func(place string, v *sealed) error {
		if id, ok := keyring.SealedWith(*v); ok && id == ring.Current() {
			return nil
		}
		plain, err := ring.Open(place, *v)
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		*v = ring.Seal(place, plain)
		n++
		return nil
	}
	var changed []row
	c := t.cursor(in.bucket)
	k, v := c.Seek(from)
	for seen := 0; k != nil && seen < resealStep; k, v = c.Next() {
		before := n
		record, err := in.edit(k, v, anew)
		if err != nil {
			return 0, nil, err
		}
		if n > before {
			changed = append(changed, row{key: bytes.Clone(k), value: record})
		}
		seen++
	}
	next = bytes.Clone(k)
	for _, r := range changed {
		t.put(in.bucket, r.key, r.value)
	}
	return n, next, nil
}
