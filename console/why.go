package console

import (
	"html/template"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// why says why deliveries to an endpoint fail, and what to do about it, in the page's language.
type why struct {
	Text string
	Do   template.HTML
	Link string // path of where one does it, or sees more
	More string // what the link says
}

// whyOf returns nil if there is nothing to say.
func (l *language) whyOf(e *monitor.Endpoint) *why {
	settings, shown := l.must("overview.settings"), l.must("overview.failed")
	switch {
	case monitor.Stopped(&e.Endpoint):
		return &why{l.below(e.DisabledReason), l.say("endpoint.disabled.text"), endpointURL(&e.Endpoint), settings}
	case e.State == monitor.Failing:
		text, do := errorWords(e.Stats.LastError, e.Stats.LastStatus)
		w := &why{l.must(text, "status", e.Stats.LastStatus), l.say(do), endpointURL(&e.Endpoint), settings}
		if e.Stats.Retrying > 0 {
			w.Link, w.More = deliveriesURL(&e.Endpoint, webhook.Retrying), shown
		} else if e.Stats.Failed > 0 {
			w.Link, w.More = deliveriesURL(&e.Endpoint, webhook.Failed), shown
		}
		return w
	}
	return nil
}

// errorWords returns the keys of what an error is and of what to do about it.
func errorWords(class webhook.ErrorClass, status int) (text, do string) {
	switch class {
	case webhook.ErrorDNS:
		return "why.dns", "why.dns.do"
	case webhook.ErrorRefused:
		return "why.refused", "why.refused.do"
	case webhook.ErrorTimeout:
		return "why.timeout", "why.timeout.do"
	case webhook.ErrorTLS:
		return "why.tls", "why.tls.do"
	case webhook.ErrorReset:
		return "why.reset", "why.reset.do"
	case webhook.ErrorBlocked:
		return "why.blocked", "why.blocked.do"
	case webhook.ErrorStatus:
		return "why.status", statusAdvice(status)
	}
	return "why.other", "why.other.do"
}

func statusAdvice(status int) string {
	switch {
	case status >= 300 && status < 400:
		return "why.status.redirect.do"
	case status == 401 || status == 403:
		return "why.status.access.do"
	case status == 404 || status == 405:
		return "why.status.path.do"
	case status == 410:
		return "why.status.gone.do"
	case status == 413:
		return "why.status.size.do"
	case status == 429:
		return "why.status.rate.do"
	case status >= 500:
		return "why.status.server.do"
	}
	return "why.status.do"
}

// problem is something about what comes from Meta that a person should know.
type problem struct {
	Kind string
	Text template.HTML
	Do   template.HTML
	Link string // path; empty: none
	More string // what the link says
}

// From which part of all on something is worth more than a word: one in so many.
const (
	forgedPart   = 20
	repeatedPart = 5
	manyRepeats  = 10 // but no fewer than these
)

// problems looks at what came from Meta. Tenant is whose page it is; nil: all of them.
func (q *request) problems(o *monitor.Overview, tenant *webhook.Tenant, zone *time.Location) (list []problem) {
	day, hour := &o.Inbound.Day, &o.Inbound.Hour
	link, more := "/tenants", q.lang.must("nav.tenants")
	if tenant != nil {
		link, more = tenantURL(tenant.ID)+"/accounts", q.lang.must("nav.accounts")
	}
	add := func(kind, text, do string, args ...any) *problem {
		list = append(list, problem{Kind: kind, Text: q.lang.say(text, args...), Do: q.lang.say(do)})
		return &list[len(list)-1]
	}
	if o.Inbound.Week.Last.IsZero() {
		p := add("info", "inbound.silent", "inbound.silent.do")
		p.Link, p.More = link, more
	} else if monitor.Quiet(&o.Inbound, o.At) {
		p := add("warn", "inbound.quiet", "inbound.quiet.do", "time", q.lang.ago(o.Inbound.Week.Last, o.At, zone))
		p.Link, p.More = link, more
	}
	if hour.Unsigned > 0 && hour.Inbound() == 0 {
		add("bad", "inbound.refused", "inbound.refused.do", "n", count(hour.Unsigned))
	} else if day.Unsigned > 0 {
		kind := "info" // strangers knock at every public door
		if day.Unsigned*forgedPart >= day.Inbound() {
			kind = "warn"
		}
		add(kind, "inbound.forged", "inbound.forged.do", "n", count(day.Unsigned))
	}
	if day.Unrouted > 0 {
		p := add("warn", "inbound.stray", "inbound.stray.do", "n", count(day.Unrouted))
		p.Link, p.More = "/audit?outcome=unrouted", q.lang.must("nav.audit")
	}
	if day.Unparsed > 0 {
		p := add("warn", "inbound.garbled", "inbound.garbled.do", "n", count(day.Unparsed))
		p.Link, p.More = "/audit?outcome=unparsed", q.lang.must("nav.audit")
	}
	if day.Duplicate >= manyRepeats && day.Duplicate*repeatedPart >= day.Inbound() {
		add("info", "inbound.repeated", "inbound.repeated.do", "n", count(day.Duplicate))
	}
	return list
}
