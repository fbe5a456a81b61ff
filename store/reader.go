package store

import (
	"bytes"

	"github.com/tidwall/btree"
	bolt "go.etcd.io/bbolt"
)

// reader reads the file, what is gathered in it, and the layers above, as of one moment. What it hands out is
// valid until its transaction ends, and must not be changed.
type reader struct {
	layers   []*layer // the newest first
	gathered gathering
	b        *bolt.Tx
	pace     *pace // of each; nil: none
}

func (r *reader) close() { _ = r.b.Rollback() } // it only says that it is over already

// get returns a record's value; nil if there is none.
func (r *reader) get(b bucket, key []byte) []byte {
	for _, l := range r.layers {
		if row, ok := l.get(b, key); ok {
			return row.value
		}
	}
	if row, ok := r.gathered.get(b, key); ok {
		return row.value
	}
	return inFile(r.b, r.gathered.buffered, b, key)
}

// inFile returns a record's value as the file has it; nil if there is none.
func inFile(tx *bolt.Tx, buffered *buffer, b bucket, key []byte) []byte {
	if b == bMessages {
		if v := buffered.get(tx, key); v != nil {
			return v
		}
	}
	if in := tx.Bucket(b.name()); in != nil { // an older file that is only looked at may have fewer
		return in.Get(key)
	}
	return nil
}

// each calls visit with every record of a bucket, by key.
func (r *reader) each(b bucket, visit func(k, v []byte) error) error {
	c := r.cursor(b)
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if err := visit(k, v); err != nil {
			return err
		}
		r.pace.step()
	}
	return nil
}

// cursor goes through a bucket's records in either direction. Records must not be written meanwhile.
type cursor struct {
	sources []source // the newest first; of equal keys the first source's counts
	within  []byte   // what the keys begin with that it goes through; nil: all of them
	at      []byte   // key of the record it is at
	back    bool     // it moves towards smaller keys
}

// source is one sorted run of rows, with a place in it.
type source interface {
	first()
	last()
	seek(key []byte) // to the first row that isn't before key
	next()
	prev()
	here() (row, bool)
}

func (r *reader) cursor(b bucket) *cursor {
	c := &cursor{}
	rowsOf := func(l *layer) {
		if tree := l.trees[b]; tree != nil && tree.Len() > 0 {
			c.sources = append(c.sources, &treeSource{iter: tree.Iter()})
		}
	}
	for _, l := range r.layers {
		rowsOf(l)
	}
	rowsOf(r.gathered.rows)
	if b == bMessages {
		c.sources = append(c.sources, &bufferSource{b: r.b, m: r.gathered.messages, f: r.gathered.buffered})
	}
	if in := r.b.Bucket(b.name()); in != nil {
		c.sources = append(c.sources, &fileSource{c: in.Cursor()})
	}
	return c
}

// First goes to the first record. Like all of these it returns a nil key where there is none.
func (c *cursor) First() (k, v []byte) {
	c.back, c.within = false, nil
	for _, s := range c.sources {
		s.first()
	}
	return c.pick()
}

// Last goes to the last record.
func (c *cursor) Last() (k, v []byte) {
	c.back, c.within = true, nil
	for _, s := range c.sources {
		s.last()
	}
	return c.pick()
}

// Seek goes to the first record whose key isn't before key.
func (c *cursor) Seek(key []byte) (k, v []byte) { return c.SeekWithin(key, nil) }

// SeekPrefix goes to the first record whose key begins with prefix, and from there through such alone.
func (c *cursor) SeekPrefix(prefix []byte) (k, v []byte) { return c.SeekWithin(prefix, prefix) }

// SeekWithin is a Seek that goes through records alone whose keys begin with prefix, as key does. To look for the next
// that begins otherwise can take long: where much has expired, thousands that are gone lie before it.
func (c *cursor) SeekWithin(key, prefix []byte) (k, v []byte) {
	c.back, c.within = false, prefix
	for _, s := range c.sources {
		s.seek(key)
	}
	return c.pick()
}

// SeekBefore goes to the last record before bound whose key begins with prefix, and from there through such alone.
// Bound is no further than the first key behind the prefix; nil: there is none behind it.
func (c *cursor) SeekBefore(bound, prefix []byte) (k, v []byte) {
	c.back, c.within = true, prefix
	for _, s := range c.sources {
		if bound == nil {
			s.last()
		} else {
			s.seek(bound)
			stepBack(s)
		}
	}
	return c.pick()
}

