package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"

	bolt "go.etcd.io/bbolt"
)

// bbolt follows what stands in a page through its mapping of the file: a number that leads out of the file, or
// back to the same page, ends the process and can't be caught. So pages are read here first, as a file is,
// and checked: that each is used once or free, and that keys are in order. What passes here passes bbolt's own
// check, which can't rest.
//
//	page     | id | flags | count | overflow | elements ... | keys and values ... |
//	         | 8  | 2     | 2     | 4        | 16 each      |                     |
//	branch   | offset of the key from here | its size | child |
//	         | 4                           | 4        | 8     |
//	leaf     | flags | offset of the key from here | its size | the value's size |
//	         | 4     | 4                           | 4        | 4                |
//	bucket   | root (0: its page follows) | sequence | page, if it does |
//	         | 8                          | 8        |                  |
//	freelist | count, if that above is 65535 | ids ... |
//	         | 8                             | 8 each  |
//	meta     | magic | version | page size | flags | root | sequence | freelist | end | transaction | checksum |
//	         | 4     | 4       | 4         | 4     | 8    | 8        | 8        | 8   | 8           | 8        |
const (
	pageHead    = 16
	elementSize = 16
	bucketHead  = 16
	metaSize    = 64

	branchPage, leafPage, metaPage, freelistPage = 1, 2, 4, 16
	bucketLeaf                                   = 1

	metaMagic, metaVersion = 0xED0CDAED, 2
	noFreelist             = math.MaxUint64
)

var native = binary.NativeEndian

// checkPages returns what is wrong with the pages that a database file's last transaction reaches.
func checkPages(f io.ReaderAt, pageSize int, p *pace) error {
	c := pageCheck{f: f, pageSize: uint64(pageSize), first: make([]byte, pageSize), pace: p}
	root, freelist, err := c.meta()
	if err != nil {
		return err
	}
	c.seen = make([]uint64, c.end/64+1)
	if err := c.freelist(freelist); err != nil {
		return err
	}
	if err := c.page(root, nil, nil); err != nil {
		return err
	}
	for id := uint64(2); id < c.end && freelist != noFreelist; id++ {
		if err := c.see(id); err == nil {
			return fmt.Errorf("page %d is neither used nor free", id)
		}
	}
	return nil
}

type pageCheck struct {
	f        io.ReaderAt
	pageSize uint64
	end      uint64   // behind the last page
	seen     []uint64 // a bit for each page
	first    []byte   // what head read last
	pace     *pace
}

func (c *pageCheck) read(at, n uint64) ([]byte, error) {
	b := make([]byte, n)
	if _, err := c.f.ReadAt(b, int64(at)); err != nil {
		return nil, fmt.Errorf("read the database: %w", err)
	}
	return b, nil
}

// meta reads the later one of the two pages that say where everything is.
func (c *pageCheck) meta() (root, freelist uint64, err error) {
	var latest uint64
	for i := range uint64(2) {
		b, err := c.read(i*c.pageSize, pageHead+metaSize)
		if err != nil {
			return 0, 0, err
		}
		if native.Uint64(b) != i || native.Uint16(b[8:]) != metaPage {
			return 0, 0, fmt.Errorf("page %d is damaged", i)
		}
		b = b[pageHead:]
		sum := fnv.New64a()
		_, _ = sum.Write(b[:metaSize-8]) // never fails
		if native.Uint32(b) != metaMagic || native.Uint32(b[4:]) != metaVersion || native.Uint64(b[56:]) != sum.Sum64() {
			continue
		}
		if txid := native.Uint64(b[48:]); c.end == 0 || txid > latest {
			latest, root, freelist, c.end = txid, native.Uint64(b[16:]), native.Uint64(b[32:]), native.Uint64(b[40:])
		}
	}
	if c.end < 2 || c.end > math.MaxInt64/c.pageSize {
		return 0, 0, errors.New("no page says where the rest is")
	}
	return root, freelist, nil
}

// head reads a page, but not those that belong to it. Span is how many bytes it has with them. What it returns
// is overwritten by the next call.
func (c *pageCheck) head(id uint64) (b []byte, flags uint16, count, span uint64, err error) {
	if id < 2 || id >= c.end {
		return nil, 0, 0, 0, fmt.Errorf("page %d is outside of the database", id)
	}
	if err := c.see(id); err != nil {
		return nil, 0, 0, 0, err
	}
	c.pace.step()
	b = c.first
	if _, err := c.f.ReadAt(b, int64(id*c.pageSize)); err != nil {
		return nil, 0, 0, 0, fmt.Errorf("read the database: %w", err)
	}
	overflow := uint64(native.Uint32(b[12:]))
	if native.Uint64(b) != id || id+overflow >= c.end {
		return nil, 0, 0, 0, fmt.Errorf("page %d is damaged", id)
	}
	for i := range overflow {
		if err := c.see(id + 1 + i); err != nil {
			return nil, 0, 0, 0, err
		}
	}
	return b, native.Uint16(b[8:]), uint64(native.Uint16(b[10:])), (overflow + 1) * c.pageSize, nil
}

// see notes that a page is used, or free. It can't be twice, nor both.
func (c *pageCheck) see(id uint64) error {
	if c.seen[id/64]&(1<<(id%64)) != 0 {
		return fmt.Errorf("page %d stands in two places", id)
	}
	c.seen[id/64] |= 1 << (id % 64)
	return nil
}

