package console

import (
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// How much an overview shows at a time.
const (
	overviewEndpoints = 25
	overviewTenants   = 10
	searchLimit       = 100 // characters
)

type overviewPage struct {
	frame
	Tenant    *webhook.Tenant // nil: it is of all
	At        string          // path of the page
	Now       template.HTML
	Kind      string // of how all is, as of a badge
	Headline  string
	Empty     *empty // there is nothing to show yet
	Windows   []choice
	Tiles     []tile
	Problems  []problem
	Figures   []figure
	Bar       string // key of what the bar of a strip is
	Finder    finder
	Endpoints []endpointLine
	Found     found
	Inbound   []inboundLine
	Last      template.HTML // webhook from Meta
	Tenants   []tenantLine
	Rest      int // tenants that are not in the list
}

// empty says what to do where there is nothing yet: keys of messages.
type empty struct{ Icon, Title, Text, Link, Button string }

// choice is a link to the same page in another form.
type choice struct {
	Text, URL string
	Current   bool
}

// tile is a figure that one sees at a glance.
type tile struct {
	Title, Value string
	Time         template.HTML // in place of Value
	Kind         string        // of its badge's colours; empty: none
	Notes        []template.HTML
	Link, More   string
}

// finder narrows the list of endpoints.
type finder struct {
	Window, Search string
	Shows          []option
	Set            bool
	Clear          string // URL without it
}

type option struct {
	Value, Text string
	Chosen      bool
}

// found says which part of the list is shown.
type found struct {
	From, To, Of   int
	Previous, Next string // URLs; empty: none
}

type endpointLine struct {
	URL, Description string
	At               string // path of its health
	Failed           string // path of its dead letters
	Tenant, TenantAt string // empty on a tenant's own page
	State            condition
	Since            template.HTML
	Strip            template.HTML
	Rates            []rateOf
	Half, Most       string // latency; empty: none
	Waiting, Dead    string // empty: none
	Oldest, Next     template.HTML
	Why              *why
}

type rateOf struct{ Window, Rate string }

type inboundLine struct {
	Text            string
	Kind            string // of a badge, if any came in the day; empty: none
	Hour, Day, Week string
}

type tenantLine struct {
	Name, At  string
	State     condition
	Endpoints int
	Attention int
	Rate      string
	Waiting   string
	Dead      string
	Last      template.HTML
}

// overviewQuery is the state of an overview, as its URL has it.
type overviewQuery struct {
	window *window
	show   monitor.Show
	search string
	page   int // from 1
}

func (q *request) overviewQuery() (o overviewQuery, err error) {
	faults := webhook.FieldErrors{}
	v := q.URL.Query()
	if o.window, err = windowOf(v.Get("window")); err != nil {
		return o, err
	}
	if o.show = monitor.Show(v.Get("show")); !slices.Contains(monitor.Shows, o.show) {
		faults.Add("show", "is not one of the choices")
	}
	if o.search = strings.TrimSpace(v.Get("search")); len([]rune(o.search)) > searchLimit {
		faults.Add("search", "must have at most %d characters", searchLimit)
	}
	o.page = 1
	if s := v.Get("page"); s != "" {
		if o.page, err = strconv.Atoi(s); err != nil || o.page < 1 || o.page > 1_000_000 {
			faults.Add("page", "is not the number of a page")
		}
	}
	return o, faults.Err()
}

func windowOf(name string) (*window, error) {
	for i := range windows {
		if windows[i].Name == name || name == "" && windows[i].Name == "24h" {
			return &windows[i], nil
		}
	}
	return nil, webhook.FieldErrors{"window": {"is not one of the choices"}}
}

// url returns where the page is in that state.
func (o overviewQuery) url(at string) string {
	v := url.Values{}
	if o.window.Name != "24h" {
		v.Set("window", o.window.Name)
	}
	if o.show != "" {
		v.Set("show", string(o.show))
	}
	if o.search != "" {
		v.Set("search", o.search)
	}
	if o.page > 1 {
		v.Set("page", strconv.Itoa(o.page))
	}
	if len(v) == 0 {
		return at
	}
	return at + "?" + v.Encode()
}

// overview shows how all tenants are.
func (q *request) overview() error {
	return q.showOverview(&overviewPage{frame: q.frame("overview.title", "/"), At: "/"}, time.UTC)
}

// tenant shows how a tenant is.
func (q *request) tenant() error {
	t, err := q.tenantOf()
	if err != nil {
		return err
	}
	at := tenantURL(t.ID)
	return q.showOverview(&overviewPage{frame: q.frameOf(&t, t.Name, at), Tenant: &t, At: at}, t.Location())
}

func (q *request) showOverview(p *overviewPage, zone *time.Location) error {
	state, err := q.overviewQuery()
	if err != nil {
		return err
	}
	ask := monitor.Query{Show: state.show, Search: state.search, Offset: (state.page - 1) * overviewEndpoints, Limit: overviewEndpoints, Tenants: overviewTenants, Series: state.window.series}
	if p.Tenant != nil {
		ask.Tenant, ask.Tenants = p.Tenant.ID, 0
	}
	o, err := q.c.monitor.Overview(q.Context(), ask)
	if err != nil {
		return err
	}
	p.Now = q.lang.time(o.At, zone)
	p.Bar = state.window.barKey
	switch {
	case o.Totals.Tenants == 0:
		p.Empty = &empty{"tenants", "tenants.empty", "tenants.empty.text", "/new-tenant", "tenant.new"}
	case o.Totals.Endpoints == 0 && len(o.Tenants) > 1:
		p.Empty = &empty{"webhook", "webhook.empty", "overview.empty.text", "/tenants", "nav.tenants"}
	case o.Totals.Endpoints == 0 && p.Tenant == nil:
		p.Empty = &empty{"webhook", "webhook.empty", "webhook.empty.text", tenantURL(o.Tenants[0].ID) + "/new-endpoint", "endpoint.new"}
	case o.Totals.Endpoints == 0:
		p.Empty = &empty{"webhook", "webhook.empty", "webhook.empty.text", p.At + "/new-endpoint", "endpoint.new"}
	}
	p.Problems = q.problems(o, p.Tenant, zone)
	p.headline(q.lang, o)
	p.Windows = q.choices(state.window, func(w *window) string { s := state; s.window = w; return s.url(p.At) })
	p.Tiles = q.tiles(o, state, p.At, zone)
	p.Figures = []figure{
		q.lang.deliveriesChart().figure(q.lang, state.window, &o.Attempts, o.At, zone),
		q.lang.latencyChart().figure(q.lang, state.window, &o.Attempts, o.At, zone),
		q.lang.inboundChart(p.Tenant != nil).figure(q.lang, state.window, &o.Inbound, o.At, zone),
	}
	p.Finder = q.finder(state, p.At)
	p.Found = foundOf(state, p.At, len(o.Endpoints), o.Matching)
	for i := range o.Endpoints {
		p.Endpoints = append(p.Endpoints, q.endpointLine(&o.Endpoints[i], state.window, o.At, zone, p.Tenant == nil))
	}
	p.Inbound = q.inboundLines(&o.Inbound, p.Tenant == nil)
	if last := o.Inbound.Week.Last; !last.IsZero() {
		p.Last = q.lang.ago(last, o.At, zone)
	}
	if p.Rest = o.Totals.Tenants - len(o.Tenants); o.Totals.Tenants > 1 {
		for i := range o.Tenants {
			p.Tenants = append(p.Tenants, q.tenantLine(&o.Tenants[i], o.At))
		}
	}
	return q.render(http.StatusOK, "overview", p)
}

// headline says in a line how all is.
func (p *overviewPage) headline(l *language, o *monitor.Overview) {
	inbound := slices.ContainsFunc(p.Problems, func(p problem) bool { return p.Kind != "info" })
	lost := min(o.Attempts.Day.DeadLetters, o.Totals.DeadLetters) // without those that were replayed since
	switch n := o.Totals.Attention(); {
	case n > 0:
		p.Kind, p.Headline = "bad", l.must("overview.attention", "n", n)
	case lost > 0:
		p.Kind, p.Headline = "warn", l.must("overview.given_up", "n", count(lost))
	case inbound:
		p.Kind, p.Headline = "warn", l.must("overview.inbound.off")
	case o.Totals.Endpoints == o.Totals.Unused+o.Totals.Disabled:
		p.Kind, p.Headline = "info", l.must("overview.idle")
	default:
		p.Kind, p.Headline = "good", l.must("overview.well")
	}
}

func (q *request) choices(current *window, url func(*window) string) (list []choice) {
	for i := range windows {
		w := &windows[i]
		list = append(list, choice{q.lang.must(w.Key), url(w), w == current})
	}
	return list
}

// rates are success rates over all windows.
func (q *request) rates(a *monitor.Windows) (list []rateOf) {
	for i := range windows {
		list = append(list, rateOf{q.lang.must(windows[i].short), percent(windows[i].sum(a))})
	}
	return list
}

func (q *request) tiles(o *monitor.Overview, state overviewQuery, at string, zone *time.Location) []tile {
	l, t := q.lang, &o.Totals
	to := func(s monitor.Show) string {
		return overviewQuery{window: state.window, show: s}.url(at) + "#endpoints"
	}
	waiting := l.waitingTile(t.Pending+t.Retrying, t.Retrying, to(monitor.ShowWaiting))
	if !t.Oldest.IsZero() {
		waiting.Notes = append(waiting.Notes, l.say("overview.oldest", "time", l.ago(t.Oldest, o.At, zone)))
	}
	inbound := tile{Title: l.must("inbound.last"), Value: "–", Notes: []template.HTML{l.say("inbound.none")}}
	if last := o.Inbound.Week.Last; !last.IsZero() {
		inbound.Time = l.ago(last, o.At, zone)
		inbound.Notes = []template.HTML{l.say("inbound.rate", "n", grouped(o.Inbound.Hour.Inbound()))}
	}
	return []tile{l.deliveredTile(state.window.sum(&o.Attempts)), waiting, l.deadTile(t.DeadLetters, to(monitor.ShowDeadLetters)), inbound}
}

func (l *language) deliveredTile(sum *webhook.Activity) tile {
	t := tile{Title: l.must("overview.delivered"), Value: percent(sum), Notes: []template.HTML{l.say("attempts.count", "n", count(sum.Succeeded+sum.Failed))}}
	if sum.Failed > 0 {
		t.Notes = append(t.Notes, l.say("attempts.failed", "n", count(sum.Failed)))
	}
	return t
}

func (l *language) waitingTile(n, retrying uint64, link string) tile {
	t := tile{Title: l.must("overview.waiting"), Value: grouped(n)}
	if n == 0 {
		t.Notes = []template.HTML{l.say("overview.waiting.none")}
		return t
	}
	t.Link, t.More = link, l.must("overview.which")
	if retrying > 0 {
		t.Kind, t.Notes = "warn", []template.HTML{l.say("overview.retrying", "n", count(retrying))}
	}
	return t
}

func (l *language) deadTile(n uint64, link string) tile {
	t := tile{Title: l.must("overview.dead"), Value: grouped(n), Notes: []template.HTML{l.say("overview.dead.none")}}
	if n > 0 {
		t.Kind, t.Notes, t.Link, t.More = "bad", []template.HTML{l.say("overview.dead.text")}, link, l.must("overview.which")
	}
	return t
}

// count is for messages, whose plural form asks for an int.
func count(n uint64) int { return int(min(n, math.MaxInt32)) }

func (q *request) finder(state overviewQuery, at string) finder {
	f := finder{Search: state.search, Set: state.show != "" || state.search != "", Clear: overviewQuery{window: state.window}.url(at) + "#endpoints"}
	if state.window.Name != "24h" {
		f.Window = state.window.Name
	}
	for _, s := range []struct {
		show monitor.Show
		key  string
	}{
		{monitor.ShowAll, "show.all"}, {monitor.ShowAttention, "show.attention"}, {monitor.ShowDeadLetters, "show.dead"}, {monitor.ShowWaiting, "show.waiting"},
		{monitor.ShowHealthy, "endpoint.state.healthy"}, {monitor.ShowUnused, "endpoint.state.unused"}, {monitor.ShowDisabled, "endpoint.state.disabled"},
	} {
		f.Shows = append(f.Shows, option{string(s.show), q.lang.must(s.key), s.show == state.show})
	}
	return f
}

func foundOf(state overviewQuery, at string, shown, of int) found {
	f := found{From: (state.page-1)*overviewEndpoints + 1, Of: of}
	f.To = f.From + shown - 1
	to := func(page int) string { state.page = page; return state.url(at) + "#endpoints" }
	if state.page > 1 {
		f.Previous = to(min(state.page-1, max(1, (of+overviewEndpoints-1)/overviewEndpoints)))
	}
	if f.To < of && shown > 0 {
		f.Next = to(state.page + 1)
	}
	return f
}

// endpointLine shows an endpoint in a list; named says that its tenant is to be told.
func (q *request) endpointLine(e *monitor.Line, w *window, now time.Time, zone *time.Location, named bool) endpointLine {
	l, sum := q.lang, w.sum(&e.Activity)
	line := endpointLine{
		URL: e.URL, Description: e.Description, At: endpointURL(&e.Endpoint.Endpoint) + "/health", State: conditionOf(&e.Endpoint.Endpoint, &e.Stats),
		Failed: deliveriesURL(&e.Endpoint.Endpoint, webhook.Failed),
		Strip:  l.strip(spansUntil(now, w.hours(&e.Activity), w.bar, w.bars), w.bar, zone, l.must("strip.label", "window", l.must(w.Key), "rate", percent(sum))),
		Rates:  q.rates(&e.Activity), Why: l.whyOf(&e.Endpoint),
	}
	if named {
		line.Tenant, line.TenantAt = e.Tenant, tenantURL(e.TenantID)
	}
	if e.State == monitor.Failing {
		line.Since = l.ago(e.Stats.FailingSince, now, zone)
	}
	if attempted(sum) {
		line.Half, line.Most = l.took(sum.Durations.Quantile(0.5)), l.took(sum.Durations.Quantile(0.95))
	}
	if n := e.Stats.Pending + e.Stats.Retrying; n > 0 {
		line.Waiting = grouped(n)
	}
	if e.Stats.Failed > 0 {
		line.Dead = grouped(e.Stats.Failed)
	}
	if !e.Oldest.IsZero() {
		line.Oldest = l.ago(e.Oldest, now, zone)
	}
	if !e.NextRetry.IsZero() && e.Enabled {
		line.Next = l.until(e.NextRetry, now, zone)
	}
	return line
}

// deliveriesURL returns where an endpoint's deliveries of a status are listed; zero: of any.
func deliveriesURL(e *webhook.Endpoint, s webhook.Status) string {
	v := url.Values{"endpoint": {strconv.FormatUint(uint64(e.ID), 10)}}
	if s != 0 {
		v.Set("status", s.String())
	}
	return tenantURL(e.TenantID) + "/deliveries?" + v.Encode()
}

// inboundLines count what came from Meta; all says that also what belongs to no tenant is there.
func (q *request) inboundLines(w *monitor.Windows, all bool) (list []inboundLine) {
	add := func(key, kind string, count func(*webhook.Activity) uint64) {
		line := inboundLine{Text: q.lang.must(key), Hour: grouped(count(&w.Hour)), Day: grouped(count(&w.Day)), Week: grouped(count(&w.Week))}
		if count(&w.Day) > 0 {
			line.Kind = kind
		}
		list = append(list, line)
	}
	add("inbound.accepted", "", func(a *webhook.Activity) uint64 { return a.Accepted })
	add("inbound.duplicate", "", func(a *webhook.Activity) uint64 { return a.Duplicate })
	add("inbound.ignored", "", func(a *webhook.Activity) uint64 { return a.Ignored })
	if all {
		add("inbound.unrouted", "warn", func(a *webhook.Activity) uint64 { return a.Unrouted })
		add("inbound.unparsed", "warn", func(a *webhook.Activity) uint64 { return a.Unparsed })
		add("inbound.unsigned", "bad", func(a *webhook.Activity) uint64 { return a.Unsigned })
		add("inbound.handshakes", "", func(a *webhook.Activity) uint64 { return a.Handshakes })
	}
	return list
}

func (q *request) tenantLine(t *monitor.TenantLine, now time.Time) tenantLine {
	line := tenantLine{Name: t.Name, At: tenantURL(t.ID), Endpoints: t.Totals.Endpoints, Attention: t.Totals.Attention(), Rate: percent(&t.Attempts.Day)}
	switch n := t.Totals.Endpoints - t.Totals.Unused - t.Totals.Disabled; {
	case line.Attention > 0:
		line.State = condition{"overview.troubled", "bad"}
	case n > 0:
		line.State = condition{"endpoint.state.healthy", "good"}
	default:
		line.State = condition{"overview.idle.short", "info"}
	}
	if n := t.Totals.Pending + t.Totals.Retrying; n > 0 {
		line.Waiting = grouped(n)
	}
	if n := t.Totals.DeadLetters; n > 0 {
		line.Dead = grouped(n)
	}
	if last := t.Inbound.Week.Last; !last.IsZero() {
		line.Last = q.lang.ago(last, now, time.UTC)
	}
	return line
}
