package store_test

import (
	"bytes"
	"fmt"
	"testing"

	bolt "go.etcd.io/bbolt"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// gathered returns how many records of gathered rows the closed file has, and their bytes.
func (d *db) gathered() (records, size int) {
	d.t.Helper()
	db, err := bolt.Open(d.options.Path, 0o600, &bolt.Options{ReadOnly: true})
	d.ok(err)
	d.ok(db.View(func(b *bolt.Tx) error {
		return b.Bucket([]byte("gathered")).ForEach(func(_, v []byte) error {
			records, size = records+1, size+len(v)
			return nil
		})
	}))
	d.ok(db.Close())
	return records, size
}

// Rows are found wherever they are: in memory, gathered, or at their place; after a restart too.
func TestGathered(t *testing.T) {
	t.Parallel()
	const round, rounds = 500, 6
	for _, size := range []int{1, 10_000, 1 << 20} { // at once, some of them, none
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			o := openStore(t, func(so *store.Options) { store.GatherLittle(so, size) }).newTenant()
			post := func(from int) webhook.AuditOutcome {
				var items []webhook.Item
				for i := range round {
					items = append(items, o.message(fmt.Sprint("m", from+i), fmt.Sprint(i)))
				}
				got, err := o.Accept(ctx(), o.inbound(items...))
				o.ok(err)
				return got
			}
			for i := range rounds {
				equal(t, post(i*round), webhook.Accepted)
				if i%3 == 2 {
					o.reopen()
				}
			}
			for i := range rounds {
				equal(t, post(i*round), webhook.Duplicate)
			}
			for i := range rounds * round {
				if _, err := o.Messages(ctx(), o.tenant, fmt.Sprint("m", i)); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			o.reopen()
			equal(t, o.counts.Messages, round*rounds)
			o.clock.advance(100 * day)
			o.ok(o.RetainAll(ctx()))
			o.close()
			equal(t, o.counts.Messages, 0)
			records, _ := o.gathered()
			equal(t, records, 0)
			o.open()
		})
	}
}

// What changes again and again leaves no more records than are needed.
func TestGatheredIsBounded(t *testing.T) {
	t.Parallel()
	const size = 20_000
	o := openStore(t, func(so *store.Options) { store.GatherLittle(so, size) }).newTenant()
	for i := range 300 {
		var items []webhook.Item
		for m := range 20 {
			items = append(items, o.status(fmt.Sprint("m", m), webhook.MessageRead, func(c *webhook.StatusItem) { c.Participant = fmt.Sprint(i % 60) }))
			items = append(items, o.message(fmt.Sprint("n", m, " ", i), "c"))
		}
		o.post(fmt.Sprint(i), items...)
		o.ok(o.Flush(ctx()))
	}
	o.close()
	if records, bytes := o.gathered(); records == 0 || bytes > 4*size {
		t.Errorf("%d records of %d bytes", records, bytes)
	}
	o.open()
}

// FlushAll leaves nothing of a row that is gone.
func TestFlushAll(t *testing.T) {
	t.Parallel()
	o := openStore(t, func(so *store.Options) { store.GatherLittle(so, 1<<20) }).newTenant()
	o.post("a", o.message("m", "966500000001"))
	o.ok(o.Flush(ctx()))
	o.clock.advance(100 * day)
	o.ok(o.RetainAll(ctx()))
	o.close()
	db, err := bolt.Open(o.options.Path, 0o600, &bolt.Options{ReadOnly: true})
	o.ok(err)
	o.ok(db.View(func(b *bolt.Tx) error {
		return b.ForEach(func(name []byte, in *bolt.Bucket) error {
			return in.ForEach(func(k, v []byte) error {
				if bytes.Contains(v, []byte("966500000001")) {
					t.Errorf("%s %x has the number", name, k)
				}
				return nil
			})
		})
	}))
	o.ok(db.Close())
	o.open()
}
