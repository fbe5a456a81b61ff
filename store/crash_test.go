package store_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

const page = 4096

// picture returns what the file holds, without the room behind that was never used.
func (d *db) picture() []byte {
	size, _ := d.Size()
	content := make([]byte, size)
	f, err := os.Open(d.options.Path)
	d.ok(err)
	_, err = io.ReadFull(f, content)
	d.ok(err)
	d.ok(f.Close())
	return content
}

// reopenCopy opens a file as a process does after another was killed.
func reopenCopy(t *testing.T, content []byte) (*store.Store, func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
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
	}
}

// Killed between two commits, under load: whatever was acknowledged is there.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	type picture struct {
		acknowledged []webhook.ID
		content      []byte
	}
	var mu sync.Mutex
	var acknowledged []webhook.ID
	var pictures []picture
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
			pictures = append(pictures, picture{known, o.picture()})
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
			}
		})
	}
	load.Wait()
	if len(pictures) < 2 {
		t.Fatalf("%d pictures of %d commits", len(pictures), commits)
	}
	for _, p := range pictures {
		s, done := reopenCopy(t, p.content)
		for _, id := range p.acknowledged {
			if _, _, err := s.Delivery(ctx(), o.tenant, id.WithOwner(ep)); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
		done()
	}
}

// Power lost within a commit: its pages are there in part, the head that names them is not. The commit
// before is what counts.
func TestTornCommit(t *testing.T) {
	t.Parallel()
	o := openStore(t).newTenant()
	ep := o.endpoint()
	rnd := rand.New(rand.NewPCG(3, 3))
	ids := o.acceptMany(60, "a", "b")
	for i := range 12 {
		before, events, pending := o.picture(), len(o.events()), o.stats(ep).Pending
		if i%2 == 0 {
			o.succeed(ids[i].WithOwner(ep))
		} else {
			o.acceptMany(rnd.IntN(40), "a", "b")
		}
		torn := o.picture()
		copy(torn, before[:2*page])
		for at := 2 * page; at < len(torn); at += page {
			if rnd.IntN(2) == 0 && at < len(before) {
				copy(torn[at:at+page], before[at:])
			}
		}
		s, done := reopenCopy(t, torn)
		all, err := s.EndpointStats(ctx())
		o.ok(err)
		equal(t, all[ep].Pending, pending)
		equal(t, len(pages(t, 200, func(p webhook.Page) (webhook.List[webhook.Event], error) {
			return s.Events(ctx(), o.tenant, webhook.EventFilter{}, p)
		})), events)
		done()
	}
}
