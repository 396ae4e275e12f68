package tui

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Title is the title of the terminal.
func (m *resident) Title() string {
	switch {
	case m.asking != nil:
		return m.asking.Title()
	case len(m.visits) > 0:
		return m.ph.Say("VisitTitle", "Technician", m.visits[0].Technician)
	}
	return m.ph.Say("IdleTitle", "Device", m.idle.Device)
}

func (m *resident) View() string {
	switch {
	case m.asking != nil:
		return strings.Join(append(m.bar(), m.asking.View()), "\n")
	case m.leave != nil:
		return m.leaveView()
	case m.help:
		return m.helpView()
	case m.telling != nil:
		return m.tellView()
	case m.reducing != nil:
		return m.reduceView()
	case m.mirror != nil:
		return m.mirrorView()
	case len(m.cards) > 0:
		return m.cardView()
	case len(m.visits) > 0:
		return m.visitView()
	}
	return m.idleView()
}

// bar tells of a visit that goes on while something else is on the screen.
func (m *resident) bar() []string {
	if len(m.visits) == 0 || m.height < 4 {
		return nil
	}
	if bar := m.overrideBar(); bar != nil {
		return bar
	}
	text := m.ph.Say("BarOne", "Technician", m.visits[0].Technician)
	if n := len(m.visits); n > 1 {
		text = m.ph.Say("BarMany", "Count", n)
	}
	return []string{styleWarn.Render(stylePicked.Render(ansi.Truncate(" "+text+" ", max(m.width, 1), "…")))}
}

// text breaks a text into lines, at most as wide as is good to read.
func (m *resident) text(text string) []string {
	return strings.Split(ansi.Wrap(text, min(m.inner(), promptWidest), ""), "\n")
}

func (m *resident) idleView() string {
	head := styled(m.text(or(m.idle.Device, m.ph.Say("NoDevice"))), styleTitle.Render)
	if m.idle.Organisation != "" {
		head = append(head, styled(m.text(m.idle.Organisation), styleDim.Render)...)
	}
	head = append(head, "")
	body := append(m.link(), "")
	body = append(body, m.text(m.ph.Say("NobodyConnected"))...)
	if m.idle.Unattended {
		body = append(body, styled(m.text(m.ph.Say("IdleUnattended")), styleWarn.Render)...)
	} else {
		body = append(body, styled(m.text(m.ph.Say("IdleHint")), styleDim.Render)...)
	}
	hints := m.idle.Hint
	if m.idle.Agentless {
		hints = agentlessHints(m.ph)
	}
	for i, line := range hints {
		if i == 0 {
			body = append(body, "")
		}
		body = append(body, m.text(line)...)
	}
	return m.compose(head, slices.Concat(m.noticeLines(), body), m.idleFoot(), 0)
}

// link says whether requests can arrive at all.
func (m *resident) link() []string {
	key, render := "LinkAway", styleWarn.Render
	if m.idle.Connected {
		key, render = "LinkUp", styleGood.Render
	}
	if m.idle.Since.IsZero() {
		return styled(m.text(m.ph.Say(key)), render)
	}
	return styled(m.text(m.ph.Say(key+"Since", "Time", m.moment(m.idle.Since))), render)
}

func (m *resident) noticeLines() []string {
	if m.notice == "" {
		return nil
	}
	return append(styled(m.text(m.notice), styleStrong.Render), "")
}

func (m *resident) idleFoot() []string {
	return []string{"", m.keys("?", "KeyHelp", "q", "KeyQuit")}
}

// visitView shows who is connected, and above all how to end it.
func (m *resident) visitView() string {
	title := m.ph.Say("VisitHead", "Technician", m.visits[0].Technician, "Device", m.visits[0].Device)
	if n := len(m.visits); n > 1 {
		title = m.ph.Say("VisitHeadMany", "Count", n)
	}
	head := append(m.overrideBars(), styled(m.text("● "+title), styleBad.Render)...)
	head = append(head, "")
	var body []string
	for i, v := range m.visits {
		body = append(body, m.visitLines(i, v)...)
	}
	for _, said := range m.said {
		body = append(body, styled(m.text(m.saidLine(said)), styleStrong.Render)...)
	}
	foot := append([]string{""}, m.stopLines()...)
	foot = append(foot, m.visitKeys())
	focus := 0
	if m.fresh {
		focus = len(body) - 1
	}
	return m.compose(head, body, foot, focus)
}

// visitKeys are the keys that mean an open visit.
func (m *resident) visitKeys() string {
	pause := "KeyPause"
	if !slices.ContainsFunc(m.visits, func(v Visit) bool { return !v.Paused }) {
		pause = "KeyResume"
	}
	pairs := []string{"m", "KeyMirror", "p", pause, "?", "KeyHelp", "r", "KeyReduce", "t", "KeyTell"}
	if len(m.visits) > 1 {
		pairs = append(pairs, "tab", "KeyNextVisit")
	}
	return m.keys(append(pairs, "q", "KeyQuit")...)
}

