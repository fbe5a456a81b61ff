package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// condition is a state in a word and a kind of badge.
type condition struct{ Key, Kind string }

func conditionOf(e *webhook.Endpoint, st *webhook.EndpointStats) condition {
	switch monitor.StateOf(e, st) {
	case monitor.Disabled:
		if monitor.Stopped(e) {
			return condition{"endpoint.state.stopped", "bad"}
		}
		return condition{"endpoint.state.disabled", "off"}
	case monitor.Failing:
		return condition{"endpoint.state.failing", "bad"}
	case monitor.Unused:
		return condition{"endpoint.state.unused", "info"}
	}
	return condition{"endpoint.state.healthy", "good"}
}

type endpointsPage struct {
	frame
	Tenant    webhook.Tenant
	At        string // the tenant's path
	Endpoints []endpointRow
	Pager     pager
}

type endpointRow struct {
	webhook.Endpoint
	At        string
	State     condition
	Signed    bool
	AllEvents bool
	Dead      uint64
}

func (q *request) endpoints() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	page := q.cursor()
	list, err := q.c.store.Endpoints(q.Context(), t.ID, page)
	if err != nil {
		return err
	}
	stats, err := q.c.store.EndpointStats(q.Context())
	if err != nil {
		return err
	}
	at := tenantURL(t.ID)
	p := &endpointsPage{
		frame: q.frameOf(&t, q.lang.must("nav.webhook"), at+"/webhook"), Tenant: t, At: at, Pager: pager{at + "/webhook", page.Cursor == "", list.Next},
	}
	for _, e := range list.Items {
		st := stats[e.ID]
		p.Endpoints = append(p.Endpoints, endpointRow{
			Endpoint: e, At: endpointURL(&e), State: conditionOf(&e, &st), Signed: !e.Secret.IsZero(), AllEvents: slices.Contains(e.Events, "*"), Dead: st.Failed,
		})
	}
	return q.render(http.StatusOK, "webhook", p)
}

func endpointURL(e *webhook.Endpoint) string {
	return fmt.Sprintf("%s/endpoints/%d", tenantURL(e.TenantID), e.ID)
}

// endpointOf returns the tenant and the endpoint of the path.
func (q *request) endpointOf() (t webhook.Tenant, e webhook.Endpoint, err error) {
	if t, err = q.tenantOf(); err != nil {
		return t, e, err
	}
	id, err := q.number("endpoint")
	if err != nil {
		return t, e, err
	}
	e, err = q.c.store.Endpoint(q.Context(), t.ID, id)
	return t, e, err
}

type endpointPage struct {
	frame
	Form     form
	Tenant   string // the tenant's path
	Cancel   string
	Groups   []eventGroup
	Others   []string // events that the groups don't have, and that stay
	Headers  []header
	Retries  string // the installation's
	Timeout  string // likewise
	Endpoint *webhook.Endpoint
	At       string
	State    condition
	Signed   bool
	Samples  []sample
}

type header struct{ Name, Value string }

type eventGroup struct {
	Key    string
	Events []eventChoice
}

type eventChoice struct{ Type, Key string }

// eventGroups is every event that one can subscribe to. Send Test comes unasked.
var eventGroups = []eventGroup{
	{"events.messages", []eventChoice{
		{webhook.MessageReceived, "event.message_received"},
		{webhook.MessageStatusUpdated, "event.message_status_updated"},
	}},
	{"events.templates", []eventChoice{
		{webhook.TemplateSubmitted, "event.template_submitted"},
		{webhook.TemplateStatusChanged, "event.template_status_changed"},
	}},
	{"events.campaigns", []eventChoice{
		{webhook.CampaignCreated, "event.campaign_created"},
		{webhook.CampaignStarted, "event.campaign_started"},
		{webhook.CampaignCompleted, "event.campaign_completed"},
	}},
	{"events.flows", []eventChoice{
		{webhook.FlowSessionStarted, "event.flow_session_started"},
		{webhook.FlowSessionCompleted, "event.flow_session_completed"},
		{webhook.FlowSessionCancelled, "event.flow_session_cancelled"},
	}},
	{"events.account", []eventChoice{
		{webhook.AccountQualityEvent, "event.account_quality_event"},
	}},
}