// stepBack goes to the row before, also from behind the last.
func stepBack(s source) {
	if _, ok := s.here(); ok {
		s.prev()
	} else {
		s.last()
	}
}

// LastWithin goes to the last record whose key begins with prefix, and from there through such alone.
func (c *cursor) LastWithin(prefix []byte) (k, v []byte) { return c.SeekBefore(after(prefix), prefix) }

// Next goes to the record behind the one it is at.
func (c *cursor) Next() (k, v []byte) {
	if c.at == nil {
		return nil, nil
	}
	for _, s := range c.sources {
		if c.back { // its place is before the key
			s.seek(c.at)
		}
		if r, ok := s.here(); ok && bytes.Equal(r.key, c.at) {
			s.next()
		}
	}
	c.back = false
	return c.pick()
}

// Prev goes to the record before the one it is at.
func (c *cursor) Prev() (k, v []byte) {
	if c.at == nil {
		return nil, nil
	}
	for _, s := range c.sources {
		if !c.back { // its place is behind the key, or at it
			stepBack(s)
		} else if r, ok := s.here(); ok && bytes.Equal(r.key, c.at) {
			s.prev()
		}
	}
	c.back = true
	return c.pick()
}

// pick goes to the nearest row of all sources that isn't gone.
func (c *cursor) pick() (k, v []byte) {
	for {
		var best row
		found := false
		for _, s := range c.sources {
			if r, ok := s.here(); ok && (!found || c.before(r.key, best.key)) {
				best, found = r, true
			}
		}
		if !found || !bytes.HasPrefix(best.key, c.within) {
			c.at = nil
			return nil, nil
		}
		if !best.gone {
			c.at = best.key
			return best.key, best.value
		}
		for _, s := range c.sources {
			if r, ok := s.here(); !ok || !bytes.Equal(r.key, best.key) {
				continue
			}
			if c.back {
				s.prev()
			} else {
				s.next()
			}
		}
	}
}

func (c *cursor) before(a, b []byte) bool {
	if c.back {
		a, b = b, a
	}
	return bytes.Compare(a, b) < 0
}

// treeSource is the rows of a layer.
type treeSource struct {
	iter btree.IterG[row]
	ok   bool
}

func (s *treeSource) first()        { s.ok = s.iter.First() }
func (s *treeSource) last()         { s.ok = s.iter.Last() }
func (s *treeSource) seek(k []byte) { s.ok = s.iter.Seek(row{key: k}) }
func (s *treeSource) next()         { s.ok = s.iter.Next() }
func (s *treeSource) prev()         { s.ok = s.iter.Prev() }

func (s *treeSource) here() (row, bool) {
	if !s.ok {
		return row{}, false
	}
	return s.iter.Item(), true
}

// fileSource is the records of a bucket in the file.
type fileSource struct {
	c    *bolt.Cursor
	k, v []byte
}

func (s *fileSource) first()            { s.k, s.v = s.c.First() }
func (s *fileSource) last()             { s.k, s.v = s.c.Last() }
func (s *fileSource) seek(k []byte)     { s.k, s.v = s.c.Seek(k) }
func (s *fileSource) next()             { s.k, s.v = s.c.Next() }
func (s *fileSource) prev()             { s.k, s.v = s.c.Prev() }
func (s *fileSource) here() (row, bool) { return row{key: s.k, value: s.v}, s.k != nil }

// getter finds records by their keys.
type getter interface {
	get(b bucket, key []byte) []byte
}

// live reads each record as it is at that moment. It costs less than a reader; what it hands out stays
// valid.
type live struct {
	s   *Store
	err error // of the first read that failed; such reads find nothing
}

func (l *live) get(b bucket, key []byte) (v []byte) {
	r, ok, buffered := l.s.newest(b, key)
	if ok {
		return r.value
	}
	err := l.s.db.View(func(tx *bolt.Tx) error {
		v = bytes.Clone(inFile(tx, buffered, b, key))
		return nil
	})
	if l.err == nil {
		l.err = err
	}
	return v
}

// newest returns a record that is in a layer; if none has it, then what the file says from then on.
func (s *Store) newest(b bucket, key []byte) (r row, ok bool, buffered *buffer) {
	s.overlay.RLock()
	defer s.overlay.RUnlock()
	r, ok = s.active.get(b, key)
	if !ok && s.frozen != nil {
		r, ok = s.frozen.get(b, key)
	}
	if !ok {
		r, ok = s.gathered.get(b, key)
	}
	return r, ok, s.gathered.buffered
}
