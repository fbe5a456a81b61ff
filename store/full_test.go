package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/store"
	"cubeconnect/webhook"
)

// fill accepts large POSTs until the database is full, and returns the ids of those that were stored. They are
// small beside the file: what lives on in it between them leaves no long gaps.
func (o owner) fill() (stored []string) {
	o.t.Helper()
	for i := range 1000 {
		wamid := fmt.Sprint("fill", o.posts, ".", i)
		in := o.inbound(o.message(wamid, "c"))
		in.Body = make([]byte, 128<<10)
		_, err := o.Accept(ctx(), in)
		switch {
		case err == nil:
			stored = append(stored, wamid)
			if err := o.Flush(ctx()); err != nil && !errors.Is(err, webhook.ErrFull) {
				o.t.Fatal(err)
			}
		case errors.Is(err, webhook.ErrFull):
			o.posts++
			return stored
		default:
			o.t.Fatal(err)
		}
	}
	o.t.Fatal("the database has no limit")
	return nil
}

func openSmall(t *testing.T) owner {
	return openStore(t, func(so *store.Options) { so.MaxSize = 17 << 20 }).newTenant()
}

// A full database refuses what is new, keeps what it has and can be read; with more room it goes on.
func TestFull(t *testing.T) {
	t.Parallel()
	o := openSmall(t)
	ep := o.endpoint()
	stored := o.fill()
	if len(stored) < 5 {
		t.Fatalf("it was full after %d", len(stored))
	}
	check := func(more int) {
		t.Helper()
		equal(t, len(o.events()), len(stored)+more)
		equal(t, o.stats(ep).Pending, len(stored)+more)
		ready, _ := o.due(ep)
		equal(t, len(ready), len(stored)+more)
	}
	check(0)
	equal(t, o.Healthy() != nil, true)
	if _, err := o.Messages(ctx(), o.tenant, fmt.Sprint("fill0.", len(stored))); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("half of a refused POST is there: %v", err)
	}
	o.reopen()
	check(0)
	o.close()
	o.options.MaxSize = 48 << 20
	o.open()
	equal(t, o.accept(o.message(stored[0], "c")), webhook.Duplicate)
	equal(t, o.Healthy(), nil)
	check(len(o.fill()))
}

// Where the size can't grow, retention makes room.
func TestFullUntilRetention(t *testing.T) {
	t.Parallel()
	o := openSmall(t)
	ep := o.endpoint()
	stored := o.fill()
	for _, e := range o.events() {
		o.succeed(e.ID.WithOwner(ep)) // small writes still find room
	}
	o.fill()
	equal(t, o.Healthy() != nil, true)
	o.clock.advance(31 * day)
	o.ok(o.RetainAll(ctx()))
	equal(t, o.Healthy(), nil)
	equal(t, len(o.events()), 0)
	if again := o.fill(); len(again) < len(stored)/2 {
		t.Errorf("%d fit, %d did before", len(again), len(stored))
	}
}

// Steps that share a commit with one that finds no room are told so, all of them, and are not half there.
func TestFullForAll(t *testing.T) {
	t.Parallel()
	o := openSmall(t)
	o.fill()
	before := len(o.events())
	var stored atomic.Int64
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			in := o.inbound(o.message(fmt.Sprint(i), ""))
			in.Body = make([]byte, 1<<20)
			if _, err := o.Accept(ctx(), in); err == nil {
				stored.Add(1)
			} else if !errors.Is(err, webhook.ErrFull) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	equal(t, len(o.events()), before+int(stored.Load()))
	o.reopen()
	equal(t, len(o.events()), before+int(stored.Load()))
}