// inGroups reports whether the groups have an event.
func inGroups(event string) bool {
	for _, g := range eventGroups {
		for _, e := range g.Events {
			if e.Type == event {
				return true
			}
		}
	}
	return false
}

// endpointPage begins the page of an endpoint; nil: of a new one.
func (q *request) endpointPage(t *webhook.Tenant, e *webhook.Endpoint, f form) (*endpointPage, error) {
	at := tenantURL(t.ID)
	retries, timeout := q.c.admin.Defaults()
	p := &endpointPage{
		frame: q.frameOf(t, q.lang.must("endpoint.new"), at+"/webhook"), Form: f, Tenant: at, Cancel: at + "/webhook",
		Groups: eventGroups, Retries: joined(retries), Timeout: webhook.Duration(timeout).String(), Endpoint: e, Samples: samples,
	}
	if e == nil {
		return p, nil
	}
	stats, err := q.c.store.EndpointStats(q.Context())
	if err != nil {
		return nil, err
	}
	st := stats[e.ID]
	p.Title, p.At, p.State, p.Signed = q.lang.must("endpoint.title"), endpointURL(e), conditionOf(e, &st), !e.Secret.IsZero()
	return p, nil
}

// show renders the page with what is in its form.
func (q *request) show(status int, p *endpointPage) error {
	const empty = 2 // rows for further headers, without script
	names, values := p.Form.Values("header_name"), p.Form.Values("header_value")
	for i := range min(len(names), len(values)) {
		if names[i] != "" || values[i] != "" {
			p.Headers = append(p.Headers, header{names[i], values[i]})
		}
	}
	p.Headers = append(p.Headers, make([]header, empty)...)
	for _, event := range p.Form.Values("events") {
		if webhook.IsEventType(event) && !inGroups(event) {
			p.Others = append(p.Others, event)
		}
	}
	return q.render(status, "endpoint", p)
}

func (q *request) newEndpoint() error {
	t, f, err := q.tenantForm()
	if err != nil {
		return err
	}
	p, err := q.endpointPage(&t, nil, f)
	if err != nil {
		return err
	}
	if !q.posted() {
		f.showEndpoint(&webhook.Endpoint{Enabled: true, Events: []string{"*"}})
		return q.show(http.StatusOK, p)
	}
	e := webhook.Endpoint{TenantID: t.ID}
	f.endpoint()(&e)
	f.Merge(q.c.admin.CheckEndpoint(q.Context(), &e, true))
	if f.Wrong() {
		return q.show(http.StatusUnprocessableEntity, p)
	}
	if e, err = q.c.store.CreateEndpoint(q.Context(), e); err != nil {
		return err
	}
	return q.done(endpointURL(&e), note{Text: "endpoint.made"})
}

func (q *request) editEndpoint() error {
	t, e, err := q.endpointOf()
	if err != nil {
		return err
	}
	f, err := q.parseForm()
	if err != nil {
		return err
	}
	p, err := q.endpointPage(&t, &e, f)
	if err != nil {
		return err
	}
	if !q.posted() {
		f.showEndpoint(&e)
		return q.show(http.StatusOK, p)
	}
	change := f.endpoint()
	next := e
	change(&next)
	f.Merge(q.c.admin.CheckEndpoint(q.Context(), &next, next.URL != e.URL))
	if f.Wrong() {
		return q.show(http.StatusUnprocessableEntity, p)
	}
	_, err = q.c.admin.UpdateEndpoint(q.Context(), t.ID, e.ID, change)
	if err == nil {
		return q.done(endpointURL(&e), note{Text: "saved"})
	}
	status, err := f.refused(err)
	if err != nil {
		return err
	}
	return q.show(status, p)
}

func (q *request) deleteEndpoint() error {
	t, e, err := q.endpointOf()
	if err != nil {
		return err
	}
	at := tenantURL(t.ID) + "/webhook"
	if q.posted() {
		if err := q.c.store.DeleteEndpoint(q.Context(), t.ID, e.ID); err != nil {
			return err
		}
		return q.done(at, note{Text: "endpoint.deleted"})
	}
	return q.confirm(&confirmation{
		frame: q.frameOf(&t, q.lang.must("endpoint.delete.title"), at),
		Texts: []string{e.URL, q.lang.must("endpoint.delete.all"), q.lang.must("confirm.final")}, Button: q.lang.must("endpoint.delete"), Cancel: endpointURL(&e),
	})
}

