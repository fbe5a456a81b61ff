package console

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// decimal writes a number that may be small, with as many digits as one wants to read.
func decimal(v float64) string {
	switch {
	case v >= 100:
		return grouped(uint64(math.Round(v)))
	case v >= 10 || v == 0:
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// took writes how long something took. It may lie between two marks of a scale.
func (l *language) took(d time.Duration) string {
	if d >= time.Second {
		return l.must("span.s", "n", decimal(d.Seconds()))
	}
	return l.must("span.ms", "n", decimal(float64(d)/float64(time.Millisecond)))
}

// apart keeps what can be of either direction from disturbing the text around it, where there is no markup.
func apart(s string) string { return "\u2068" + s + "\u2069" }

// isolated keeps text that is read from left to right in one piece, also where there is no markup.
func isolated(s string) string { return "\u2066" + s + "\u2069" }

// percent writes which part succeeded: 100 only if all did. A dash: there were none.
func percent(a *webhook.Activity) string {
	rate, ok := monitor.SuccessRate(a)
	if !ok {
		return "–"
	}
	return isolated(strconv.FormatFloat(math.Floor(rate*1000)/10, 'f', -1, 64) + "%")
}

// between writes a span of time in a zone, where no markup is possible.
func (l *language) between(from time.Time, length time.Duration, zone *time.Location) string {
	from = from.In(zone)
	return fmt.Sprintf("%d %s%s%s", from.Day(), l.months[from.Month()-1], l.comma, isolated(from.Format("15:04")+"–"+from.Add(length).Format("15:04")))
}

// ago says how long ago an instant is.
func (l *language) ago(t, now time.Time, zone *time.Location) template.HTML {
	return l.distance(t, now.Sub(t), zone, "ago.now", "ago.minutes", "ago.hours", "ago.days")
}

// until says in how long an instant will be.
func (l *language) until(t, now time.Time, zone *time.Location) template.HTML {
	return l.distance(t, t.Sub(now), zone, "in.now", "in.minutes", "in.hours", "in.days")
}

func (l *language) distance(t time.Time, d time.Duration, zone *time.Location, keys ...string) template.HTML {
	text := l.must(keys[0])
	switch {
	case d >= 48*time.Hour:
		text = l.must(keys[3], "n", int(d/(24*time.Hour)))
	case d >= time.Hour:
		text = l.must(keys[2], "n", int(d/time.Hour))
	case d >= time.Minute:
		text = l.must(keys[1], "n", int(d/time.Minute))
	}
	t = t.In(zone)
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%d %s %d%s%s">%s</time>`,
		t.Format(time.RFC3339), t.Day(), l.months[t.Month()-1], t.Year(), l.comma, t.Format("15:04"), template.HTMLEscapeString(text)))
}
