package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/store/wal"
	"cubeconnect/webhook"
)

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
	s, err := store.Open(store.Options{Path: path, Ring: ring})
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
