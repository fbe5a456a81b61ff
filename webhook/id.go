package webhook

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"
)

// ID is a ULID: 26 characters of Crockford's base 32 outside, 16 bytes inside, sorted by time.
//
//	| unix milliseconds | sequence | owner   |
//	| 6 bytes           | 6 bytes  | 4 bytes |   all big endian
//
// The sequence starts at a random number in each millisecond and counts up from there, so that ids made
// by one [IDs] are strictly increasing and those of two databases practically never meet. The owner is
// the tenant in an event's id, with the highest bit set, and the endpoint in a delivery's: a delivery's id
// is its event's id with another owner, so neither has to be stored to find the other.
type ID [16]byte

// KeySize is the length of the part of an ID that is shared by an event and its deliveries.
const KeySize = 12

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var errID = errors.New("not a ULID (26 characters of Crockford's base 32)")

var crockfordValue = func() (v [256]byte) {
	for i := range v {
		v[i] = 0xff
	}
	for i := range len(crockford) {
		v[crockford[i]] = byte(i)
		v[crockford[i]|0x20] = byte(i)
	}
	return v
}()

// ParseID reads the 26 characters of a ULID in either case.
func ParseID(s string) (id ID, err error) {
	if len(s) != 26 || crockfordValue[s[0]] > 7 {
		return ID{}, errID
	}
	// 26 characters carry 130 bits: the first two are zero.
	var acc uint32
	bits := -2
	n := 0
	for i := range len(s) {
		v := crockfordValue[s[i]]
		if v == 0xff {
			return ID{}, errID
		}
		acc = acc<<5 | uint32(v)
		bits += 5
		if bits >= 8 {
			bits -= 8
			id[n] = byte(acc >> bits)
			n++
		}
	}
	return id, nil
}

// String returns the 26 characters of the ULID.
func (id ID) String() string { return string(id.append(make([]byte, 0, 26))) }

func (id ID) append(b []byte) []byte {
	acc, bits := uint32(0), 2
	for _, c := range id {
		acc = acc<<8 | uint32(c)
		bits += 8
		for bits >= 5 {
			bits -= 5
			b = append(b, crockford[acc>>bits&31])
		}
	}
	return b
}

// MarshalText implements [encoding.TextMarshaler].
func (id ID) MarshalText() ([]byte, error) { return id.append(make([]byte, 0, 26)), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// IsZero reports whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// Millis returns the id's time in Unix milliseconds.
func (id ID) Millis() int64 {
	return int64(binary.BigEndian.Uint64(id[:8]) >> 16)
}

// Time returns the id's time, to the millisecond.
func (id ID) Time() time.Time { return time.UnixMilli(id.Millis()).UTC() }

// eventBit is set in the owner of an event's id, or a delivery to the endpoint with the tenant's number
// would have the same one.
const eventBit = 1 << 31

// Tenant returns the tenant of an event's id.
func (id ID) Tenant() uint32 { return id.Owner() &^ eventBit }

// OfTenant returns the id of the event, of a tenant, that a delivery's id comes from.
func (id ID) OfTenant(tenant uint32) ID { return id.WithOwner(tenant | eventBit) }

// Owner returns the last four bytes: of a delivery's id, the endpoint.
func (id ID) Owner() uint32 { return binary.BigEndian.Uint32(id[KeySize:]) }

// WithOwner returns the id with another owner.
func (id ID) WithOwner(owner uint32) ID {
	binary.BigEndian.PutUint32(id[KeySize:], owner)
	return id
}

// Key returns the bytes that an event and its deliveries share.
func (id ID) Key() []byte { return id[:KeySize] }

// IDFromKey is the inverse of [ID.Key].
func IDFromKey(key []byte, owner uint32) (id ID) {
	copy(id[:KeySize], key)
	return id.WithOwner(owner)
}

// IDAt returns the smallest id of an instant, for use as a bound.
func IDAt(t time.Time) (id ID) {
	ms := uint64(max(t.UnixMilli(), 0))
	binary.BigEndian.PutUint64(id[:8], ms<<16)
	return id
}

// IDs makes ids that only ever grow, whatever the clock does: while the clock stands behind the last
// id, ids keep that id's millisecond. It is not safe for concurrent use.
type IDs struct {
	ms  uint64
	seq uint64
}

const seqBits = 48

// After makes the following ids greater than id; a store calls it with the last id on disk.
func (g *IDs) After(id ID) {
	ms := uint64(id.Millis())
	seq := binary.BigEndian.Uint64(id[4:12]) & (1<<seqBits - 1)
	if ms > g.ms || ms == g.ms && seq > g.seq {
		g.ms, g.seq = ms, seq
	}
}

// Next returns an id greater than all before it.
func (g *IDs) Next(now time.Time, owner uint32) (id ID) {
	ms := uint64(max(now.UnixMilli(), 0))
	switch {
	case ms > g.ms:
		g.ms, g.seq = ms, randomSeq()
	case g.seq == 1<<seqBits-1:
		g.ms, g.seq = g.ms+1, randomSeq()
	default:
		g.seq++
	}
	binary.BigEndian.PutUint64(id[:8], g.ms<<16|g.seq>>32)
	binary.BigEndian.PutUint32(id[8:12], uint32(g.seq))
	return id.WithOwner(owner)
}

// randomSeq leaves the upper half of the range free, so that a millisecond has room to count.
func randomSeq() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return binary.BigEndian.Uint64(b[:]) & (1<<(seqBits-1) - 1)
}

// Before reports whether id was made before other.
func (id ID) Before(other ID) bool { return bytes.Compare(id[:], other[:]) < 0 }
