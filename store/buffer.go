package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"
)

// Messages are too many to be neighbours when a sweep takes them from what is gathered: each would still cost a
// page of a large bucket. So on their way they stop once more, in a buffer for each of 256 parts of the bucket,
// by the first byte of their keys. What a sweep takes of a part lies there together, as one batch. When a part
// has thousands of rows they go to their places in the order of their keys, many to a page: some with each
// transaction, so that none takes long. A part's batches are removed when all of their rows are at their places.

const messageLen = 16 // bytes of a message's key

// placedAlong is how many rows a transaction takes to their places that buffers so many, if parts have more than they
// should: a few more, so that these get empty again.
func (g *gathering) placedAlong(buffered int) int { return buffered + 1 + g.size>>16 }

// partRows is how many rows a part's buffer takes. Were it as many for each part, all would be full at the same
// time, since hashes come evenly.
func (g *gathering) partRows(part byte) int { return (g.size + int(part)*g.size/128) / 2048 }

// buffer says what is buffered in the file at one moment: which messages may be. It doesn't change; a
// transaction makes another one of it.
type buffer [256]*part

// part is what is buffered of one part. The same goes for it.
type part struct {
	rows   int          // in all batches
	next   uint32       // number of the next batch
	until  uint32       // number of the first batch that stays while those before it leave; 0: none do
	left   int          // second byte of a key: the rows of leaving batches before it are at their places
	filter [1024]uint64 // a bit for each value of the second and third byte of a key; those of what is there are set
}

func (p *part) bit(key []byte) (word int, mask uint64) {
	n := binary.BigEndian.Uint16(key[1:])
	return int(n >> 6), 1 << (n & 63)
}

// readBuffer reads what is buffered.
func readBuffer(b *bolt.Tx) (*buffer, error) {
	f := &buffer{}
	in := b.Bucket(bBuffered.name())
	if in == nil { // an older file that is only looked at
		return f, nil
	}
	return f, in.ForEach(func(k, v []byte) error {
		x, ok := parseBatch(v)
		if len(k) != 5 || !ok || !x.sound(k[0]) {
			return fmt.Errorf("buffered %x: %w", k, errRecord)
		}
		p := f[k[0]]
		if p == nil {
			p = &part{}
			f[k[0]] = p
		}
		p.next = binary.BigEndian.Uint32(k[1:]) + 1
		for i := range x.count {
			p.took(x.key(i))
		}
		return nil
	})
}

func (p *part) took(key []byte) {
	word, mask := p.bit(key)
	p.filter[word] |= mask
	p.rows++
}

// mayHave reports whether a row with this key may be buffered.
func (f *buffer) mayHave(key []byte) bool {
	p := f[key[0]]
	if p == nil {
		return false
	}
	word, mask := p.bit(key)
	return p.filter[word]&mask != 0
}

// get returns a buffered row's value; nil if there is none.
func (f *buffer) get(b *bolt.Tx, key []byte) (value []byte) {
	if f.mayHave(key) {
		eachBatch(b, key[0], func(x batch) (more bool) {
			if i, found := x.find(key); found {
				value = x.value(i)
			}
			return value == nil
		})
	}
	return value
}

// eachBatch calls visit with a part's batches, the newest first. There must be one: in a bucket that a transaction has
// emptied bbolt's cursor never finds the end.
func eachBatch(b *bolt.Tx, part byte, visit func(batch) (more bool)) {
	in := b.Bucket(bBuffered.name())
	if in == nil {
		return
	}
	c := in.Cursor()
	back := c.Prev
	if k, _ := c.Seek(batchKey(part, math.MaxUint32)); k == nil { // there is none with this number
		back = c.Last
	}
	for k, v := back(); len(k) > 0 && k[0] == part; k, v = c.Prev() {
		if x, ok := parseBatch(v); ok && !visit(x) { // a damaged one is found by verify, and by the next start
			return
		}
	}
}

// batchKey places a batch behind those before it of its part.
//
//	| part | number |
//	| 1    | 4      |
func batchKey(part byte, number uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{part}, number)
}

