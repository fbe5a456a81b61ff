package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cubeconnect/keyring"
	"cubeconnect/monitor"
	"cubeconnect/store"
	"cubeconnect/webhook"
)

var begun = time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC)

// scene is a monitor on a real store.
type scene struct {
	t *testing.T
	*store.Store
	*monitor.Monitor
	at time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, at: begun}
	now := func() time.Time { return s.at }
	var err error
	s.Store, err = store.Open(store.Options{Path: filepath.Join(t.TempDir(), "cubeconnect.db"), Ring: keyring.New(begun), Now: now})
	s.ok(err)
	t.Cleanup(func() { s.ok(s.Close()) })
	s.Monitor = monitor.New(s.Store, now)
	return s
}

func (s *scene) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) tenant(name string) uint32 {
	s.t.Helper()
	t, err := s.CreateTenant(s.t.Context(), webhook.Tenant{Name: name, Timezone: "UTC"})
	s.ok(err)
	return t.ID
}

// endpoint makes one that wants an event type of its own, so that an event goes to it alone.
func (s *scene) endpoint(tenant uint32, url, description string) uint32 {
	s.t.Helper()
	e, err := s.CreateEndpoint(s.t.Context(), webhook.Endpoint{TenantID: tenant, URL: url, Description: description, Enabled: true, Events: []string{"none"}})
	s.ok(err)
	_, err = s.UpdateEndpoint(s.t.Context(), tenant, e.ID, func(e *webhook.Endpoint) error { e.Events = []string{fmt.Sprint("event.", e.ID)}; return nil })
	s.ok(err)
	return e.ID
}

// send makes an event for an endpoint.
func (s *scene) send(tenant, endpoint uint32) webhook.ID {
	s.t.Helper()
	id, err := s.Publish(s.t.Context(), webhook.Publication{Event: webhook.Event{TenantID: tenant, Type: fmt.Sprint("event.", endpoint), Payload: []byte("{}")}})
	s.ok(err)
	return id.WithOwner(endpoint)
}

// attempt makes an event and one attempt, which succeeds, fails and is tried again in a minute (next), or fails for good.
func (s *scene) attempt(tenant, endpoint uint32, ok bool, next time.Duration) {
	s.t.Helper()
	o, at := webhook.Outcome{Verdict: webhook.Delivered, Attempt: webhook.Attempt{StatusCode: 200, Duration: 20 * time.Millisecond}}, time.Time{}
	if !ok {
		o = webhook.Outcome{Verdict: webhook.Retry, Attempt: webhook.Attempt{StatusCode: 503, Error: webhook.ErrorStatus, Duration: time.Second}}
		if next > 0 {
			at = s.at.Add(next)
		}
	}
	_, err := s.Finish(s.t.Context(), s.send(tenant, endpoint), tenant, o, at)
	s.ok(err)
}

func (s *scene) overview(q monitor.Query) *monitor.Overview {
	s.t.Helper()
	o, err := s.Overview(s.t.Context(), q)
	s.ok(err)
	return o
}

func ids(o *monitor.Overview) (list []uint32) {
	for _, e := range o.Endpoints {
		list = append(list, e.ID)
	}
	return list
}

