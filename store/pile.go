package store

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// piles are the messages that are gathered, one pile for each of 256 parts by the first byte of their keys, each in
// the order in which they came. A new message is only ever appended, behind what others of the same memory look at,
// so that a transaction copies no rows to leave those before it as they were: in a tree most of what came would lie
// alone in a leaf, and the leaf have to be copied. A sweep takes whole piles.
type piles struct {
	of    [256]pile
	bytes int // as [layer].bytes counts
}

// pile is the messages of one part: beside each row the second to ninth byte of its key, by which it is found.
type pile struct {
	fronts []uint64
	rows   []row
}

func front(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// find returns where a row is; -1: there is none.
func (p *pile) find(key []byte) int {
	f := front(key)
	for i, other := range p.fronts {
		if other == f && bytes.Equal(p.rows[i].key, key) {
			return i
		}
	}
	return -1
}

func (m *piles) get(key []byte) (row, bool) {
	p := &m.of[key[0]]
	if i := p.find(key); i >= 0 {
		return p.rows[i], true
	}
	return row{}, false
}

// lay lays a row over the one with its key, or takes that out if it is gone. Of all that were made of the
// same piles only the newest may be changed.
func (m *piles) lay(r row) {
	p := &m.of[r.key[0]]
	if i := p.find(r.key); i >= 0 {
		m.bytes -= p.rows[i].size()
		p.fronts, p.rows = slices.Delete(slices.Clone(p.fronts), i, i+1), slices.Delete(slices.Clone(p.rows), i, i+1)
	}
	if !r.gone {
		m.bytes += r.size()
		p.fronts, p.rows = append(p.fronts, front(r.key)), append(p.rows, r)
	}
}

// take returns a part's rows by key, and leaves none.
func (m *piles) take(part byte) []row {
	rows := slices.Clone(m.of[part].rows)
	m.of[part] = pile{}
	for _, r := range rows {
		m.bytes -= r.size()
	}
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.key, b.key) })
	return rows
}

// stretch appends the rows whose keys have these two bytes in front.
func (m *piles) stretch(to []row, part, second byte) []row {
	p := &m.of[part]
	for i, f := range p.fronts {
		if byte(f>>56) == second {
			to = append(to, p.rows[i])
		}
	}
	return to
}
