package console

import (
	"html/template"
	"math"
	"strings"
	"time"

	"cubeconnect/monitor"
	"cubeconnect/webhook"
)

// window is a length of time that pages look back on.
type window struct {
	Name   string // in the query string
	Key    string
	short  string         // key of a shorter name
	series monitor.Window // that charts are made from; zero: reports have its spans anyway

	step, bar   time.Duration // of charts, of strips
	count, bars int
	barKey      string        // says what a bar is
	tick        time.Duration // between labels

	spans, hours func(*monitor.Windows) []webhook.Activity // what charts are made from, and strips
	sum          func(*monitor.Windows) *webhook.Activity
}

var windows = []window{
	{
		Name: "1h", Key: "window.hour", short: "window.hour.short", barKey: "overview.bar.hour", step: time.Minute, count: 60, bar: 5 * time.Minute, bars: 12, tick: 15 * time.Minute,
		spans: minutesOf, hours: minutesOf, sum: func(w *monitor.Windows) *webhook.Activity { return &w.Hour },
	},
	{
		Name: "24h", Key: "window.day", short: "window.day.short", barKey: "overview.bar.day", step: 15 * time.Minute, count: 96, bar: time.Hour, bars: 24, tick: 6 * time.Hour, series: monitor.SeriesWindows[1],
		spans: func(w *monitor.Windows) []webhook.Activity { return w.Series }, hours: hoursOf, sum: func(w *monitor.Windows) *webhook.Activity { return &w.Day },
	},
	{
		Name: "7d", Key: "window.week", short: "window.week.short", barKey: "overview.bar.week", step: 2 * time.Hour, count: 84, bar: 6 * time.Hour, bars: 28, tick: 24 * time.Hour,
		spans: hoursOf, hours: hoursOf, sum: func(w *monitor.Windows) *webhook.Activity { return &w.Week },
	},
}

func minutesOf(w *monitor.Windows) []webhook.Activity { return w.Minutes }
func hoursOf(w *monitor.Windows) []webhook.Activity   { return w.Hours }

// spansUntil sums up a series in so many spans, of which now is in the last.
func spansUntil(now time.Time, series []webhook.Activity, step time.Duration, count int) []webhook.Activity {
	unit := min(step, time.Hour)
	return monitor.Spans(series, now.Truncate(unit).Add(unit-time.Duration(count)*step), step, count)
}

// figure is a drawing of what happened over time, and the same as a table. Both are in the page's
// language. A drawing has no colours of its own: the style sheet gives its classes some.
type figure struct {
	ID, Title string
	Legend    []legend
	Top, Half string // what the upper end of the scale stands for, and its middle; empty: nothing happened
	Drawing   template.HTML
	Axis      template.HTML
	Columns   []string
	Rows      []figureRow // without spans in which nothing happened
}

type legend struct{ Class, Text string }

type figureRow struct {
	When  template.HTML
	Cells []string
}

// chart is what a figure is made from: columns that stand on each other, or lines.
type chart struct {
	id, title string // title is the key of a message
	series    []series
	lines     bool
	happened  func(*webhook.Activity) bool
	scale     func(float64) string
}

type series struct {
	class string
	name  string // in the page's language
	more  string // what the legend says in its place; empty: the name
	value func(a *webhook.Activity, span time.Duration) float64
	write func(*webhook.Activity) string
}

// deliveriesChart is of what was delivered.
func (l *language) deliveriesChart() *chart {
	return &chart{
		id: "chart-deliveries", title: "chart.deliveries", happened: attempted, scale: decimal,
		series: []series{
			counted("good", l.must("chart.good"), func(a *webhook.Activity) uint64 { return a.Succeeded }),
			counted("bad", l.must("chart.bad"), func(a *webhook.Activity) uint64 { return a.Failed }),
		},
	}
}