// add buffers rows of one part, sorted by their keys.
func (f *buffer) add(b *bolt.Tx, rows []row) error {
	n := rows[0].key[0]
	p := &part{}
	if f[n] != nil {
		*p = *f[n]
	}
	if err := b.Bucket(bBuffered.name()).Put(batchKey(n, p.next), appendBatch(nil, rows)); err != nil {
		return err
	}
	p.next++
	for _, r := range rows {
		p.took(r.key)
	}
	f[n] = p
	return nil
}

// placeFull takes rows of parts that have more than they should to their places, up to about so many.
func (f *buffer) placeFull(b *bolt.Tx, limit func(part byte) int, rows int) error {
	for n := 0; n < len(f) && rows > 0; {
		p := f[n]
		if p == nil || p.until == 0 && p.rows <= limit(byte(n)) {
			n++
			continue
		}
		placed, err := f.placeSome(b, byte(n), rows)
		if err != nil {
			return err
		}
		rows -= placed
	}
	return nil
}

// place takes all of a part's rows to their places.
func (f *buffer) place(b *bolt.Tx, n byte) error {
	p := *f[n]
	p.until = 0 // begin anew: a batch that would have stayed may have rows before those that have left
	f[n] = &p
	_, err := f.placeSome(b, n, math.MaxInt)
	return err
}

// placeSome takes a part's rows to their places, up to about so many, and goes on where it was.
func (f *buffer) placeSome(b *bolt.Tx, n byte, rows int) (placed int, err error) {
	p := *f[n]
	if p.until == 0 {
		p.until, p.left = p.next, 0
	}
	to := b.Bucket(bMessages.name())
	s := bufferSource{b: b, f: f}
	for ; p.left < 256 && placed < rows; p.left++ {
		s.load(int(n)<<8 | p.left)
		for _, r := range s.rows {
			if err := to.Put(r.key, r.value); err != nil {
				return placed, err
			}
		}
		placed += len(s.rows)
	}
	if p.left < 256 {
		f[n] = &p
		return placed, nil
	}
	c := b.Bucket(bBuffered.name()).Cursor()
	for {
		k, _ := c.Seek([]byte{n})
		if len(k) == 0 || k[0] != n || bytes.Compare(k, batchKey(n, p.until)) >= 0 {
			break
		}
		if err := c.Delete(); err != nil {
			return placed, err
		}
	}
	f[n] = nil
	if p.until == p.next {
		return placed, nil
	}
	rest := &part{next: p.next}
	eachBatch(b, n, func(x batch) bool {
		for i := range x.count {
			rest.took(x.key(i))
		}
		return true
	})
	f[n] = rest
	return placed, nil
}

// placeAll takes to their places what the parts from one on have, up to about so many rows, and returns the part
// to go on from.
func (f *buffer) placeAll(b *bolt.Tx, from, limit int) (next int, err error) {
	for rows := 0; from < len(f) && rows < limit; from++ {
		if f[from] == nil {
			continue
		}
		rows += f[from].rows
		if err := f.place(b, byte(from)); err != nil {
			return from, err
		}
	}
	return from, nil
}

// batch is buffered rows of one part, sorted by their keys:
//
//	| version | count | keys    | where each value ends | values |
//	| 1       | 4     | 16 each | 4 each                |        |
type batch struct {
	count              int
	keys, ends, values []byte
}

func appendBatch(b []byte, rows []row) []byte {
	size := 0
	for _, r := range rows {
		size += messageLen + 4 + len(r.value)
	}
	b = slices.Grow(b, 5+size)
	b = append(b, recordVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(rows)))
	for _, r := range rows {
		b = append(b, r.key...)
	}
	end := 0
	for _, r := range rows {
		end += len(r.value)
		b = binary.BigEndian.AppendUint32(b, uint32(end))
	}
	for _, r := range rows {
		b = append(b, r.value...)
	}
	return b
}