func (c *pageCheck) freelist(id uint64) error {
	if id == noFreelist {
		return nil
	}
	b, flags, count, span, err := c.head(id)
	if err != nil {
		return err
	}
	at := uint64(pageHead)
	if count == math.MaxUint16 {
		count, at = native.Uint64(b[pageHead:]), pageHead+8
	}
	if flags != freelistPage || count > (span-at)/8 {
		return fmt.Errorf("page %d, the list of free pages, is damaged", id)
	}
	ids, err := c.read(id*c.pageSize+at, count*8)
	if err != nil {
		return err
	}
	for ; len(ids) > 0; ids = ids[8:] {
		free := native.Uint64(ids)
		if free < 2 || free >= c.end {
			return fmt.Errorf("page %d is free and outside of the database", free)
		}
		if err := c.see(free); err != nil {
			return err
		}
	}
	return nil
}

// page checks a page and those below it. Their keys must be from least on and before below; nil: any.
func (c *pageCheck) page(id uint64, least, below []byte) error {
	b, flags, count, span, err := c.head(id)
	if err != nil {
		return err
	}
	damaged := fmt.Errorf("page %d is damaged", id)
	table := pageHead + count*elementSize
	if flags != branchPage && flags != leafPage || table > span || flags == branchPage && count == 0 {
		return damaged
	}
	if table > uint64(len(b)) {
		if b, err = c.read(id*c.pageSize, table); err != nil {
			return err
		}
	}
	type child struct {
		id    uint64
		least []byte
	}
	type inside struct{ at, size uint64 }
	var children []child
	var buckets []inside
	last := least
	for at := uint64(pageHead); at < table; at += elementSize {
		keyOf, value, size, ok := b[at:], uint64(0), uint64(0), false
		if flags == branchPage {
			ok = fits(span, at, keyOf, 0)
		} else {
			value, size, ok = leaf(span, at, keyOf)
			keyOf = keyOf[4:]
		}
		if !ok {
			return damaged
		}
		key, err := c.key(id, b, at, keyOf)
		if err != nil {
			return err
		}
		if !inOrder(last, key, below, at == pageHead) {
			return fmt.Errorf("page %d has keys that are out of order", id)
		}
		last = key
		if flags == branchPage {
			children = append(children, child{native.Uint64(b[at+8:]), bytes.Clone(key)})
		} else if native.Uint32(b[at:]) == bucketLeaf {
			buckets = append(buckets, inside{id*c.pageSize + value, size})
		}
	}
	for i, x := range children {
		next := below
		if i+1 < len(children) {
			next = children[i+1].least
		}
		if err := c.page(x.id, x.least, next); err != nil {
			return err
		}
	}
	for _, in := range buckets {
		if err := c.bucket(id, in.at, in.size); err != nil {
			return err
		}
	}
	return nil
}

// key returns the key of the element at an offset of a page, of which b is the beginning; the element says in its
// keyOf how far from there the key is, and how long.
func (c *pageCheck) key(id uint64, b []byte, at uint64, keyOf []byte) ([]byte, error) {
	at += uint64(native.Uint32(keyOf))
	size := uint64(native.Uint32(keyOf[4:]))
	if size > bolt.MaxKeySize {
		return nil, fmt.Errorf("page %d is damaged", id)
	}
	if at+size <= uint64(len(b)) {
		return b[at:][:size], nil
	}
	return c.read(id*c.pageSize+at, size)
}

// inOrder reports whether a key comes behind the last one and before below. The first key of a page may be the one
// that stands for it above.
func inOrder(last, key, below []byte, first bool) bool {
	order := bytes.Compare(last, key)
	return (last == nil || order < 0 || first && order == 0) && (below == nil || bytes.Compare(key, below) < 0)
}

// fits reports whether a branch's element, or the rest of a leaf's, leads to what lies in its page.
func fits(span, at uint64, element []byte, value uint64) bool {
	return at+uint64(native.Uint32(element))+uint64(native.Uint32(element[4:]))+value <= span
}

// leaf returns where the value of a leaf's element is in its page, and its size.
func leaf(span, at uint64, element []byte) (value, size uint64, ok bool) {
	size = uint64(native.Uint32(element[12:]))
	value = at + uint64(native.Uint32(element[4:])) + uint64(native.Uint32(element[8:]))
	return value, size, fits(span, at, element[4:], size) && native.Uint32(element) <= bucketLeaf
}

// bucket checks a bucket, whose header is a value at an offset of the file.
func (c *pageCheck) bucket(id, at, size uint64) error {
	damaged := fmt.Errorf("a bucket in page %d is damaged", id)
	if size < bucketHead {
		return damaged
	}
	b, err := c.read(at, size)
	if err != nil {
		return err
	}
	if root := native.Uint64(b); root != 0 {
		return c.page(root, nil, nil)
	}
	if size -= bucketHead; size < pageHead {
		return damaged
	}
	b = b[bucketHead:]
	table := pageHead + uint64(native.Uint16(b[10:]))*elementSize
	if native.Uint16(b[8:]) != leafPage || table > size {
		return damaged
	}
	for at := uint64(pageHead); at < table; at += elementSize {
		if _, _, ok := leaf(size, at, b[at:]); !ok || native.Uint32(b[at:]) == bucketLeaf {
			return damaged
		}
	}
	return nil
}
