package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/store/wal"
	"cubeconnect/webhook"
)

const page = 4096

// picture is what the files hold at one moment: the database, and the two of its log.
type picture [3][]byte

func names(path string) [3]string {
	log := wal.Names(path)
	return [3]string{path, log[0], log[1]}
}

// picture is taken while nothing is committed. A flush may be under way.
func (d *db) picture() (p picture) {
	d.t.Helper()
	for i, name := range names(d.options.Path) {
		var err error
		p[i], err = os.ReadFile(name)
		d.ok(err)
	}
	return p
}

// reopenPicture opens the files as a process does after another was killed.
func reopenPicture(t *testing.T, p picture) (*store.Store, func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	for i, name := range names(path) {
		if err := os.WriteFile(name, p[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify(t, path)
	s, err := store.Open(store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		verify(t, path)
		if wal.Exists(path) {
			t.Error("a closed store leaves a log")
		}
	}
}

// Killed between two commits, under load: whatever was acknowledged is there.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	type shot struct {
		acknowledged []webhook.ID
		picture
	}
	var mu sync.Mutex
	var acknowledged []webhook.ID
	var shots []shot
	commits := 0
	var o owner
	o = openStore(t, func(so *store.Options) {
		so.OnFresh = func([]webhook.Due) { // after a commit, and before the next
			if commits++; commits%10 != 1 {
				return
			}
			mu.Lock()
			known := acknowledged[:len(acknowledged):len(acknowledged)]
			mu.Unlock()
			shots = append(shots, shot{known, o.picture()})
		}
	}).newTenant()
	ep := o.endpoint()
	var load sync.WaitGroup
	for i := range 16 {
		load.Go(func() {
			for j := range 25 {
				id := o.publish(webhook.CampaignCreated, fmt.Sprint(i%5))
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
				switch j % 3 {
				case 0:
					o.succeed(id.WithOwner(ep))
				case 1:
					o.finish(id.WithOwner(ep), failed(), begun.Add(time.Hour))
				}
				if j%10 == 0 {
					o.ok(o.Flush(ctx()))
				}
			}
		})
	}
	load.Wait()
	if len(shots) < 2 {
		t.Fatalf("%d shots of %d commits", len(shots), commits)
	}
	for _, p := range shots {
		s, done := reopenPicture(t, p.picture)
		for _, id := range p.acknowledged {
			if _, _, err := s.Delivery(ctx(), o.tenant, id.WithOwner(ep)); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
		done()
	}
}

// sector is what a disk writes whole or not at all.
const sector = 512

// tear returns what a power cut may leave of a write that was not synced: any part of what it changed.
func tear(rnd *rand.Rand, before, after []byte, unit int) []byte {
	torn := bytes.Clone(after)
	for at := 0; at < len(torn); at += unit {
		if end := min(at+unit, len(torn)); rnd.IntN(2) == 0 {
			clear(torn[at+copy(torn[at:end], before[min(at, len(before)):]) : end])
		}
	}
	return torn
}

// Power lost while a commit is written: it is there whole, or not at all, and all before it is there.
func TestPowerCutInCommit(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	rnd := rand.New(rand.NewPCG(3, 3))
	ids := o.acceptMany(60, "a", "b")
	halves := 0
	for i := range 24 {
		if i%9 == 8 {
			o.ok(o.Flush(ctx()))
		}
		before, then := o.picture(), o.counted(ep)
		if i%2 == 0 {
			o.succeed(ids[i].WithOwner(ep))
		} else {
			o.acceptMany(1+rnd.IntN(40), "a", "b")
		}
		after, now := o.picture(), o.counted(ep)
		if !bytes.Equal(before[0], after[0]) {
			continue // it was moved into the file meanwhile
		}
		cut := picture{before[0], tear(rnd, before[1], after[1], sector), tear(rnd, before[2], after[2], sector)}
		s, done := reopenPicture(t, cut)
		got := counted(t, s, o.tenant, ep)
		if got != then && got != now {
			t.Errorf("%+v; before the commit %+v, after it %+v", got, then, now)
		}
		if got == then {
			halves++
		}
		done()
	}
	if halves == 0 {
		t.Error("no cut lost anything")
	}
}

// Power lost while the file is written: nothing is missing, the log has it.
func TestPowerCutInFlush(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 8 {
		for _, id := range o.acceptMany(1+rnd.IntN(60), "a", "b") {
			if rnd.IntN(3) > 0 {
				o.succeed(id.WithOwner(ep))
			}
		}
		before := o.picture()
		o.ok(o.Flush(ctx()))
		after, now := o.picture(), o.counted(ep)
		for range 4 {
			cut := picture{slices.Concat(after[0]), before[1], before[2]}
			heads := 2 * page
			if rnd.IntN(2) == 0 { // the pages are written and synced first, then one of the two heads
				copy(cut[0][heads:], tear(rnd, before[0][heads:], after[0][heads:], sector))
				copy(cut[0], before[0][:heads])
			} else {
				copy(cut[0], tear(rnd, before[0][:heads], after[0][:heads], sector))
			}
			s, done := reopenPicture(t, cut)
			equal(t, counted(t, s, o.tenant, ep), now)
			done()
		}
	}
}

// counts are figures of which each commit of these tests changes one.
type counts struct{ events, pending, succeeded int }

func (o owner) counted(ep uint32) counts { return counted(o.t, o.Store, o.tenant, ep) }

func counted(t testing.TB, s *store.Store, tenant, ep uint32) counts {
	t.Helper()
	all, err := s.EndpointStats(ctx())
	if err != nil {
		t.Fatal(err)
	}
	events := pages(t, 200, func(p webhook.Page) (webhook.List[webhook.Event], error) {
		return s.Events(ctx(), tenant, webhook.EventFilter{}, p)
	})
	return counts{len(events), int(all[ep].Pending), int(all[ep].Succeeded)}
}