// parseBatch looks at the lengths alone: batches are searched far too often to check more each time.
func parseBatch(b []byte) (x batch, ok bool) {
	const head = 5
	if len(b) < head || b[0] != recordVersion {
		return x, false
	}
	n := uint64(binary.BigEndian.Uint32(b[1:]))
	b = b[head:]
	if uint64(len(b)) < n*(messageLen+4) {
		return x, false
	}
	x.count = int(n)
	x.keys, b = b[:messageLen*n], b[messageLen*n:]
	x.ends, x.values = b[:4*n], b[4*n:]
	return x, true
}

// sound reports whether all of the batch can be read.
func (x batch) sound(part byte) bool {
	end := 0
	for i := range x.count {
		if x.key(i)[0] != part || i > 0 && bytes.Compare(x.key(i-1), x.key(i)) >= 0 || x.end(i) < end {
			return false
		}
		end = x.end(i)
	}
	return end == len(x.values)
}

func (x batch) key(i int) []byte { return x.keys[messageLen*i:][:messageLen] }

func (x batch) end(i int) int { return int(binary.BigEndian.Uint32(x.ends[4*i:])) }

// value returns a row's value; nil if it is damaged.
func (x batch) value(i int) []byte {
	from, to := 0, x.end(i)
	if i > 0 {
		from = x.end(i - 1)
	}
	if from > to || to > len(x.values) {
		return nil
	}
	return x.values[from:to:to]
}

// find returns the first row that isn't before key.
func (x batch) find(key []byte) (i int, found bool) {
	return sort.Find(x.count, func(i int) int { return bytes.Compare(key, x.key(i)) })
}

// bufferSource is the messages that are gathered and those that are buffered. It goes from one stretch to the next:
// those whose keys have the same two bytes in front.
type bufferSource struct {
	b       *bolt.Tx
	m       *piles // nil: only what is buffered
	f       *buffer
	stretch int
	rows    []row // of the stretch, by key
	i       int   // where it is in them
}

const stretches = 1 << 16

func (s *bufferSource) first() { s.load(0); s.forward() }
func (s *bufferSource) last()  { s.load(stretches - 1); s.i = len(s.rows) - 1; s.backward() }
func (s *bufferSource) next()  { s.i++; s.forward() }
func (s *bufferSource) prev()  { s.i--; s.backward() }
func (s *bufferSource) here() (row, bool) {
	if s.i < 0 || s.i >= len(s.rows) {
		return row{}, false
	}
	return s.rows[s.i], true
}

func (s *bufferSource) seek(key []byte) {
	var front [2]byte
	copy(front[:], key)
	s.load(int(binary.BigEndian.Uint16(front[:])))
	s.i = sort.Search(len(s.rows), func(i int) bool { return bytes.Compare(s.rows[i].key, key) >= 0 })
	s.forward()
}

// forward goes to the next stretch that has rows, if it is at the end of its own.
func (s *bufferSource) forward() {
	for s.i >= len(s.rows) && s.stretch < stretches-1 {
		s.load(s.stretch + 1)
	}
}

// backward goes to the last one before that has rows, if it is at the beginning of its own.
func (s *bufferSource) backward() {
	for s.i < 0 && s.stretch > 0 {
		s.load(s.stretch - 1)
		s.i = len(s.rows) - 1
	}
}

// load gets a stretch's rows, of those with the same key the newest, and goes to the first.
func (s *bufferSource) load(stretch int) {
	s.stretch, s.rows, s.i = stretch, s.rows[:0], 0
	n, second := byte(stretch>>8), stretch&0xff
	if s.m != nil {
		s.rows = s.m.stretch(s.rows, n, byte(second))
	}
	if p := s.f[n]; p != nil && [4]uint64(p.filter[4*second:]) != [4]uint64{} {
		eachBatch(s.b, n, func(x batch) bool {
			for i, _ := x.find([]byte{n, byte(second)}); i < x.count && x.key(i)[1] == byte(second); i++ {
				s.rows = append(s.rows, row{key: x.key(i), value: x.value(i)})
			}
			return true
		})
	}
	slices.SortStableFunc(s.rows, func(a, b row) int { return bytes.Compare(a.key, b.key) })
	s.rows = slices.CompactFunc(s.rows, func(a, b row) bool { return bytes.Equal(a.key, b.key) })
}
