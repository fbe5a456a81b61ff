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
	rows     *layer  // without any that are gone, and without messages
	messages *piles  // likewise
	buffered *buffer // what left it and is not at its place yet
	bytes    int     // of the records in the file
	next     uint64  // number of the next one
	at       place   // where the sweep is
	from     uint64  // number of the first record that was written after the sweep had begun its round
	done     uint64  // records before it are not needed any more
}

// newGathering returns one in which nothing is gathered yet.
func newGathering(size int) gathering {
	return gathering{size: size, rows: &layer{}, messages: &piles{}, buffered: &buffer{}}
}

// held is how much is gathered, as [layer].bytes counts.
func (g *gathering) held() int { return g.rows.bytes + g.messages.bytes }

// get returns a row that is gathered.
func (g *gathering) get(in bucket, key []byte) (row, bool) {
	if in == bMessages {
		return g.messages.get(key)
	}
	return g.rows.get(in, key)
}

// lay lays a row over those that are gathered, or takes it out if it is gone.
func (g *gathering) lay(in bucket, r row) {
	switch {
	case in == bMessages:
		g.messages.lay(r)
	case r.gone:
		g.rows.drop(in, r)
	default:
		g.rows.set(in, r)
	}
}

// place is the place of a row among those that are gathered.
type place struct {
	in  int // index in scattered
	key []byte
}

// readGathering reads what is gathered, without what the sweep has been past since it was written.
func readGathering(b *bolt.Tx, size int) (gathering, error) {
	g := newGathering(size)
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
		sound := true
		err := eachRow(v, func(in bucket, r row) {
			if in == bMessages && len(r.key) != messageLen {
				sound = false
			} else if number >= g.from || number >= g.done && !g.past(in, r.key) {
				g.lay(in, r)
			}
		})
		if !sound {
			err = errRecord
		}
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

// gather writes a layer's scattered rows and returns what is gathered from then on. With all set it takes
// everything to its place, and leaves no older state of it behind.
func (g gathering) gather(b *bolt.Tx, l *layer, all bool) (gathering, error) {
	came, size := &layer{}, 0
	messages, buffered := *g.messages, *g.buffered
	g.messages, g.buffered = &messages, &buffered
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
			g.lay(in, r)
			return nil
		})
	}
	keep := g.size
	if g.bytes > g.size { // rows that change again and again make records, and nothing to keep
		keep = min(keep, g.held()-size)
	}
	// After a start there is more than should be: that goes little by little, or it would be a large transaction.
	keep = max(0, keep, g.held()-2*size)
	if all || g.bytes > 3*g.size {
		keep = 0
	}
	if all {
		if _, err := g.buffered.placeAll(b, 0, math.MaxInt); err != nil {
			return g, err
		}
	}
	rows := 0 // that were buffered
	for g.held() > keep {
		n, err := g.sweep(b, keep, all)
		if err != nil {
			return g, err
		}
		rows += n
	}
	if err := g.buffered.placeFull(b, g.partRows, g.placedAlong(rows)); err != nil {
		return g, err
	}
	if g.held() == 0 {
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
// be, or it is at the bucket's end. It returns how many it buffered.
func (g *gathering) sweep(b *bolt.Tx, keep int, all bool) (buffered int, err error) {
	in, end := scattered[g.at.in], false
	if in == bMessages {
		buffered, end, err = g.sweepMessages(b, keep, all)
	} else {
		end, err = g.sweepRows(b, in, keep)
	}
	if end {
		g.at = place{in: (g.at.in + 1) % len(scattered)}
		if g.at.in == 0 { // the round's end too: what was gathered when it began has left
			g.done, g.from = g.from, g.next
		}
	}
	return buffered, err
}

// sweepMessages takes whole parts, so that a buffer gets all that there is for it at once.
func (g *gathering) sweepMessages(b *bolt.Tx, keep int, all bool) (buffered int, end bool, err error) {
	part := 0
	if len(g.at.key) > 0 {
		part = int(g.at.key[0])
	}
	for ; part < len(g.messages.of); part++ {
		if g.held() <= keep {
			g.at.key = []byte{byte(part)}
			return buffered, false, nil
		}
		rows := g.messages.take(byte(part))
		switch {
		case len(rows) == 0:
		case all:
			err = putAll(b, bMessages, rows)
		default:
			buffered += len(rows)
			err = g.buffered.add(b, rows)
		}
		if err != nil {
			return buffered, false, err
		}
	}
	return buffered, true, nil
}

func (g *gathering) sweepRows(b *bolt.Tx, in bucket, keep int) (end bool, err error) {
	var taken []row
	left := g.held()
	end = true
	_ = g.rows.from(in, g.at.key, func(r row) (more bool, err error) { // it can't fail
		if left <= keep {
			g.at.key, end = r.key, false
			return false, nil
		}
		left -= r.size()
		taken = append(taken, r)
		return true, nil
	})
	for _, r := range taken {
		g.rows.drop(in, r)
	}
	return end, putAll(b, in, taken)
}

func putAll(b *bolt.Tx, in bucket, rows []row) error {
	to := b.Bucket(in.name())
	for _, r := range rows {
		if err := to.Put(r.key, r.value); err != nil {
			return err
		}
	}
	return nil
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
