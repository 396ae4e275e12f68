package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// mostPulses bounds what is kept of one screen, each of changes and inputs.
const mostPulses = 1 << 20

// pulses is what is known of when something happened on a screen.
type pulses struct {
	Pulse
	marks []bookmark
	count int // how often something was added
}

func (p *pulses) add(more Pulse) {
	p.count++
	p.Changes = append(p.Changes, more.Changes[:min(len(more.Changes), mostPulses-len(p.Changes))]...)
	p.Inputs = append(p.Inputs, more.Inputs[:min(len(more.Inputs), mostPulses-len(p.Inputs))]...)
	for _, m := range more.Marks[:min(len(more.Marks), mostMarks-len(p.marks))] {
		p.marks = append(p.marks, bookmark{m.At, m.Text})
	}
}

// pulsesOf is what is known of a track.
func (s *playScreen) pulsesOf(which int) *pulses {
	if s.pulses[which] == nil {
		s.pulses[which] = &pulses{}
	}
	return s.pulses[which]
}

// strip is a line of activity, kept until something it shows is another.
type strip struct {
	width, count int
	length       time.Duration
	text         string
}

// levels of activity, from none to most.
const levels = " ▁▂▃▄▅▆▇"

// draw draws one cell for each part of the time: how much changed there, in
// colour where somebody used key or mouse.
func (t *strip) draw(p *pulses, length time.Duration, width int) string {
	if t.width == width && t.count == p.count && t.length == length {
		return t.text
	}
	*t = strip{width, p.count, length, ""}
	changes, inputs := make([]int, width), make([]int, width)
	for _, at := range p.Changes {
		changes[position(at, length, width)]++
	}
	for _, at := range p.Inputs {
		inputs[position(at, length, width)]++
	}
	most := max(slices.Max(changes), 1)
	signs := []rune(levels)
	var run []rune // of cells in one colour
	for i, n := range changes {
		sign, used := signs[0], inputs[i] > 0
		switch {
		case n > 0:
			sign = signs[1+n*(len(signs)-2)/most]
		case used:
			sign = '·'
		}
		run = append(run, sign)
		if i+1 < width && used == (inputs[i+1] > 0) {
			continue
		}
		style := styleDim
		if used {
			style = styleWarn
		}
		t.text += style.Render(string(run))
		run = run[:0]
	}
	return t.text
}

// rows are the lines of a deck: what is played, the strip, and the time line.
func (d *deck) rows(width, height int) []string {
	d.width, d.height = width, height
	left, right, room := d.line()
	bottom := d.bottomLine()
	if height < deckLeast {
		return []string{bottom}
	}
	top := d.topLine()
	if room < 8 {
		return []string{top, bottom}
	}
	gap := strings.Repeat(" ", ansi.StringWidth(left))
	keys := ""
	if ansi.StringWidth(right) > 24 {
		keys = styleDim.Render(" " + d.ph.Say("PlayStrip"))
	}
	return []string{top, gap + d.drawn.draw(d.pulses, d.shown.length, room) + keys, bottom}
}

// deckLeast is how many lines a window needs for more than the time line.
const deckLeast = 12
