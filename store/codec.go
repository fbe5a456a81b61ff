package store

import (
	"encoding/binary"
	"errors"

	"cubeconnect/webhook"
)

// errRecord says that a stored record can't be read: the file is damaged, or not ours.
var errRecord = errors.New("record is damaged")

// recordVersion is the first byte of every binary record, so that a later layout can be told apart.
const recordVersion = 1

func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendTime(b []byte, ms int64) []byte { return binary.AppendUvarint(b, uint64(max(ms, 0))) }

// decoder reads a record from its front. After the first fault everything reads as zero, and err says so
// once.
type decoder struct {
	b   []byte
	bad bool
}

func decode(b []byte) *decoder {
	d := &decoder{b: b}
	if d.byte() != recordVersion {
		d.fail()
	}
	return d
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) err() error {
	if d.bad {
		return errRecord
	}
	return nil
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > 1<<32-1 {
		d.fail()
		return 0
	}
	return uint32(v)
}

// int reads a count or size, which can't be greater than limit.
func (d *decoder) int(limit int) int {
	v := d.uvarint()
	if v > uint64(limit) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *decoder) millis() int64 {
	v := d.uvarint()
	if v >= 1<<48 {
		d.fail()
		return 0
	}
	return int64(v)
}

// raw returns the next n bytes of the record itself.
func (d *decoder) raw(n int) []byte {
	if n > len(d.b) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

// view returns a byte string without copying it.
func (d *decoder) view() []byte { return d.raw(d.int(len(d.b))) }

// bytes returns a copy of a byte string; nil if it is empty.
func (d *decoder) bytes() []byte { return append([]byte(nil), d.view()...) }

func (d *decoder) string() string { return string(d.view()) }

func (d *decoder) id() (id webhook.ID) {
	copy(id[:], d.raw(len(id)))
	return id
}

func (d *decoder) uint64() uint64 {
	b := d.raw(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
