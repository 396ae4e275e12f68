package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// mirrorRoom is what the picture has of the window.
func (m *resident) mirrorRoom() Size { return Size{m.width, max(m.height-2, 0)} }

// mirrorView paints the shell as it happens, between a line that says whose it
// is and one with the keys; the key that stops comes first.
func (m *resident) mirrorView() string {
	var lines []string
	if m.height >= 3 {
		lines = append(lines, m.mirrorTop())
	}
	lines = append(lines, m.mirrorPicture()...)
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, m.mirrorKeys())
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, max(m.width, 1), "")
	}
	return strings.Join(lines[max(len(lines)-max(m.height, 1), 0):], "\n")
}

func (m *resident) mirrorPicture() []string {
	s := m.mirror.at
	if s != nil {
		if f := s.frame(); f != nil {
			return m.mirror.pane.viewport(f, m.mirrorRoom()).draw(f, m.width)
		}
	}
	key := "MirrorNothing"
	switch {
	case s != nil:
		key = "MirrorBroken"
	case len(m.visits) > 0 && m.mirror.lost[m.visits[0].ID]:
		key = "MirrorLost"
	}
	lines := m.text(m.ph.Say(key))
	return lines[:min(len(lines), m.mirrorRoom().Height)]
}

// mirrorTop says whose shell it is, what is left, and what else there is to
// know; what the last key came to, and what was just said, come first.
func (m *resident) mirrorTop() string {
	if m.mirror.told != "" {
		return styleWarn.Render(ansi.Truncate(m.mirror.told, max(m.width, 1), "…"))
	}
	if m.fresh && len(m.said) > 0 {
		return styleStrong.Render(ansi.Truncate(m.saidLine(m.said[len(m.said)-1]), max(m.width, 1), "…"))
	}
	v, ok := m.mirrorVisit()
	if !ok {
		return ""
	}
	left := m.ph.Say("MirrorLeft", "Time", m.ph.remaining(m.left(v)))
	parts := append([]string{"● " + v.Technician}, m.ph.now(v)...)
	if v.Override != nil {
		parts = slices.Concat([]string{"● " + left}, m.ph.opened(v), []string{v.Technician}, m.ph.now(v))
	} else {
		parts = append(append(parts, left), m.ph.opened(v)...)
	}
	if n := len(m.mirror.shells); n > 1 {
		parts = append(parts, m.ph.Say("MirrorShell", "N", m.mirrorIndex()+1, "Of", n))
	}
	if s := m.mirror.at; s != nil && s.gone {
		parts = append(parts, m.ph.Say("MirrorGone"))
	}
	parts = append(parts, m.ph.scope(v)...)
	line := ansi.Truncate(" "+strings.Join(parts, " · ")+" ", max(m.width, 1), "…")
	if v.Paused {
		return styleWarn.Render(stylePicked.Render(line))
	}
	return styleBad.Render(stylePicked.Render(line))
}

// mirrorVisit is the visit of the shell that is shown.
func (m *resident) mirrorVisit() (Visit, bool) {
	for _, v := range m.visits {
		if m.mirror.at == nil || v.ID == m.mirror.at.visit {
			return v, true
		}
	}
	return Visit{}, false
}

func (m *resident) mirrorIndex() int {
	for i, s := range m.mirror.shells {
		if s == m.mirror.at {
			return i
		}
	}
	return 0
}

// mirrorKeys is the line with the keys.
func (m *resident) mirrorKeys() string {
	if m.mirror.typing {
		return styleStrong.Render(stylePicked.Render(ansi.Truncate(" "+m.ph.Say("MirrorTyping")+" ", max(m.width, 1), "…")))
	}
	pause := "KeyPause"
	if v, ok := m.mirrorVisit(); ok && v.Paused {
		pause = "KeyResume"
	}
	pairs := []string{"s", "KeyStop", "p", pause, "k", "KeyKeyboard", "q", "KeyBack"}
	if len(m.mirror.shells) > 1 {
		pairs = append(pairs, "tab", "KeyNextShell")
	}
	return m.keys(append(pairs, "r", "KeyReduce", "t", "KeyTell", "?", "KeyHelp")...)
}

// now says what the user holds of a visit at the moment.
func (p *Phrases) now(v Visit) []string {
	var parts []string
	if v.Paused {
		parts = append(parts, p.Say("VisitPaused"))
	}
	if v.Typing {
		parts = append(parts, p.Say("VisitTyping"))
	}
	if screen := p.screen(v, "VisitScreenSeen", "VisitScreenControl"); screen != "" {
		parts = append(parts, screen)
	}
	return parts
}

// screen says whether the technician sees the user's screen now, and whether
// mouse and keyboard are theirs too; "" where neither.
func (p *Phrases) screen(v Visit, seen, controlled string) string {
	switch {
	case !v.Screen || v.Paused:
		return ""
	case v.Control:
		return p.Say(controlled)
	}
	return p.Say(seen)
}

// scope says what a visit may do, and who sees it.
func (p *Phrases) scope(v Visit) []string {
	parts := []string{p.shorts(v.Capabilities)}
	if len(v.Watchers) > 0 {
		parts = append(parts, p.watchers(v.Watchers))
	}
	return parts
}

// watchers names who watches.
func (p *Phrases) watchers(list []Watcher) string {
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.Name
		if w.Hands {
			names[i] = p.Say("WatcherHands", "Name", w.Name)
		}
	}
	return p.Say("VisitWatched", "Names", strings.Join(names, ", "))
}

// forwardsNamed is how many places a line names.
const forwardsNamed = 3

// forwards names the places that are connected through this device.
func (p *Phrases) forwards(places []string) string {
	rest := ""
	if n := len(places) - forwardsNamed; n > 0 {
		places, rest = places[:forwardsNamed], p.Say("VisitForwardsMore", "Count", n)
	}
	return p.Say("VisitForwards", "Places", strings.Join(places, ", ")) + rest
}

func (m *resident) saidLine(s Said) string {
	return m.ph.Say("SaidLine", "From", s.From, "Text", s.Text)
}
