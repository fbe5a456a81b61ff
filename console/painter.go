package console

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// painter draws on a surface of its own measure, which the page stretches. Time goes in the direction of
// the language.
type painter struct {
	width, height float64
	slot          float64 // width of one span
	mirrored      bool
	b             strings.Builder
}

func (l *language) painter(width, height float64, count int) *painter {
	return &painter{width: width, height: height, slot: width / float64(count), mirrored: l.Dir == "rtl"}
}

// at returns where something begins that is so wide, and so far from where the line begins.
func (p *painter) at(x, width float64) float64 {
	if p.mirrored {
		return p.width - x - width
	}
	return x
}

func number(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// add adds a step to a path.
func (p *painter) add(step byte, to ...float64) {
	p.b.WriteByte(step)
	for i, v := range to {
		if i > 0 {
			p.b.WriteByte(' ')
		}
		p.b.WriteString(number(v))
	}
}

// box adds a rectangle to a path, in the span i.
func (p *painter) box(i int, top, height float64) {
	const share = 0.8 // of the span's width
	if height <= 0 {
		return
	}
	w := p.slot * share
	p.add('M', p.at(float64(i)*p.slot+(p.slot-w)/2, w), top)
	p.add('h', w)
	p.add('v', height)
	p.add('h', -w)
	p.b.WriteByte('z')
}

// path draws what draw adds to it.
func (p *painter) path(class string, draw func()) {
	p.b.WriteString(`<path class="` + class + `" vector-effect="non-scaling-stroke" d="`)
	draw()
	p.b.WriteString(`"/>`)
}

// tip says something of the span i where a mouse rests.
func (p *painter) tip(i int, text string) {
	p.b.WriteString(`<rect class="hit" x="` + number(p.at(float64(i)*p.slot, p.slot)) + `" y="0" width="` + number(p.slot) + `" height="` + number(p.height) + `"><title>` +
		template.HTMLEscapeString(text) + `</title></rect>`)
}

// svg ends the drawing. Label says it to those who don't see it.
func (p *painter) svg(class, label string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="%s" viewBox="0 0 %s %s" preserveAspectRatio="none" role="img" aria-label="%s">%s</svg>`,
		class, number(p.width), number(p.height), template.HTMLEscapeString(label), p.b.String()))
}

// axis is a drawing of its own, which is not stretched.
func (p *painter) axis(marks []mark) template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="axis" aria-hidden="true">`)
	for _, m := range marks {
		if m.text != "" && m.at > 0.03 && m.at < 0.97 {
			fmt.Fprintf(&b, `<text x="%s%%" y="11">%s</text>`, number(p.at(m.at*p.width, 0)/p.width*100), m.text)
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
