package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// The keys of some buckets are hashes: what is written to them at about the same time lies at random
// places. Moved into a large bucket at once, each row would cost a page of its own and a share of those above
// it. So such rows are gathered first: in memory, and on disk one behind the other in a bucket for that. A
// sweep goes round and round through the gathered rows in the order of their keys and takes about as many
// to their places as came in, so that neighbours share pages. What changes again before the sweep comes by,
// as the state of most messages does, costs nothing more.

// scattered are the buckets whose rows are gathered.
var scattered = [...]bucket{bMessages, bCustomers, bSeen, bHeld}

const (
	// gatherSize is how much is gathered, as [layer].bytes counts: some 25,000 messages. In the file it is less.
	gatherSize = 4 << 20
	// gatherRecord is about how long a record of gathered rows becomes. Several share a page of the file: what is
	// longer than one is written again with each change beside it.
	gatherRecord = 480
	// trimming is how many more such records one transaction removes than it may add.
	trimming = 64
)

// gathering is what is gathered at one moment. It doesn't change: a transaction makes another one of it.
type gathering struct {
	size     int     // of rows that is kept, as [layer].bytes counts
	rows     *layer  // without any that are gone
	buffered *buffer // what left it and is not at its place yet
	bytes    int     // of the records in the file
	next     uint64  // number of the next one
	at       place   // where the sweep is
	from     uint64  // number of the first record that was written after the sweep had begun its round
	done     uint64  // records before it are not needed any more
}

// place is the place of a row among those that are gathered.
type place struct {
	in  int // index in scattered
	key []byte
}

// readGathering reads what is gathered, without what the sweep has been past since it was written.
func readGathering(b *bolt.Tx, size int) (gathering, error) {
	g := gathering{size: size, rows: &layer{}}
	var err error
	if g.buffered, err = readBuffer(b); err != nil {
		return g, err
	}
	if err := g.readSweep(b.Bucket(bMeta.name()).Get(sweepKey)); err != nil {
		return g, err
	}
	in := b.Bucket(bGathered.name())
	if in == nil { // an older file that is only looked at
		return g, nil
	}
	err = in.ForEach(func(k, v []byte) error {
		if len(k) != 8 {
			return fmt.Errorf("gathered %x: %w", k, errRecord)
		}
		number := binary.BigEndian.Uint64(k)
		g.next = number + 1
		g.bytes += len(v)
		err := eachRow(v, func(in bucket, r row) {
			if number >= g.from || number >= g.done && !g.past(in, r.key) {
				g.rows.lay(in, r)
			}
		})
		if err != nil {
			return fmt.Errorf("gathered %x: %w", k, err)
		}
		return nil
	})
	return g, err
}

var sweepKey = []byte("sweep")

// appendSweep appends where the sweep is:
//
//	| version | from | done | bucket | key |
//	| 1       | 8    | 8    | 1      |     |
func (g *gathering) appendSweep(b []byte) []byte {
	b = append(b, recordVersion)
	b = binary.BigEndian.AppendUint64(b, g.from)
	b = binary.BigEndian.AppendUint64(b, g.done)
	return append(append(b, byte(scattered[g.at.in])), g.at.key...)
}

func (g *gathering) readSweep(v []byte) error {
	if v == nil { // it has not begun
		return nil
	}
	const head = 18
	if len(v) < head || v[0] != recordVersion {
		return fmt.Errorf("place of the sweep: %w", errRecord)
	}
	g.from, g.done = binary.BigEndian.Uint64(v[1:]), binary.BigEndian.Uint64(v[9:])
	g.next = max(g.from, g.done) // if no record is left, numbers go on all the same
	g.at = place{slices.Index(scattered[:], bucket(v[17])), bytes.Clone(v[head:])}
	if g.at.in < 0 {
		return fmt.Errorf("place of the sweep: %w", errRecord)
	}
	return nil
}

// past reports whether the sweep has been past a row in this round.
func (g *gathering) past(in bucket, key []byte) bool {
	i := slices.Index(scattered[:], in)
	return i < g.at.in || i == g.at.in && bytes.Compare(key, g.at.key) < 0
}

// lay lays a row over those of l, and leaves none that is gone.
func (l *layer) lay(in bucket, r row) {
	if r.gone {
		l.drop(in, r)
	} else {
		l.set(in, r)
	}
}

