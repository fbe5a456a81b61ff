package store_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cubeconnect/keyring"
	"cubeconnect/store"
	"cubeconnect/webhook"
)

var cuts = flag.Int("cuts", usualCuts, "at how many moments of a recorded load the power is cut")

// asLoad makes this test program a process that puts a load on a store: its value says where, and from which
// minute on.
const asLoad = "PUT_A_LOAD_ON_A_STORE="

func TestMain(m *testing.M) {
	if where := os.Getenv(strings.TrimSuffix(asLoad, "=")); where != "" {
		folder, minute, _ := strings.Cut(where, "@")
		n, err := strconv.Atoi(minute)
		if err == nil {
			err = putLoad(folder, n)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	minutes    = 5 // of a load, by its own clock
	keptFor    = 150 * time.Second
	hurriers   = 6
	perHurrier = 12
)

// putLoad accepts, publishes, settles, replays, backs up and expires, all at once, and closes and opens the
// store in between. What was acknowledged it says on standard output, a line each. Errors of the disk are
// what some tests are about, so those are not its own.
func putLoad(folder string, minute int) error {
	var now atomic.Int64 // ms
	now.Store(begun.Add(time.Duration(minute) * time.Minute).UnixMilli())
	options := store.Options{
		Path: filepath.Join(folder, "cubeconnect.db"), Now: func() time.Time { return time.UnixMilli(now.Add(1)) },
		Keep: store.Retention{Audit: 90 * time.Second, Deliveries: keptFor, Dedupe: time.Hour},
	}
	for last := minute + minutes; minute < last; minute++ {
		var err error
		if options.Ring, err = openRing(folder); err != nil {
			return err
		}
		s, err := store.Open(options)
		if err != nil {
			return err
		}
		if err := setUp(s); err != nil {
			return err
		}
		var load sync.WaitGroup
		for n := range hurriers {
			load.Go(func() { hurry(s, rand.New(rand.NewPCG(uint64(minute), uint64(n))), fmt.Sprintf("%d.%d", minute, n)) })
		}
		load.Go(func() {
			_ = s.Flush(ctx())
			_, _ = s.Replay(ctx(), 1, webhook.Replay{Status: webhook.Failed})
			if f, err := s.Backup(ctx()); err == nil {
				s.Discard(f) // it was verified
			}
			_, _, _ = s.RotateMasterKey(ctx())
			_, _ = s.PruneMasterKeys(ctx())
			fmt.Printf("expires %d\n", now.Load()-keptFor.Milliseconds())
			_ = s.RetainAll(ctx())
		})
		load.Wait()
		if err := s.Close(); err != nil {
			return err
		}
		now.Add(time.Minute.Milliseconds())
	}
	return nil
}

// openRing reads the master keys in a folder, or makes them, if there is no database.
func openRing(folder string) (*keyring.Ring, error) {
	path := filepath.Join(folder, "master.key")
	r, err := keyring.Load(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(folder, "cubeconnect.db")); err == nil {
			return nil, errors.New("the master keys are lost")
		}
		return keyring.Create(path, begun)
	}
	return r, err
}

// setUp makes tenant 1, with account 1 and endpoints 1 and 2, where there is none.
func setUp(s *store.Store) error {
	if _, err := s.Tenant(ctx(), 1); err == nil {
		return nil
	}
	_, err := s.CreateTenant(ctx(), webhook.Tenant{Name: "T", Timezone: "UTC"})
	if err == nil {
		_, err = s.CreateAccount(ctx(), webhook.Account{TenantID: 1, WABAID: "1", PhoneNumberID: "2"})
	}
	for range 2 {
		if err == nil {
			_, err = s.CreateEndpoint(ctx(), webhook.Endpoint{TenantID: 1, URL: "https://example.com/", Events: []string{"*"}, Enabled: true, Secret: webhook.NewSecret(newSecret)})
		}
	}
	return err
}

// hurry makes events and gives their deliveries outcomes.
func hurry(s *store.Store, rnd *rand.Rand, name string) {
	for i := range perHurrier {
		customer := fmt.Sprint(rnd.IntN(5))
		e := webhook.Event{TenantID: 1, Type: webhook.MessageReceived, Conversation: webhook.ConversationOf(1, customer), Payload: make([]byte, 100+rnd.IntN(12<<10))}
		for j := range e.Payload {
			e.Payload[j] = byte(rnd.IntN(256))
		}
		if i%3 == 0 {
			wamid := fmt.Sprintf("wamid.%s.%d", name, i)
			in := &webhook.Inbound{Body: e.Payload, Tenants: []uint32{1}, Items: []webhook.Item{
				{TenantID: 1, AccountID: 1, Message: &webhook.MessageItem{PhoneNumberID: "2", MessageID: wamid, Customer: customer, At: begun}, Event: &e},
			}}
			if _, err := s.Accept(ctx(), in); err == nil {
				fmt.Printf("message %s\n", wamid)
			}
			continue
		}
		id, err := s.Publish(ctx(), webhook.Publication{Event: e})
		if err != nil {
			continue
		}
		fmt.Printf("event %s\n", id)
		for endpoint := range uint32(2) {
			delivery, outcome, next, word := id.WithOwner(endpoint+1), delivered(), time.Time{}, "succeeded"
			switch rnd.IntN(4) {
			case 0:
				continue
			case 1:
				outcome, word = failed(), "failed"
			case 2:
				outcome, word, next = failed(), "retrying", begun.Add(24*time.Hour)
			}
			if _, err := s.Finish(ctx(), delivery, 1, outcome, next); err == nil {
				fmt.Printf("%s %s\n", word, delivery)
			}
		}
	}
}

// promises are what a load has said.
type promises struct {
	expired  int64            // what is older may be gone, ms
	messages map[string]int64 // by wamid, at or after which ms
	events   map[webhook.ID]bool
	outcomes map[webhook.ID]string
}

func newPromises() *promises {
	return &promises{messages: map[string]int64{}, events: map[webhook.ID]bool{}, outcomes: map[webhook.ID]string{}}
}

func (p *promises) hear(t *testing.T, line string) {
	t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	id, err := webhook.ParseID(rest)
	switch word {
	case "expires":
		p.expired, err = strconv.ParseInt(rest, 10, 64)
	case "message":
		var minute int64
		_, err = fmt.Sscanf(rest, "wamid.%d.", &minute)
		p.messages[rest] = begun.UnixMilli() + minute*time.Minute.Milliseconds()
	case "event":
		p.events[id] = true
	default:
		p.outcomes[id] = word
	}
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
}

// slack is how much later than it said a load may look what has expired.
const slack = 10_000

// kept checks that a store has all that was promised.
func (p *promises) kept(s *store.Store) error {
	for id := range uint32(2) {
		if e, err := s.Endpoint(ctx(), 1, id+1); len(p.events) > 0 && (err != nil || e.Secret.Reveal() != newSecret) {
			return fmt.Errorf("endpoint %d has the secret %q, %v", id+1, e.Secret.Reveal(), err)
		}
	}
	for wamid, at := range p.messages {
		if _, err := s.Messages(ctx(), 1, wamid); err != nil && at >= p.expired+slack {
			return fmt.Errorf("message %s is lost: %w", wamid, err)
		}
	}
	for id := range p.events {
		if _, _, err := s.Event(ctx(), 1, id); err != nil && id.Time().UnixMilli() >= p.expired+slack {
			return fmt.Errorf("event %s is lost: %w", id, err)
		}
	}
	for id, word := range p.outcomes {
		d, _, err := s.Delivery(ctx(), 1, id)
		switch {
		case err != nil && id.Time().UnixMilli() < p.expired+slack:
		case err != nil:
			return fmt.Errorf("delivery %s is lost: %w", id, err)
		case word == "failed" && d.Status == webhook.Pending && d.AttemptCount == 1: // it was replayed
		case d.Status.String() != word:
			return fmt.Errorf("delivery %s is %s, and was %s", id, d.Status, word)
		}
	}
	return nil
}

// cutAll goes through a recording and cuts the power at n moments, between two. It returns how many of the cuts lost
// something.
func cutAll(t *testing.T, r *recording, rnd *rand.Rand, n, from, to int) (torn int) {
	t.Helper()
	var moments []int
	for range n {
		moments = append(moments, from+rnd.IntN(to-from)+1)
	}
	slices.Sort(moments)
	d, p := newDisk(rnd), newPromises()
	for i, o := range r.ops {
		d.advance(o)
		if o.kind == said {
			p.hear(t, o.name)
		}
		for len(moments) > 0 && moments[0] == i+1 {
			moments = moments[1:]
			differs, err := openAfter(t, d, p)
			if err != nil {
				t.Errorf("after %d of %d: %v", i+1, len(r.ops), err)
				if t.Failed() && n > 1 {
					return torn
				}
			}
			if differs {
				torn++
			}
		}
	}
	t.Logf("%d cuts in %d calls, %d of them lost something; %d messages, %d events and %d outcomes were promised", n, len(r.ops), torn, len(p.messages), len(p.events), len(p.outcomes))
	return torn
}

// notAllWhole sees to it that cuts lost anything: which do is by chance.
func notAllWhole(t *testing.T, cuts, torn int) {
	t.Helper()
	if torn < cuts/10 {
		t.Errorf("of %d cuts only %d lost anything", cuts, torn)
	}
}

// openAfter cuts the power and opens what there is then.
func openAfter(t *testing.T, d *disk, p *promises) (torn bool, err error) {
	folder, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	if torn, err = d.cut(folder); err != nil {
		return torn, err
	}
	path := filepath.Join(folder, "cubeconnect.db")
	if _, err := os.Stat(path); err != nil && len(p.events)+len(p.messages) == 0 {
		return torn, nil // there was none yet
	}
	ring, err := openRing(folder)
	if err != nil {
		return torn, err
	}
	sound := func() error {
		_, faults, err := store.Verify(path, ring)
		if err == nil && len(faults) > 0 {
			err = fmt.Errorf("%q", faults)
		}
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		return nil
	}
	if err := sound(); err != nil && len(p.events)+len(p.messages) > 0 {
		return torn, err
	}
	s, err := store.Open(store.Options{Path: path, Ring: ring})
	if err != nil {
		if len(p.events)+len(p.messages) == 0 {
			err = nil // it was being made
		}
		return torn, err
	}
	if err := errors.Join(p.kept(s), s.Close()); err != nil {
		return torn, err
	}
	return torn, sound()
}

func record(t *testing.T) *recording {
	t.Helper()
	return &recording{t: t, folder: t.TempDir(), files: map[string]*traced{}}
}

// The power is cut at any moment of a load: what a disk may have then opens, is sound, and has all that was
// acknowledged.
func TestPowerCutUnderLoad(t *testing.T) {
	t.Parallel()
	r := record(t)
	if !r.run(asLoad + r.folder + "@0") {
		t.Fatal("the load failed")
	}
	notAllWhole(t, *cuts, cutAll(t, r, rand.New(rand.NewPCG(5, 5)), *cuts, 0, len(r.ops)))
}

// A sync fails, or the process is killed before it, or first one and then the other. What the kernel then
// takes for clean, or has not written yet, is on no disk, though the next process reads it: what was
// acknowledged before, or is later, must not depend on it.
func TestPowerCutAfterFailure(t *testing.T) {
	t.Parallel()
	data := func(f *traced, last op) bool {
		return f != nil && f.name == "cubeconnect.db" && last.off >= 2*store.FilePage
	}
	heads := func(f *traced, last op) bool {
		return f != nil && f.name == "cubeconnect.db" && last.off < 2*store.FilePage
	}
	log := func(f *traced, _ op) bool { return f != nil && strings.HasPrefix(f.name, "cubeconnect.db.wal") }
	keys := func(f *traced, last op) bool { return f == nil && last.name == "master.key.new" } // which has just got its name
	var all, torn atomic.Int64
	t.Cleanup(func() { notAllWhole(t, int(all.Load()), int(torn.Load())) })
	for round := range max(1, *cuts/usualCuts) {
		for i, c := range []struct {
			name   string
			of     func(f *traced, last op) bool // the sync that is meant, by what was asked of the file last
			fates  []fate
			nth    int // of these syncs; 0: by chance
			within int // so many calls the power is cut; 0: by chance
		}{
			{name: "data", of: data, fates: []fate{fails}},
			{name: "heads", of: heads, fates: []fate{fails}},
			{name: "heads killed", of: heads, fates: []fate{killed}},
			{name: "heads, killed", of: heads, fates: []fate{fails, killed}},
			{name: "log", of: log, fates: []fate{fails, fails, fails}},
			{name: "log killed", of: log, fates: []fate{killed}},
			{name: "log, killed", of: log, fates: []fate{fails, killed}},
			{name: "keys killed", of: keys, fates: []fate{killed}, nth: 2, within: 60}, // the first is their making, this a rotation
		} {
			rnd := rand.New(rand.NewPCG(uint64(round), uint64(i)))
			nth := cmp.Or(c.nth, 6+rnd.IntN(14))
			t.Run(fmt.Sprint(c.name, ",", nth), func(t *testing.T) {
				t.Parallel()
				r := record(t)
				n, from, fates := 0, 0, c.fates
				r.before = func(kind opKind, f *traced) fate {
					switch {
					case len(fates) == 0:
						return made
					case from > 0 && fates[0] == killed: // after a sync that failed, at whatever comes next
					case kind == written || !c.of(f, r.last(f)):
						return made
					}
					if n++; n < nth {
						return made
					}
					if from == 0 {
						from = len(r.ops)
					}
					next := fates[0]
					fates = fates[1:]
					return next
				}
				r.run(asLoad + r.folder + "@0") // it may well end badly
				r.before = nil
				if from == 0 {
					t.Fatal("nothing happened")
				}
				if !r.run(fmt.Sprint(asLoad, r.folder, "@", minutes)) {
					t.Fatal("it does not go on")
				}
				const few = usualCuts / 12
				all.Add(few)
				torn.Add(int64(cutAll(t, r, rnd, few, from, min(len(r.ops), from+cmp.Or(c.within, 10+rnd.IntN(50))))))
			})
		}
	}
}