// inboundChart is of what came from Meta. Whose the refused ones were is not known.
func (l *language) inboundChart(tenant bool) *chart {
	c := &chart{
		id: "chart-inbound", title: "chart.inbound", happened: func(a *webhook.Activity) bool { return a.Inbound()+a.Unsigned > 0 }, scale: decimal,
		series: []series{
			counted("info", l.must("chart.signed"), (*webhook.Activity).Inbound),
			counted("bad", l.must("chart.refused"), func(a *webhook.Activity) uint64 { return a.Unsigned }),
		},
	}
	if tenant {
		c.series = c.series[:1]
	}
	return c
}

// latencyChart is of how long answers took.
func (l *language) latencyChart() *chart {
	quantile := func(class, name, more string, q float64) series {
		return series{
			class: "line " + class, name: name, more: more,
			value: func(a *webhook.Activity, _ time.Duration) float64 { return a.Durations.Quantile(q).Seconds() },
			write: func(a *webhook.Activity) string { return l.took(a.Durations.Quantile(q)) },
		}
	}
	return &chart{
		id: "chart-latency", title: "chart.latency", lines: true, happened: attempted,
		scale:  func(v float64) string { return l.took(time.Duration(v * float64(time.Second))) },
		series: []series{quantile("half", "p50", l.must("chart.half"), 0.5), quantile("most", "p95", l.must("chart.most"), 0.95)},
	}
}

func attempted(a *webhook.Activity) bool { return a.Succeeded+a.Failed > 0 }

// counted is a series of how many there were in a minute.
func counted(class, name string, count func(*webhook.Activity) uint64) series {
	return series{
		class: class, name: name,
		value: func(a *webhook.Activity, span time.Duration) float64 { return float64(count(a)) / span.Minutes() },
		write: func(a *webhook.Activity) string { return grouped(count(a)) },
	}
}

// figure draws what happened in a window.
func (c *chart) figure(l *language, w *window, a *monitor.Windows, now time.Time, zone *time.Location) figure {
	f := figure{ID: c.id, Title: l.must(c.title), Columns: []string{l.must("chart.when")}}
	for _, s := range c.series {
		f.Columns = append(f.Columns, s.name)
		if s.more == "" {
			s.more = s.name
		}
		f.Legend = append(f.Legend, legend{s.class, s.more})
	}
	spans := spansUntil(now, w.spans(a), w.step, w.count)
	for i := range spans {
		if c.happened(&spans[i]) {
			row := figureRow{When: l.time(spans[i].At, zone)}
			for _, s := range c.series {
				row.Cells = append(row.Cells, s.write(&spans[i]))
			}
			f.Rows = append(f.Rows, row)
		}
	}
	if len(f.Rows) > 0 {
		c.draw(l, w, spans, zone, &f, l.must("chart.sum", "title", f.Title, "window", l.must(w.Key), "sum", c.words(l, w.sum(a))))
	}
	return f
}

// words says what happened in a span.
func (c *chart) words(l *language, a *webhook.Activity) string {
	parts := make([]string, len(c.series))
	for i, s := range c.series {
		parts[i] = apart(s.name) + " " + apart(s.write(a))
	}
	return strings.Join(parts, l.comma)
}