func TestOverview(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	north, south := s.tenant("North"), s.tenant("South")
	healthy := s.endpoint(north, "https://healthy.example/", "CRM")
	unused := s.endpoint(north, "https://unused.example/", "")
	off := s.endpoint(north, "https://off.example/", "")
	dead := s.endpoint(south, "https://dead.example/", "")
	later := s.endpoint(south, "https://later.example/", "")
	failing := s.endpoint(south, "https://failing.example/", "Warehouse")
	stopped := s.endpoint(south, "https://stopped.example/", "")

	s.attempt(north, healthy, true, 0)
	s.attempt(south, dead, false, 0)
	s.attempt(south, failing, false, 2*time.Hour)
	s.at = s.at.Add(time.Minute)
	s.attempt(south, dead, true, 0)
	s.attempt(south, later, false, time.Hour)
	s.send(north, healthy)
	_, err := s.DisableEndpoint(t.Context(), stopped, "the endpoint answered 410 Gone")
	s.ok(err)
	_, err = s.UpdateEndpoint(t.Context(), north, off, func(e *webhook.Endpoint) error { e.Enabled = false; return nil })
	s.ok(err)

	all := []uint32{stopped, failing, later, dead, healthy, unused, off}
	for name, c := range map[string]struct {
		q    monitor.Query
		want []uint32
		of   int
	}{
		"all":                {monitor.Query{Limit: 10}, all, 7},
		"the first":          {monitor.Query{Limit: 3}, all[:3], 7},
		"the next":           {monitor.Query{Limit: 3, Offset: 3}, all[3:6], 7},
		"beyond the last":    {monitor.Query{Limit: 3, Offset: 9}, nil, 7},
		"a tenant's":         {monitor.Query{Limit: 10, Tenant: north}, []uint32{healthy, unused, off}, 3},
		"in need":            {monitor.Query{Limit: 10, Show: monitor.ShowAttention}, all[:3], 3},
		"with dead letters":  {monitor.Query{Limit: 10, Show: monitor.ShowDeadLetters}, []uint32{dead}, 1},
		"where some wait":    {monitor.Query{Limit: 10, Show: monitor.ShowWaiting}, []uint32{failing, later, healthy}, 3},
		"healthy":            {monitor.Query{Limit: 10, Show: monitor.ShowHealthy}, []uint32{dead, healthy}, 2},
		"unused":             {monitor.Query{Limit: 10, Show: monitor.ShowUnused}, []uint32{unused}, 1},
		"disabled":           {monitor.Query{Limit: 10, Show: monitor.ShowDisabled}, []uint32{stopped, off}, 2},
		"by URL":             {monitor.Query{Limit: 10, Search: "FAIL"}, []uint32{failing}, 1},
		"by description":     {monitor.Query{Limit: 10, Search: "crm"}, []uint32{healthy}, 1},
		"by tenant":          {monitor.Query{Limit: 10, Search: "north", Show: monitor.ShowUnused}, []uint32{unused}, 1},
		"nothing like it":    {monitor.Query{Limit: 10, Search: "east"}, nil, 0},
		"not another's name": {monitor.Query{Limit: 10, Search: "south", Tenant: north}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			o := s.overview(c.q)
			if got := ids(o); !slices.Equal(got, c.want) || o.Matching != c.of {
				t.Errorf("%v of %d, want %v of %d", got, o.Matching, c.want, c.of)
			}
		})
	}

	o := s.overview(monitor.Query{Limit: 10, Tenants: 10, Search: "nothing", Series: monitor.SeriesWindows[0]})
	want := monitor.Totals{Tenants: 2, Endpoints: 7, Disabled: 2, Stopped: 1, Failing: 2, Unused: 1, Pending: 1, Retrying: 2, Succeeded: 2, DeadLetters: 1, Oldest: begun}
	if o.Totals != want || o.Totals.Attention() != 3 {
		t.Errorf("totals %+v, want %+v", o.Totals, want)
	}
	if len(o.Tenants) != 2 || o.Tenants[0].ID != south || o.Tenants[0].Totals.Attention() != 3 || o.Tenants[1].Totals.Endpoints != 3 {
		t.Errorf("tenants %+v", o.Tenants)
	}
	if n := s.overview(monitor.Query{Tenants: 1}).Tenants; len(n) != 1 || n[0].Attempts.Hour.Failed != 3 {
		t.Errorf("one tenant: %+v", n)
	}
	if a := &o.Attempts; a.Hour.Succeeded != 2 || a.Hour.Failed != 3 || a.Day.DeadLetters != 1 || len(a.Minutes) != 2 || len(a.Hours) != 1 || len(a.Series) != 2 {
		t.Errorf("attempts %+v", a)
	}
	line := s.overview(monitor.Query{Limit: 2}).Endpoints[1]
	if line.Tenant != "South" || !line.Oldest.Equal(begun) || !line.NextRetry.Equal(begun.Add(2*time.Hour)) || line.Activity.Hour.Failed != 1 || line.Stats.LastStatus != 503 {
		t.Errorf("the failing one: %+v", line)
	}
	theirs := s.overview(monitor.Query{Tenant: north, Limit: 1})
	if theirs.Totals.Endpoints != 3 || theirs.Totals.Retrying != 0 || !theirs.Totals.Oldest.Equal(begun.Add(time.Minute)) || theirs.Attempts.Hour.Failed != 0 {
		t.Errorf("a tenant's: %+v", theirs)
	}
	if _, err := s.Overview(t.Context(), monitor.Query{Tenant: 99}); !errors.Is(err, webhook.ErrNotFound) {
		t.Errorf("of a tenant that doesn't exist: %v", err)
	}
	// The report says the same in full.
	r, err := s.Report(t.Context(), monitor.Options{Tenant: south})
	s.ok(err)
	if r.Attempts.Hour.Failed != 3 || r.Totals.Attention() != 3 || len(r.Tenants[0].Endpoints) != 4 {
		t.Errorf("report %+v", r.Totals)
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	n := s.tenant("North")
	id := s.endpoint(n, "https://x.example/", "")
	s.attempt(n, id, false, time.Hour)
	e, err := s.Store.Endpoint(context.Background(), n, id)
	s.ok(err)
	s.at = s.at.Add(90 * time.Minute)
	line, at, err := s.Monitor.Endpoint(t.Context(), &e, monitor.SeriesWindows[1])
	s.ok(err)
	if line.State != monitor.Failing || !at.Equal(s.at) || len(line.Activity.Series) != 1 || line.Activity.Day.Failed != 1 || line.Activity.Hour.Failed != 0 || !line.Oldest.Equal(begun) {
		t.Errorf("%+v at %v", line, at)
	}
}