// gather writes a layer's scattered rows and returns what is gathered from then on. With all set it takes
// everything to its place, and leaves no older state of it behind.
func (g gathering) gather(b *bolt.Tx, l *layer, all bool) (gathering, error) {
	came, size := &layer{}, 0
	buffered := *g.buffered
	g.buffered = &buffered
	for _, in := range scattered {
		came.trees[in] = l.trees[in]
		// What is gone goes at once: it may be gone because nobody may read it any more.
		to := b.Bucket(in.name())
		if err := l.each(in, func(r row) error {
			if r.gone {
				if in == bMessages && g.buffered.get(b, r.key) != nil {
					if err := g.buffered.place(b, r.key[0]); err != nil {
						return err
					}
				}
				return to.Delete(r.key)
			}
			size += r.size()
			return nil
		}); err != nil {
			return g, err
		}
	}
	g.rows = g.rows.copied(scattered[:])
	records := b.Bucket(bGathered.name())
	records.FillPercent = 1 // only ever appended to
	first := g.next
	if err := came.eachRecord(gatherRecord, func(record []byte) error {
		g.next++
		g.bytes += len(record)
		return records.Put(binary.BigEndian.AppendUint64(nil, g.next-1), record)
	}); err != nil {
		return g, err
	}
	for _, in := range scattered {
		_ = came.each(in, func(r row) error { // it can't fail
			g.rows.lay(in, r)
			return nil
		})
	}
	keep := g.size
	if g.bytes > g.size { // rows that change again and again make records, and nothing to keep
		keep = min(keep, g.rows.bytes-size)
	}
	// After a start there is more than should be: that goes little by little, or it would be a large transaction.
	keep = max(0, keep, g.rows.bytes-2*size)
	if all || g.bytes > 3*g.size {
		keep = 0
	}
	if all {
		if _, err := g.buffered.placeAll(b, 0, math.MaxInt); err != nil {
			return g, err
		}
	}
	rows := 0 // that were buffered
	for g.rows.bytes > keep {
		n, err := g.sweep(b, keep, all)
		if err != nil {
			return g, err
		}
		rows += n
	}
	if err := g.buffered.placeFull(b, g.partRows, g.placedAlong(rows)); err != nil {
		return g, err
	}
	if g.rows.bytes == 0 {
		g.done = g.next
	}
	limit := int(g.next-first) + trimming
	if all {
		limit = math.MaxInt
	}
	if err := g.trim(records, limit); err != nil {
		return g, err
	}
	return g, b.Bucket(bMeta.name()).Put(sweepKey, g.appendSweep(nil))
}

// sweep takes rows of one bucket to their places, or into their buffers, until no more is gathered than should
// be, or it is at the bucket's end. A buffer it leaves with all that there is for it. It returns how many it buffered.
func (g *gathering) sweep(b *bolt.Tx, keep int, all bool) (int, error) {
	in := scattered[g.at.in]
	buffered := in == bMessages && !all
	var taken []row
	left := g.rows.bytes
	end := true
	_ = g.rows.from(in, g.at.key, func(r row) (more bool, err error) { // it can't fail
		if left <= keep && (!buffered || len(taken) == 0 || taken[len(taken)-1].key[0] != r.key[0]) {
			g.at.key, end = r.key, false
			return false, nil
		}
		left -= r.size()
		taken = append(taken, r)
		return true, nil
	})
	if end {
		g.at = place{in: (g.at.in + 1) % len(scattered)}
		if g.at.in == 0 { // the round's end too: what was gathered when it began has left
			g.done, g.from = g.from, g.next
		}
	}
	for _, r := range taken {
		g.rows.drop(in, r)
	}
	if !buffered {
		to := b.Bucket(in.name())
		for _, r := range taken {
			if err := to.Put(r.key, r.value); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}
	rows := len(taken)
	for len(taken) > 0 {
		n := slices.IndexFunc(taken, func(r row) bool { return r.key[0] != taken[0].key[0] })
		if n < 0 {
			n = len(taken)
		}
		if err := g.buffered.add(b, taken[:n]); err != nil {
			return 0, err
		}
		taken = taken[n:]
	}
	return rows, nil
}

// trim removes records, up to so many, whose rows are at their places or buffered.
func (g *gathering) trim(records *bolt.Bucket, limit int) error {
	c := records.Cursor()
	for range limit {
		k, v := c.First()
		if len(k) != 8 || binary.BigEndian.Uint64(k) >= g.done {
			return nil
		}
		g.bytes -= len(v)
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}