func (c *chart) draw(l *language, w *window, spans []webhook.Activity, zone *time.Location, f *figure, label string) {
	most := 0.0
	for i := range spans {
		stack := 0.0
		for _, s := range c.series {
			if v := s.value(&spans[i], w.step); c.lines {
				stack = max(stack, v)
			} else {
				stack += v
			}
		}
		most = max(most, stack)
	}
	top := ceiling(most)
	f.Top, f.Half = c.scale(top), c.scale(top/2)
	p := l.painter(1000, 100, len(spans))
	marks := w.marks(spans[0].At, zone)
	p.path("grid", func() {
		for _, y := range []float64{0, 50, 100} {
			p.add('M', 0, y)
			p.add('H', p.width)
		}
		for _, m := range marks {
			p.add('M', p.at(m.at*p.width, 0), 0)
			p.add('V', p.height)
		}
	})
	floor := make([]float64, len(spans))
	for _, s := range c.series {
		p.path(s.class, func() {
			for i := range spans {
				h := s.value(&spans[i], w.step) / top * p.height
				switch {
				case !c.happened(&spans[i]) || h == 0 && !c.lines:
				case c.lines:
					x, y := p.at((float64(i)+0.5)*p.slot, 0), p.height-h
					if i == 0 || !c.happened(&spans[i-1]) {
						p.add('M', x, y)
					}
					p.add('L', x, y) // alone, it is a dot
				default:
					h = max(h, 1) // what happened is to be seen
					floor[i] += h
					p.box(i, p.height-floor[i], h)
				}
			}
		})
	}
	for i := range spans {
		if c.happened(&spans[i]) {
			p.tip(i, l.between(spans[i].At, w.step, zone)+": "+c.words(l, &spans[i]))
		}
	}
	f.Drawing = p.svg("plot", label)
	f.Axis = p.axis(marks)
}

// mark is a label of the axis, and where it is: 0 to 1.
type mark struct {
	at   float64
	text string
}

// marks are at round times of the zone.
func (w *window) marks(begin time.Time, zone *time.Location) (list []mark) {
	length := time.Duration(w.count) * w.step
	const look = 15 * time.Minute // zones begin at such times
	for t := begin.Truncate(look).Add(look); t.Before(begin.Add(length)); t = t.Add(look) {
		local := t.In(zone)
		if time.Duration(local.Hour()*60+local.Minute())*time.Minute%w.tick != 0 {
			continue
		}
		m := mark{float64(t.Sub(begin)) / float64(length), local.Format("15:04")}
		if w.tick == 24*time.Hour {
			m.text = local.Format("02/01")
			if len(list)%2 > 0 { // there is room for every other day
				m.text = ""
			}
		}
		list = append(list, m)
	}
	return list
}

// The measures of a strip, in units of its drawing.
const (
	stripBar  = 24.0 // height
	stripMark = 28.0 // where the marks below begin
	stripEnd  = 31.0
)

// strip draws a bar for each span: what was delivered fills it, and below those in which something failed
// there is a mark.
func (l *language) strip(spans []webhook.Activity, step time.Duration, zone *time.Location, label string) template.HTML {
	p := l.painter(float64(10*len(spans)), stripEnd, len(spans))
	rates := make([]float64, len(spans))
	for i := range spans {
		var ok bool
		if rates[i], ok = monitor.SuccessRate(&spans[i]); !ok {
			rates[i] = -1
		}
	}
	for _, part := range []struct {
		class string
		box   func(rate float64) (top, height float64)
	}{
		{"none", func(rate float64) (float64, float64) { return stripBar - 3, 3 }},
		{"missed", func(rate float64) (float64, float64) { return 0, stripBar * (1 - rate) }},
		{"good", func(rate float64) (float64, float64) { return stripBar * (1 - rate), stripBar * rate }},
		{"bad", func(rate float64) (float64, float64) { return stripMark, (stripEnd - stripMark) * math.Ceil(1-rate) }},
	} {
		p.path(part.class, func() {
			for i, rate := range rates {
				if (rate < 0) == (part.class == "none") {
					top, height := part.box(rate)
					p.box(i, top, height)
				}
			}
		})
	}
	for i := range spans {
		when := l.between(spans[i].At, step, zone)
		if rates[i] < 0 {
			p.tip(i, l.must("strip.none", "when", when))
		} else {
			p.tip(i, l.must("strip.tip", "when", when, "rate", percent(&spans[i]), "bad", grouped(spans[i].Failed)))
		}
	}
	return p.svg("strip", label)
}

// ceiling returns the next round number, of which a half is round too.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	ten := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 3, 4, 5, 6, 8} {
		if v <= n*ten {
			return n * ten
		}
	}
	return 10 * ten
}