// showEndpoint fills the form with an endpoint.
func (f form) showEndpoint(e *webhook.Endpoint) {
	v := f.values
	v.Set("url", e.URL)
	v.Set("description", e.Description)
	v["events"] = slices.Clone(e.Events)
	set(v, "enabled", e.Enabled)
	set(v, "include_raw", e.IncludeRaw)
	v.Set("retries_of", "installation")
	if e.Retries != nil {
		v.Set("retries_of", "own")
		v.Set("retries", joined(e.Retries))
	}
	if e.Timeout != 0 {
		v.Set("timeout", e.Timeout.String())
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		v.Add("header_name", name)
		v.Add("header_value", e.Headers[name])
	}
}

// endpoint returns the change that the form asks for. It can be made more than once.
func (f form) endpoint() func(*webhook.Endpoint) {
	events := f.Values("events")
	if slices.Contains(events, "*") {
		events = []string{"*"}
	}
	retries, timeout, headers := f.retries(), f.timeout(), f.headers()
	return func(e *webhook.Endpoint) {
		e.URL, e.Description = f.Text("url"), f.Text("description")
		e.Events = slices.Clone(events)
		e.Enabled, e.IncludeRaw = f.Has("enabled", "yes"), f.Has("include_raw", "yes")
		e.Retries, e.Timeout, e.Headers = retries, timeout, headers
	}
}

// retries reads waits with commas or spaces in between. Nil: the installation's.
func (f form) retries() webhook.Schedule {
	if f.Value("retries_of") != "own" {
		return nil
	}
	retries := webhook.Schedule{} // not nil: none is not the installation's
	for _, part := range strings.FieldsFunc(f.Value("retries"), func(r rune) bool { return strings.ContainsRune(", ;\t\r\n،", r) }) {
		wait, err := webhook.ParseDuration(part)
		if err != nil {
			f.faults.Add("retries", "%v", err)
		}
		retries = append(retries, wait)
	}
	return retries
}

// timeout reads a duration. 0: the installation's.
func (f form) timeout() webhook.Duration {
	s := f.Text("timeout")
	if s == "" {
		return 0
	}
	d, err := webhook.ParseDuration(s)
	if err != nil {
		f.faults.Add("timeout", "%v", err)
	} else if d == 0 {
		f.faults.Add("timeout", "must be between %s and %s", webhook.MinTimeout, webhook.MaxTimeout)
	}
	return d
}

func (f form) headers() map[string]string {
	names, values := f.Values("header_name"), f.Values("header_value")
	headers := map[string]string{}
	for i := range min(len(names), len(values)) {
		name, value := strings.TrimSpace(names[i]), strings.TrimSpace(values[i])
		if name == "" && value == "" {
			continue
		}
		if _, twice := headers[name]; twice {
			f.faults.Add("headers", "%s is named twice", textproto.CanonicalMIMEHeaderKey(name))
		}
		headers[name] = value
	}
	return headers
}

func set(v map[string][]string, name string, on bool) {
	if on {
		v[name] = []string{"yes"}
	}
}

func joined(s webhook.Schedule) string {
	parts := make([]string, len(s))
	for i, wait := range s {
		parts[i] = wait.String()
	}
	return strings.Join(parts, ", ")
}

// testResult is what came of Send Test.
type testResult struct {
	Delivered bool
	Status    int    // 0: no answer
	Took      string // in milliseconds
	Body      string
	Cut       bool   // Body is the beginning only
	Why       string // in English; empty: it was delivered
}

func (q *request) sendTest() error {
	_, e, err := q.endpointOf()
	if err != nil {
		return err
	}
	// The sender's own limit ends the attempt; this server's must not end it first.
	q.Extend(webhook.MaxTimeout.Std() + 10*time.Second)
	out, why, err := q.c.admin.SendTest(q.Context(), e.TenantID, e.ID)
	if err != nil {
		return err
	}
	at := &out.Attempt
	return q.done(endpointURL(&e), note{Test: &testResult{
		Delivered: out.Verdict == webhook.Delivered, Status: at.StatusCode, Took: grouped(uint64(at.Duration.Milliseconds())),
		Body: strings.ToValidUTF8(string(at.ResponseBody), "\uFFFD"), Cut: len(at.ResponseBody) >= webhook.MaxResponseBytes, Why: why,
	}})
}
