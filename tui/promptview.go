package tui

import (
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

const (
	// promptWidest bounds the lines of a prompt, in cells: longer ones are
	// hard to read.
	promptWidest = 76
	// countdownStep is how often the time left changes on the screen, so that
	// a screen reader or a restless eye is not disturbed each second.
	countdownStep = 10 * time.Second
	// warnBefore is when the end of the time is warned of (WCAG 2.2.1).
	warnBefore = 20 * time.Second
)

func (m *asking) View() string {
	switch m.place {
	case placeAsk:
		lines, _ := m.layout()
		return m.print(lines)
	case placeHelp:
		return m.sheet(m.ph.Say("HelpTitle"), m.helpLines(), m.offset, "HintBack")
	case placeTime, placeWhy:
		return m.fieldView()
	}
	lines, at := m.menu.lines(m.column())
	if m.place == placeStranger {
		about := m.wrapped(m.ph.Say("StrangerAbout", "Technician", m.prompt.person()))
		lines, at = slices.Concat(about, []string{""}, lines), at+len(about)+1
	}
	hint := "HintMenu"
	if m.place == placeFewer {
		hint = "HintChecks"
	}
	return m.sheet(m.ph.Say(m.placeTitle()), lines, at, hint)
}

func (m *asking) placeTitle() string {
	return map[promptPlace]string{
		placeFewer: "FewerTitle", placeLater: "LaterTitle", placeTime: "LaterTitle",
		placeRefuse: "RefuseTitle", placeWhy: "RefuseTitle", placeStranger: "StrangerTitle",
	}[m.place]
}

func (m *asking) fieldView() string {
	label := "WhyLabel"
	if m.place == placeTime {
		label = "TimeLabel"
	}
	body := append(m.wrapped(m.ph.Say(label)), "> "+entryView(m.field, max(m.column()-2, 1)))
	return m.sheet(m.ph.Say(m.placeTitle()), body, len(body)-1, "HintField")
}

// sheet draws a page that is not the prompt itself: the time left stays on it.
func (m *asking) sheet(title string, body []string, focus int, hint string) string {
	head := append(styled(m.wrapped(title), styleTitle.Render), "")
	foot := append([]string{""}, m.countdown()...)
	if m.notice != "" {
		foot = append(foot, styleWarn.Render(m.notice))
	}
	foot = append(foot, styled(m.wrapped(m.ph.Say(hint)), styleDim.Render)...)
	if m.place == placeHelp {
		focus += max(m.height-len(head)-len(foot), 0) / 2
	}
	return m.compose(head, body, foot, focus)
}

// helpLines explains the prompt.
func (m *asking) helpLines() []string {
	var lines []string
	for _, line := range strings.Split(m.ph.Say("HelpText"), "\n") {
		lines = append(lines, m.wrapped(line)...)
	}
	return lines
}

// side is the margin of the prompt, narrower than that of other pages because
// it must show so much.
func (m *asking) side() int {
	if m.width < 60 {
		return 0
	}
	return 1 // at the left; the right may be written to its end
}

// column is the width of the lines of the page that is shown, in cells.
func (m *asking) column() int {
	if m.place != placeAsk {
		return min(m.inner(), promptWidest)
	}
	return max(min(m.width-m.side(), promptWidest), 1)
}

// wrapped breaks text into lines of the column.
func (m *asking) wrapped(text string) []string {
	return strings.Split(ansi.Wrap(text, m.column(), ""), "\n")
}

func styled(lines []string, render func(...string) string) []string {
	for i, line := range lines {
		lines[i] = render(line)
	}
	return lines
}

// print puts lines on the screen: none wider and not more than it takes.
func (m *asking) print(lines []string) string {
	lines = lines[:min(len(lines), max(m.height, 1))]
	side := strings.Repeat(" ", m.side())
	for i, line := range lines {
		if line != "" {
			lines[i] = ansi.Truncate(side+line, max(m.width, 1), "")
		}
	}
	return strings.Join(lines, "\n")
}

// fits reports whether the window shows the whole prompt, the code and the
// time left.
func (m *asking) fits() bool {
	_, all := m.layout()
	return all
}

// layout lays the first page out, with as much air as there is room for.
func (m *asking) layout() (lines []string, all bool) {
	indent := m.indent()
	var groups [][]string
	for _, group := range m.prompt.paragraphs(m.ph) {
		groups = append(groups, m.group(group, indent, false))
	}
	foot, hints := m.foot(), m.hints()
	air := []string{""}
	spaced := groups[0]
	for _, g := range groups[1:] {
		spaced = slices.Concat(spaced, air, g)
	}
	dense := slices.Concat(groups...)
	packed := m.group(slices.Concat(m.prompt.paragraphs(m.ph)...), indent, true)
	for _, try := range [][]string{
		slices.Concat(spaced, air, foot, air, hints),
		slices.Concat(spaced, air, foot, hints),
		slices.Concat(dense, air, foot, hints),
		slices.Concat(dense, foot, hints),
		slices.Concat(dense, m.footShort(), hints),
		slices.Concat(packed, m.footShort(), hints),
	} {
		if len(try) <= m.height && widest(try) <= m.column() {
			return try, true
		}
	}
	return m.cut(dense), false
}

// cut is what a window shows that is too small for the prompt.
func (m *asking) cut(text []string) []string {
	foot := styled(m.wrapped(m.ph.Say("TooSmall")), styleBad.Render)
	foot = slices.Concat(foot, m.countdown(), m.hints())
	if most := max(m.height-3, 1); len(foot) > most {
		foot = foot[:most]
	}
	room := max(m.height-len(foot), 0)
	m.offset = min(m.offset, max(len(text)-room, 0))
	end := min(m.offset+room, len(text))
	return slices.Concat(text[m.offset:end], foot)
}

func widest(lines []string) int {
	n := 0
	for _, line := range lines {
		n = max(n, ansi.StringWidth(line))
	}
	return n
}

// indent is the width of the column of labels, in cells.
func (m *asking) indent() int {
	if m.column() < 36 {
		return 2
	}
	indent := 0
	for _, line := range slices.Concat(m.prompt.paragraphs(m.ph)...) {
		indent = max(indent, ansi.StringWidth(line.label)+1)
	}
	return indent
}

// group lays out lines that belong together. Packed, two short facts share a
// line where they can.
func (m *asking) group(group []textLine, indent int, packed bool) []string {
	var out []string
	alone := false // the last line of out is one fact, alone
	for _, line := range group {
		next := m.textLine(line, indent)
		fact := packed && line.kind == lineFact && len(next) == 1
		if fact && alone {
			both := out[len(out)-1] + "   " + m.textLine(line, 0)[0]
			if ansi.StringWidth(both) <= m.column() {
				out[len(out)-1], alone = both, false
				continue
			}
		}
		out, alone = append(out, next...), fact
	}
	return out
}

func (m *asking) textLine(line textLine, indent int) []string {
	if line.kind == lineHead {
		return styled(m.wrapped(line.value), styleTitle.Render)
	}
	label := line.label + strings.Repeat(" ", max(indent-ansi.StringWidth(line.label), 1))
	if line.label == "" {
		label = strings.Repeat(" ", indent)
	}
	lines := m.wrapped(label + line.value)
	if room := m.column() - indent; ansi.StringWidth(label) == indent && room > 2*indent {
		lines = strings.Split(ansi.Wrap(line.value, room, ""), "\n")
		for i, text := range lines {
			lines[i] = strings.Repeat(" ", indent) + text
		}
		lines[0] = label + lines[0][indent:]
	}
	render := styleDim.Render
	switch line.kind {
	case lineCan:
		render = styleGood.Render
	case lineCannot:
		render = styleWarn.Render
	}
	if line.label != "" && strings.HasPrefix(lines[0], line.label) {
		lines[0] = render(line.label) + lines[0][len(line.label):]
	}
	return lines
}

// foot is what the user is to do, and until when.
func (m *asking) foot() []string { return append(m.codeLines(), m.countdown()...) }

// footShort puts both on one line, in fewer words, where it is wide enough.
func (m *asking) footShort() []string {
	code, left := m.codeLines(), m.timeLeft("CountdownShort", "CountdownShort")
	gap := m.column() - ansi.StringWidth(code[0]) - ansi.StringWidth(left[0])
	if len(code) > 1 || len(left) > 1 || gap < 2 {
		return m.foot()
	}
	return []string{code[0] + strings.Repeat(" ", gap) + left[0]}
}

// codeLines says what to type, as soon as typing it would count. They are as
// many before as after, so that nothing moves.
func (m *asking) codeLines() []string {
	const blank = "_\u00a0_"
	what := m.ph.Say("CodeAll", "Code", m.prompt.Code)
	if len(m.granted) < len(m.prompt.Capabilities) {
		what = m.ph.Say("CodeOnly", "Code", m.prompt.Code, "What", m.ph.shorts(m.granted))
	}
	wait := m.wrapped(m.ph.Say("GuardWait"))
	code := m.wrapped(what + " " + blank)
	height := max(len(wait), len(code))
	if ready, _ := m.guard.ready(m.now); !ready {
		return padded(styled(wait, styleDim.Render), height)
	}
	last := len(code) - 1
	code[last] = strings.TrimSuffix(code[last], blank)
	code = styled(code, styleStrong.Render)
	first, second := "_", "_"
	if m.typed != "" {
		first = m.typed
	}
	code[last] += styleKey.Render(first + " " + second)
	return padded(code, height)
}

// padded makes lines at least as many as height.
func padded(lines []string, height int) []string {
	for len(lines) < height {
		lines = append(lines, "")
	}
	return lines
}

// countdown says how long there is left to answer.
func (m *asking) countdown() []string {
	last := "CountdownLast"
	if m.canExtend() {
		last = "CountdownLastPlus"
	}
	return m.timeLeft("Countdown", last)
}

// timeLeft says the time left with one key, and with another near the end.
func (m *asking) timeLeft(usual, last string) []string {
	left := m.prompt.Deadline.Sub(m.now)
	steps := max((left+countdownStep-1)/countdownStep, 0)
	text := m.ph.lasting(steps * countdownStep)
	if left > warnBefore {
		return styled(m.wrapped(m.ph.Say(usual, "Time", text)), styleDim.Render)
	}
	return styled(m.wrapped(m.ph.Say(last, "Time", text)), styleBad.Render)
}

func (m *asking) canExtend() bool { return m.prompt.Extensions > 0 && m.extend != nil }

// hints name the keys that do something here, in as many lines as it takes,
// or say what the last key came to.
func (m *asking) hints() []string {
	pairs := []string{"l", "KeyLater", "r", "KeyRefuse"}
	if m.prompt.Further != nil {
		pairs = pairs[2:] // there is no later in a visit that is open
	}
	if len(m.prompt.Capabilities) > 1 {
		pairs = append(pairs, "f", "KeyFewer")
	}
	if slices.Contains(m.prompt.Capabilities, viewCapability) && len(m.prompt.Capabilities) > 1 {
		pairs = append(pairs, "v", "KeyView")
	}
	pairs = append(pairs, "x", "KeyStranger")
	if m.canExtend() {
		pairs = append(pairs, "+", "KeyMore")
	}
	pairs = append(pairs, "?", "KeyHelp")
	lines := m.keyLines(pairs)
	if m.notice == "" {
		return lines
	}
	notice := styled(m.wrapped(m.notice), styleWarn.Render)
	return padded(notice[:min(len(notice), len(lines))], len(lines))
}

// keyLines writes pairs of a key and what it does into lines of the column.
func (m *asking) keyLines(pairs []string) []string {
	var lines []string
	width := 0
	for i := 0; i+1 < len(pairs); i += 2 {
		item := styleKey.Render(pairs[i]) + " " + styleDim.Render(m.ph.Say(pairs[i+1]))
		n := ansi.StringWidth(item)
		if len(lines) > 0 && width+2+n <= m.column() {
			lines[len(lines)-1] += "  " + item
			width += 2 + n
			continue
		}
		lines, width = append(lines, item), n
	}
	return lines
}

// lasting writes a length of time in hours, minutes and seconds, without those
// at its ends that are 0.
func (p *Phrases) lasting(d time.Duration) string {
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0 && m > 0:
		return p.Say("SpanHoursMinutes", "H", h, "M", m)
	case h > 0:
		return p.Say("SpanHours", "H", h)
	case m > 0 && s > 0:
		return p.Say("SpanMinutesSeconds", "M", m, "S", s)
	case m > 0:
		return p.Say("SpanMinutes", "M", m)
	}
	return p.Say("SpanSeconds", "S", s)
}
