package console

import (
	"net/http"
	"strconv"
	"time"

	"cubeconnect/webhook"
)

// replayMissing asks for the deliveries of events that an endpoint never got.
const replayMissing = "missing"

// replayTime is enough for one answer of a replay.
const replayTime = 2 * time.Minute

// Bounds of what one answer does. The form that it ends with goes on from there.
const (
	countSteps  = 50
	replaySteps = 50
)

type replayPage struct {
	frame
	narrowing
	Endpoints []offer
	Tenant    string // the tenant's path
	At        string // of the page
	Cancel    string // path
	Asked     bool   // the form is filled in: Count is what it leads to
	Heading   string
	Count     uint64
	More      bool // Count is not all
	Begun     bool // it is under way, or done
	Done      uint64
	Cursor    string // where it goes on; empty: it is done
	Fields    []offer
}

// replay counts what a filter matches, and replays it when that is confirmed. It goes in steps, each a request
// of its own, so that one sees how far it is.
func (q *request) replay() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	asked := q.filters()
	if q.posted() {
		if asked, err = q.parseForm(); err != nil {
			return err
		}
	}
	at := tenantURL(t.ID)
	f := readFilter(asked, t.Location(), replayMissing)
	p := &replayPage{
		frame: q.frameOf(&t, q.lang.must("replay.title"), at+"/deliveries"), narrowing: q.narrowing(&t, f, at+"/replay"), Tenant: at, At: at + "/replay",
		Asked: f.Text("status") != "", Cancel: f.path(at+"/deliveries", filterFields...),
	}
	if p.Endpoints, _, err = q.endpointOffers(t.ID, f.endpoint); err != nil {
		return err
	}
	r, err := q.replayOf(t.ID, f)
	if err != nil {
		return err
	}
	if f.Text("status") == replayMissing {
		p.Cancel = at + "/deliveries"
	}
	switch {
	case f.Wrong():
		p.Asked = false
		return q.render(http.StatusUnprocessableEntity, "replay", p)
	case !p.Asked && q.posted():
		return webhook.FieldErrors{"status": {"is required"}}
	case !p.Asked:
		f.values.Set("status", webhook.Failed.String())
		return q.render(http.StatusOK, "replay", p)
	}
	if r.Until.IsZero() {
		r.Until = q.c.now().Truncate(time.Millisecond).Add(time.Millisecond) // what comes in meanwhile is no part of it
	}
	q.Extend(replayTime)
	steps, cursor := countSteps, ""
	if p.Begun = q.posted(); p.Begun {
		steps, cursor = replaySteps, f.Value("cursor")
		p.Count, _ = strconv.ParseUint(f.Value("count"), 10, 64)
		p.Done, _ = strconv.ParseUint(f.Value("done"), 10, 64)
		p.More = f.Value("more") != ""
		line := r.Entry(t.ID)
		if cursor != "" {
			line.Details = append(line.Details, "continued")
		}
		if err := q.c.store.Note(q.Context(), line); err != nil {
			return err
		}
	}
	r.DryRun = !p.Begun
	done := uint64(0)
	for range steps {
		n, next, err := q.c.admin.ReplayPart(q.Context(), t.ID, r, cursor)
		if err != nil {
			return err
		}
		done += uint64(n)
		if cursor = next; cursor == "" {
			break
		}
	}
	say := func(key string, n uint64) {
		p.Heading = q.lang.must(key, "n", int(n), "count", grouped(n))
	}
	if p.Begun {
		p.Done, p.Cursor = p.Done+done, cursor
		if say("replay.done", p.Done); cursor != "" {
			say("replay.going", p.Done)
		}
	} else {
		p.Count, p.More = done, cursor != ""
		if say("replay.counted", done); p.More {
			say("replay.counted.more", done)
		}
	}
	p.Fields = []offer{{"status", f.Text("status")}, {"find", f.find}, {"event", f.event}, {"endpoint", f.Text("endpoint")}, {"until", r.Until.Format(time.RFC3339Nano)}}
	if !r.Since.IsZero() {
		p.Fields = append(p.Fields, offer{"since", r.Since.Format(time.RFC3339Nano)})
	}
	return q.render(http.StatusOK, "replay", p)
}

// replayOf is the replay that a filter asks for; what can't be replayed is a fault of it.
func (q *request) replayOf(tenant uint32, f *filter) (r webhook.Replay, err error) {
	r = webhook.Replay{Status: f.status, Missing: f.Text("status") == replayMissing, EventType: f.event, EndpointID: f.endpoint, Range: f.Range}
	if f.status != 0 && !f.status.Ended() {
		f.faults.Add("status", "must be one that a delivery ends with")
	}
	if f.endpoint != 0 {
		e, err := q.endpointIf(tenant, f.endpoint)
		if err != nil {
			return r, err
		}
		if e == nil {
			f.faults.Add("endpoint", "is none of these")
		}
	}
	if f.find == "" {
		return r, nil
	}
	s, err := q.search(tenant, f.find)
	if r.Conversation = s.conversation; s.found {
		f.faults.Add("find", "must be a customer")
	}
	return r, err
}