func TestSpans(t *testing.T) {
	at := func(minutes int) webhook.Activity {
		return webhook.Activity{At: begun.Add(time.Duration(minutes) * time.Minute), Succeeded: 1}
	}
	spans := monitor.Spans([]webhook.Activity{at(-1), at(0), at(4), at(5), at(14), at(15)}, begun, 5*time.Minute, 3)
	var got []uint64
	for i, s := range spans {
		if !s.At.Equal(begun.Add(time.Duration(i) * 5 * time.Minute)) {
			t.Errorf("span %d begins at %v", i, s.At)
		}
		got = append(got, s.Succeeded)
	}
	if !slices.Equal(got, []uint64{2, 1, 1}) {
		t.Errorf("%v", got)
	}
}

func TestQuiet(t *testing.T) {
	// hours returns what comes in at these hours before now.
	hours := func(ago ...int) *monitor.Windows {
		w := &monitor.Windows{}
		for _, h := range ago {
			a := webhook.Activity{At: begun.Add(-time.Duration(h) * time.Hour), Accepted: 1, Last: begun.Add(-time.Duration(h) * time.Hour)}
			w.Hours = append(w.Hours, a)
			w.Week.Add(&a)
		}
		return w
	}
	every := func(from, to, step int) (list []int) {
		for h := from; h >= to; h -= step {
			list = append(list, h)
		}
		return list
	}
	refused := hours(every(160, 8, 1)...)
	for h := range 8 {
		refused.Hours = append(refused.Hours, webhook.Activity{At: begun.Add(-time.Duration(h) * time.Hour), Unsigned: 5})
	}
	for name, c := range map[string]struct {
		inbound *monitor.Windows
		want    bool
	}{
		"nothing ever":                     {hours(), false},
		"a moment ago":                     {hours(every(160, 0, 1)...), false},
		"one hour of a steady stream":      {hours(every(160, 1, 1)...), false},
		"three hours of a steady stream":   {hours(every(160, 3, 1)...), true},
		"a silence like others":            {hours(append(every(160, 40, 1), every(30, 10, 1)...)...), false},
		"longer than the others":           {hours(append(every(160, 40, 1), every(30, 17, 1)...)...), true},
		"the first day":                    {hours(every(20, 10, 1)...), false},
		"a day after the first":            {hours(every(40, 25, 1)...), true},
		"once in two days":                 {hours(150, 100, 20), false},
		"once in two days, and not to-day": {hours(150, 100, 50, 25), true},
		"only refused ones come":           {refused, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := monitor.Quiet(c.inbound, begun); got != c.want {
				t.Errorf("quiet: %v", got)
			}
		})
	}
}
