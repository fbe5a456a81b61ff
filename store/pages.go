package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// bbolt follows what stands in a page through its mapping of the file: a number that leads out of the file, or
// back to the same page, ends the process and can't be caught. So pages are read here first, as a file is,
// and checked as far as that goes: that none is used twice, or free and used. That keys are in order all over is
// bbolt's own check.
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

	branchPage, leafPage, freelistPage = 1, 2, 16
	bucketLeaf                         = 1

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
	return c.page(root)
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
		b, err := c.read(i*c.pageSize+pageHead, metaSize)
		if err != nil {
			return 0, 0, err
		}
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

func (c *pageCheck) page(id uint64) error {
	b, flags, count, span, err := c.head(id)
	if err != nil {
		return err
	}
	table := pageHead + count*elementSize
	if flags != branchPage && flags != leafPage || table > span || flags == branchPage && count == 0 {
		return fmt.Errorf("page %d is damaged", id)
	}
	if table > uint64(len(b)) {
		if b, err = c.read(id*c.pageSize, table); err != nil {
			return err
		}
	}
	type inside struct{ at, size uint64 }
	var children []uint64
	var buckets []inside
	for at := uint64(pageHead); at < table; at += elementSize {
		if flags == branchPage {
			if !fits(span, at, b[at:], 0) {
				return fmt.Errorf("page %d is damaged", id)
			}
			children = append(children, native.Uint64(b[at+8:]))
			continue
		}
		value, size, ok := leaf(span, at, b[at:])
		if !ok {
			return fmt.Errorf("page %d is damaged", id)
		}
		if native.Uint32(b[at:]) == bucketLeaf {
			buckets = append(buckets, inside{id*c.pageSize + value, size})
		}
	}
	for _, child := range children {
		if err := c.page(child); err != nil {
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
		return c.page(root)
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
