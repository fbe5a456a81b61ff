package console

import (
	"fmt"
	"html/template"
	"time"

	"cubeconnect/webhook"
)

// span shows a length of time in at most two units.
func (l *language) span(d time.Duration) string {
	unit := func(key string, n time.Duration) string { return l.must(key, "n", int64(n)) }
	two := func(large, small string, base time.Duration, n time.Duration) string {
		if n%base == 0 {
			return unit(large, n/base)
		}
		return unit(large, n/base) + " " + unit(small, n%base)
	}
	switch d = d.Abs(); {
	case d < time.Second:
		return unit("span.ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 10*time.Second && d%time.Second >= 50*time.Millisecond:
		return l.must("span.s", "n", fmt.Sprintf("%.1f", d.Seconds()))
	case d < 2*time.Minute:
		return unit("span.s", d.Round(time.Second)/time.Second)
	case d < time.Hour:
		return two("span.min", "span.s", 60, d.Round(time.Second)/time.Second)
	case d < 24*time.Hour:
		return two("span.h", "span.min", 60, d.Round(time.Minute)/time.Minute)
	}
	return two("span.d", "span.h", 24, d.Round(time.Hour)/time.Hour)
}

// short is a moment of the last months, for tables: without the year.
func (l *language) short(t time.Time, zone *time.Location) template.HTML {
	t = t.In(zone)
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%d %s%s%s</time>`, t.Format("2006-01-02T15:04:05.000Z07:00"), t.Day(), l.months[t.Month()-1], l.comma, t.Format("15:04:05")))
}

// zoneName is a tenant's time zone for a person: its name, and its offset now.
func zoneName(t *webhook.Tenant, now time.Time) string {
	zone := t.Location()
	if zone == time.UTC {
		return "UTC"
	}
	return t.Timezone + " (UTC" + now.In(zone).Format("-07:00") + ")"
}