// However much waits in memory for room that isn't there, outcomes are taken and retention makes some.
func TestFullWithMuchAhead(t *testing.T) {
	t.Parallel()
	var slow atomic.Bool
	called, goOn := make(chan struct{}), make(chan struct{})
	o := openStore(t, func(so *store.Options) {
		so.MaxSize = 17 << 20
		so.Free = func() (int64, int64, error) { // each flush asks at its end, before it tells
			if slow.Load() {
				called <- struct{}{}
				<-goOn
			}
			return 1 << 40, 1 << 40, nil
		}
	}).newTenant()
	ep := o.endpoint()
	acceptMuch := func() { // as much as may wait
		for range 41 {
			in := o.inbound(o.message(fmt.Sprint(o.posts), ""))
			o.posts++
			in.Body = make([]byte, 400<<10)
			if _, err := o.Accept(ctx(), in); err != nil {
				t.Fatal(err)
			}
		}
	}
	slow.Store(true)
	flushed := make(chan error)
	go func() { flushed <- o.Flush(ctx()) }()
	<-called
	acceptMuch()
	goOn <- struct{}{}
	o.ok(<-flushed)
	<-called // all that was too much
	acceptMuch()
	slow.Store(false)
	goOn <- struct{}{}
	equal(t, errors.Is(o.Flush(ctx()), webhook.ErrFull), true)
	for _, e := range o.events() {
		o.succeed(e.ID.WithOwner(ep))
	}
	equal(t, o.stats(ep).Pending, 0)
	o.clock.advance(31 * day)
	o.ok(o.RetainAll(ctx()))
	equal(t, o.Healthy(), nil)
	equal(t, len(o.events()), 0)
}

// To remove takes room as well: of records that lie apart each one's page is written anew. Where there is
// no room for all of a step there is for some.
func TestFullButForAFewPages(t *testing.T) {
	t.Parallel()
	o := openSmall(t)
	for i := range 60 {
		var items []webhook.Item
		for j := range 100 {
			report := &webhook.AccountItem{WABAID: o.waba, At: begun.Add(time.Duration(i*100+j) * time.Second)}
			items = append(items, webhook.Item{TenantID: o.tenant, AccountID: o.account, Account: report})
		}
		o.accept(items...)
		if i == 4 {
			o.clock.advance(5 * day)
		}
	}
	o.fill()
	large := webhook.Publication{Event: *o.event(webhook.CampaignCreated, "", strings.Repeat("x", 1800))}
	small := webhook.Publication{Event: *o.event(webhook.CampaignCreated, "", "x")}
	var filling sync.WaitGroup
	for range 64 {
		filling.Go(func() {
			for {
				if _, err := o.Publish(ctx(), large); err != nil {
					return
				}
			}
		})
	}
	filling.Wait()
	for _, p := range []webhook.Publication{large, small} {
		for {
			if _, err := o.Publish(ctx(), p); errors.Is(err, webhook.ErrFull) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	o.clock.advance(31 * day)
	o.ok(o.RetainAll(ctx()))
	equal(t, o.Healthy(), nil)
}

// What is left of a disk that fills is for what was accepted before. Something new is accepted again when
// there is clearly more.
func TestNearlyFull(t *testing.T) {
	t.Parallel()
	for _, disk := range []struct{ size, limit int64 }{{1 << 40, 64 << 20}, {100 << 20, 5 << 20}} {
		var free atomic.Int64
		free.Store(disk.limit)
		o := openStore(t, func(so *store.Options) {
			so.Free = func() (int64, int64, error) { return free.Load(), disk.size, nil }
		}).newTenant()
		ep := o.endpoint()
		ids := o.acceptMany(2)
		refused := func(when string) {
			t.Helper()
			_, err := o.Accept(ctx(), o.inbound(o.message(when, "")))
			if healthy := o.Healthy(); !errors.Is(err, webhook.ErrFull) || !errors.Is(healthy, webhook.ErrFull) || !strings.Contains(healthy.Error(), "of the disk are free") {
				t.Errorf("%s: %v, healthy: %v", when, err, healthy)
			}
		}
		free.Store(disk.limit - 1)
		o.ok(o.Flush(ctx())) // it looks when it writes
		refused("nearly full")
		o.succeed(ids[0].WithOwner(ep))
		o.ok(o.Flush(ctx()))
		o.clock.advance(31 * day)
		o.ok(o.RetainAll(ctx()))
		free.Store(2*disk.limit - 1)
		refused("with a little more")
		o.reopen() // a start accepts what there is room for
		equal(t, o.accept(o.message("at a start", "")), webhook.Accepted)
		free.Store(0)
		o.ok(o.Flush(ctx()))
		refused("full")
		o.reopen()
		refused("full at a start")
		free.Store(2 * disk.limit)
		equal(t, o.Healthy(), nil)
		equal(t, o.accept(o.message("m", "")), webhook.Accepted)
		equal(t, o.stats(ep).Succeeded, 1)
	}
}
