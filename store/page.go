package store

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"cubeconnect/webhook"
)

const scanLimit = webhook.MaxScan

func pageSize(p webhook.Page) int {
	if p.Limit <= 0 {
		return webhook.DefaultPage
	}
	return min(p.Limit, webhook.MaxPage)
}

func errCursor() error {
	return webhook.FieldErrors{"cursor": {"is not a next_cursor of this list"}}
}

// numberCursor returns the id that a page of numbered records ends before.
func numberCursor(p webhook.Page) (uint32, error) {
	if p.Cursor == "" {
		return math.MaxUint32, nil
	}
	n, err := strconv.ParseUint(p.Cursor, 10, 32)
	if err != nil {
		return 0, errCursor()
	}
	return uint32(n), nil
}

// idCursor returns the id that a page of records ends before; nil: none.
func idCursor(p webhook.Page) (*webhook.ID, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	id, err := webhook.ParseID(p.Cursor)
	if err != nil {
		return nil, errCursor()
	}
	return &id, nil
}

// firstID returns the smallest id that is not before an instant. Ids tell the time to the millisecond.
func firstID(t time.Time) webhook.ID { return webhook.IDAt(t.Add(time.Millisecond - 1)) }

// scan lists records from the newest of a range to the oldest, by their keys: prefix and an id of
// which the first idLen bytes are in the key. Keep decodes a record, and says whether it matches.
func scan[T any](c *cursor, prefix []byte, idLen int, r webhook.Range, p webhook.Page, keep func(k, v []byte) (T, bool, error)) (list webhook.List[T], err error) {
	cursor, err := idCursor(p)
	if err != nil {
		return list, err
	}
	key := func(id webhook.ID) []byte { return append(slices.Clone(prefix), id[:idLen]...) }
	bound := after(prefix)
	if !r.Until.IsZero() {
		bound = key(firstID(r.Until))
	}
	if cursor != nil && (bound == nil || string(key(*cursor)) < string(bound)) {
		bound = key(*cursor)
	}
	var oldest []byte
	if !r.Since.IsZero() {
		oldest = key(firstID(r.Since))
	}
	var last webhook.ID
	looked := 0
	for k, v := c.SeekBefore(bound, prefix); k != nil && string(k) >= string(oldest); k, v = c.Prev() {
		if len(k) != len(prefix)+idLen {
			return list, fmt.Errorf("key %x: %w", k, errRecord)
		}
		if len(list.Items) == pageSize(p) || looked == scanLimit {
			list.Next = last.String()
			break
		}
		looked++
		last = webhook.ID{}
		copy(last[:], k[len(prefix):])
		item, ok, err := keep(k, v)
		if err != nil {
			return list, fmt.Errorf("record %s: %w", last, err)
		}
		if ok {
			list.Items = append(list.Items, item)
		}
	}
	return list, nil
}

// nextID returns an id that no record of the bucket ever had.
func (t *tx) nextID(b bucket) (uint32, error) {
	key := []byte("last id of " + b.String())
	last := uint32(0)
	if v := t.get(bMeta, key); len(v) == 4 {
		last = binary.BigEndian.Uint32(v)
	}
	if last == math.MaxUint32 {
		return 0, fmt.Errorf("no id is left in %s", b)
	}
	t.put(bMeta, key, idKey(last+1))
	return last + 1, nil
}

// pageOf lists what keep leaves of a table, the highest ids first.
func pageOf[E, T any](table map[uint32]E, p webhook.Page, keep func(E) (T, bool)) (list webhook.List[T], err error) {
	before, err := numberCursor(p)
	if err != nil {
		return list, err
	}
	ids := make([]uint32, 0, len(table))
	for id, e := range table {
		if _, ok := keep(e); ok && id < before {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uint32) int { return int(int64(b) - int64(a)) })
	for i, id := range ids {
		if i == pageSize(p) {
			list.Next = strconv.FormatUint(uint64(ids[i-1]), 10)
			break
		}
		v, _ := keep(table[id])
		list.Items = append(list.Items, v)
	}
	return list, nil
}
