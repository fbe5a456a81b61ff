package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/tidwall/btree"
)

// row is a record that is newer than the file: its value, or that it's gone. Once in a layer, neither key
// nor value may be changed, nor may they be memory of the file.
type row struct {
	key, value []byte
	gone       bool
}

// rowSize is about what a row takes in memory beside its key and value.
const rowSize = 96

// layer holds rows that are on disk in the write-ahead log and not in the file yet, or, while a
// transaction runs, nowhere yet.
type layer struct {
	trees [bucketCount]*btree.BTreeG[row]
	bytes int    // of memory, about
	last  uint64 // number of the log's record that the newest rows are in
}

func rowLess(a, b row) bool { return bytes.Compare(a.key, b.key) < 0 }

func (l *layer) empty() bool { return l.bytes == 0 }

// size is about what the row takes in memory.
func (r row) size() int { return rowSize + len(r.key) + len(r.value) }

func (l *layer) set(b bucket, r row) {
	if l.trees[b] == nil {
		l.trees[b] = btree.NewBTreeGOptions(rowLess, btree.Options{NoLocks: true})
	}
	l.bytes += r.size()
	if old, replaced := l.trees[b].Load(r); replaced { // a Set that is quicker for what comes in order, as most does
		l.bytes -= old.size()
	}
}

// drop makes the layer say nothing of a row any more.
func (l *layer) drop(b bucket, r row) {
	if l.trees[b] != nil {
		if old, found := l.trees[b].Delete(r); found {
			l.bytes -= old.size()
		}
	}
}

func (l *layer) get(b bucket, key []byte) (row, bool) {
	if l.trees[b] == nil {
		return row{}, false
	}
	return l.trees[b].Get(row{key: key})
}

// each calls visit with the rows of a bucket, by key.
func (l *layer) each(b bucket, visit func(row) error) error {
	return l.from(b, nil, func(r row) (bool, error) { return true, visit(r) })
}

// from calls visit with the rows of a bucket from a key on, as long as it asks for more.
func (l *layer) from(b bucket, key []byte, visit func(row) (more bool, err error)) (err error) {
	if l.trees[b] != nil {
		l.trees[b].Ascend(row{key: key}, func(r row) (more bool) {
			more, err = visit(r)
			return more && err == nil
		})
	}
	return err
}

// merge lays another layer's rows over this one's.
func (l *layer) merge(above *layer) {
	for b, tree := range above.trees {
		if tree != nil {
			tree.Scan(func(r row) bool { l.set(bucket(b), r); return true })
		}
	}
	l.last = above.last
}

// copied returns a layer of the same rows of some buckets. From then on, a change of one is none of the
// other.
func (l *layer) copied(buckets []bucket) *layer {
	c := &layer{bytes: l.bytes, last: l.last}
	for _, b := range buckets {
		if tree := l.trees[b]; tree != nil {
			c.trees[b] = tree.Copy()
		}
	}
	return c
}

// appendTo appends the layer as a record of the write-ahead log, a part for each bucket that has rows:
//
//	| version | bucket | count, then each: key bytes, 1 + length of the value or 0: gone, value | bucket ...
//	| 1       | 1      | varints                                                                |
func (l *layer) appendTo(b []byte) []byte {
	b = append(b, recordVersion)
	for i, tree := range l.trees {
		if tree == nil || tree.Len() == 0 {
			continue
		}
		b = append(b, byte(i))
		b = binary.AppendUvarint(b, uint64(tree.Len()))
		tree.Scan(func(r row) bool {
			b = r.appendTo(b)
			return true
		})
	}
	return b
}

func (r row) appendTo(b []byte) []byte {
	b = appendBytes(b, r.key)
	if r.gone {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(r.value))+1)
	return append(b, r.value...)
}

// eachRecord calls visit with records that add reads, each as soon as it has this size. What it gets is its own.
func (l *layer) eachRecord(size int, visit func([]byte) error) error {
	record := []byte{recordVersion}
	for i := range l.trees {
		if err := l.each(bucket(i), func(r row) error {
			record = r.appendTo(append(record, byte(i), 1))
			if len(record) < size {
				return nil
			}
			full := record
			record = append(make([]byte, 0, cap(full)), recordVersion)
			return visit(full)
		}); err != nil {
			return err
		}
	}
	if len(record) == 1 {
		return nil
	}
	return visit(record)
}

// add lays the rows of a record of the write-ahead log over the layer's.
func (l *layer) add(record []byte) error { return eachRow(record, l.set) }

// eachRow calls visit with the rows of such a record. They are no part of its memory.
func eachRow(record []byte, visit func(bucket, row)) error {
	d := decode(record)
	for len(d.b) > 0 && !d.bad {
		b := d.byte()
		if b >= byte(bucketCount) {
			return fmt.Errorf("bucket %d: %w", b, errRecord)
		}
		for range d.int(len(d.b)) {
			r := row{key: d.bytes()}
			if n := d.int(len(d.b) + 1); n == 0 {
				r.gone = true
			} else {
				r.value = append([]byte{}, d.raw(n-1)...)
			}
			if d.bad || len(r.key) == 0 {
				return errRecord
			}
			visit(bucket(b), r)
		}
	}
	return d.err()
}