// helpView is the help. It can be scrolled where the window is low.
func (m *resident) helpView() string {
	var body []string
	for _, line := range strings.Split(m.ph.Say(m.idle.word("ResidentHelp", "AgentlessResidentHelp")), "\n") {
		body = append(body, m.wrap(line, 0)...)
	}
	head := append(m.overrideBar(), styleTitle.Render(m.ph.Say("ResidentHelpTitle")), "")
	foot := []string{"", styleDim.Render(m.ph.Say("HintBack"))}
	room := max(m.height-len(withoutBlanks(head))-len(withoutBlanks(foot)), 1)
	m.helpAt = max(0, min(m.helpAt, len(body)-room))
	return m.compose(head, body, foot, m.helpAt+room/2)
}

// visitLines tell of one visit; among several, briefly and with its number.
func (m *resident) visitLines(i int, v Visit) []string {
	times := m.ph.Say("VisitTimes", "From", m.moment(v.Began), "To", m.moment(v.Until),
		"Left", m.ph.remaining(v.Until.Sub(m.now)))
	var state []string
	if m.stopping[v.ID] {
		state = styled(m.text(m.ph.Say("VisitStopping")), styleWarn.Render)
	}
	for _, by := range m.ph.opened(v) {
		if v.Override != nil && len(m.visits) == 1 {
			break // the bar says it
		}
		state = append(state, styled(m.text(by), styleStrong.Render)...)
	}
	if v.Paused {
		state = append(state, styled(m.text(m.ph.Say("VisitPausedAbout")), styleWarn.Render)...)
	}
	if v.Typing {
		state = append(state, styled(m.text(m.ph.Say("VisitTyping")), styleDim.Render)...)
	}
	if screen := m.ph.screen(v, "VisitScreenAboutSeen", "VisitScreenAboutControl"); screen != "" {
		state = append(state, styled(m.text(screen), styleWarn.Render)...)
	}
	if len(v.Watchers) > 0 {
		state = append(state, m.text(m.ph.watchers(v.Watchers))...)
	}
	for _, line := range m.ph.transfers(v) {
		state = append(state, m.text(line)...)
	}
	if len(v.Forwards) > 0 {
		state = append(state, m.text(m.ph.forwards(v.Forwards))...)
	}
	if len(m.visits) > 1 {
		lead := " "
		if i == min(m.which, len(m.visits)-1) {
			lead = ">"
		}
		name := fmt.Sprintf("%s%d  %s", lead, i+1, m.ph.Say("CardWho", "Technician", v.Technician, "Organisation", v.Organisation))
		lines := slices.Concat(m.text(times), styled(m.text(m.ph.shorts(v.Capabilities)), styleDim.Render), state)
		return slices.Concat(styled(m.text(name), styleStrong.Render), lines, []string{""})
	}
	lines := slices.Concat(m.text(v.Organisation), m.text(times), state, []string{""})
	for _, c := range v.Capabilities {
		lines = append(lines, m.text("• "+m.ph.Can(c, v.Login))...)
	}
	return lines
}

// stopLines are the reminder of the key that stops, as wide as the text.
func (m *resident) stopLines() []string {
	text := m.ph.Say("StopOne")
	if len(m.visits) > 1 {
		text = m.ph.Say("StopMany")
	}
	width := min(m.inner(), promptWidest)
	lines := strings.Split(ansi.Wrap(text, max(width-2, 1), ""), "\n")
	for i, line := range lines {
		line = " " + line
		line += strings.Repeat(" ", max(width-ansi.StringWidth(line), 0))
		lines[i] = styleStrong.Render(stylePicked.Render(line))
	}
	return append(lines, "")
}

func (m *resident) cardView() string {
	head := append(styled(m.text(m.ph.Say("CardTitle")), styleTitle.Render), "")
	facts := m.cards[0].facts(m.ph)
	indent := 0
	for _, f := range facts {
		indent = max(indent, ansi.StringWidth(f[0])+1)
	}
	var body []string
	for _, f := range facts {
		room := max(min(m.inner(), promptWidest)-indent, 1)
		for i, line := range strings.Split(ansi.Wrap(f[1], room, ""), "\n") {
			label := strings.Repeat(" ", indent)
			if i == 0 {
				label = styleDim.Render(f[0]) + strings.Repeat(" ", indent-ansi.StringWidth(f[0]))
			}
			body = append(body, label+line)
		}
	}
	hint := "CardAnyKey"
	if len(m.visits) > 0 {
		hint = "CardAnyKeyVisit"
	}
	foot := append([]string{""}, styled(m.text(m.ph.Say(hint)), styleDim.Render)...)
	return m.compose(append(m.bar(), head...), body, foot, 0)
}

func (m *resident) leaveView() string {
	width := min(m.inner(), promptWidest)
	head := append(m.overrideBar(), styled(m.text(m.ph.Say("LeaveTitle")), styleTitle.Render)...)
	head = append(head, "")
	about := append(m.text(m.ph.Say(m.idle.word("LeaveAbout", "AgentlessLeaveAbout"))), "")
	lines, at := m.leave.lines(width)
	foot := append([]string{""}, styled(m.text(m.ph.Say("HintMenu")), styleDim.Render)...)
	return m.compose(head, slices.Concat(about, lines), foot, len(about)+at)
}
