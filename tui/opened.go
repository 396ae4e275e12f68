package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// What opens a visit besides its user's yes is said wherever the visit is: an
// override of the supervisors in red and first, the owner's consent in advance
// beside the rest.

// Override is what opened a visit without its user's consent. Texts are clean.
type Override struct {
	Number  int
	Signers []string // the supervisors who signed it
}

func (o Override) names() string { return strings.Join(o.Signers, ", ") }

// opened says in a few words what opened a visit; nothing for a yes.
func (p *Phrases) opened(v Visit) []string {
	switch {
	case v.Override != nil:
		return []string{p.Say("OverrideMark", "Signers", v.Override.names())}
	case v.Standing != "":
		return []string{p.Say("StandingMark", "Name", v.Standing)}
	}
	return nil
}

// openedBy says on the card what opened the visit; "" for a yes.
func (c Card) openedBy(ph *Phrases) string {
	switch {
	case c.Override != nil:
		return ph.Say("CardOverride", "Number", c.Override.Number, "Signers", c.Override.names())
	case c.Standing != "":
		return ph.Say("CardStanding", "Name", c.Standing)
	}
	return ""
}

// overridden are the visits that an override has opened.
func (m *resident) overridden() []Visit {
	return slices.DeleteFunc(slices.Clone(m.visits), func(v Visit) bool { return v.Override == nil })
}

// overrideBars are the red bars on the screen of visits: with both names and
// the time left, in full.
func (m *resident) overrideBars() []string {
	var bars []string
	width := min(m.inner(), promptWidest)
	for _, v := range m.overridden() {
		text := m.ph.Say("OverrideBar", "Number", v.Override.Number, "Technician", v.Technician,
			"Signers", v.Override.names(), "Left", m.ph.remaining(v.Until.Sub(m.now)))
		for _, line := range strings.Split(ansi.Wrap(text, max(width-2, 1), ""), "\n") {
			line = " " + line
			bars = append(bars, styleOverride.Render(line+strings.Repeat(" ", max(width-ansi.StringWidth(line), 0))))
		}
	}
	return bars
}

// barRoom is how high a window must be for a bar of two lines.
const barRoom = 12

// overrideBar is what of it stays above everything else: a line, or two where
// one is too narrow and there is room for both.
func (m *resident) overrideBar() []string {
	list := m.overridden()
	if len(list) == 0 || m.height < 4 {
		return nil
	}
	v := list[0]
	text := m.ph.Say("OverrideBarShort", "Technician", v.Technician, "Signers", v.Override.names(),
		"Left", m.ph.remaining(v.Until.Sub(m.now)))
	rows := 1
	if m.height >= barRoom {
		rows = 2
	}
	lines := strings.Split(ansi.Wrap(text, max(m.width-2, 1), ""), "\n")
	if len(lines) > rows {
		lines = append(lines[:rows-1], strings.Join(lines[rows-1:], " "))
	}
	for i, line := range lines {
		line = ansi.Truncate(" "+line+" ", max(m.width, 1), "…")
		lines[i] = styleOverride.Render(line + strings.Repeat(" ", max(m.width-ansi.StringWidth(line), 0)))
	}
	return lines
}
