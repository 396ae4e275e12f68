package tui

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// page is the sheet that the technician's screens are written on: a head, a
// body that scrolls when it must, and a foot with the keys. Whatever the size
// of the window, no line is wider and no page is higher than it.
type page struct {
	ph            *Phrases
	width, height int
	now           time.Time // zero until the first tickMsg
}

func newPage(t *Terminal) page {
	size, _ := t.Window.Size()
	return page{ph: PhrasesFor(t.Locale()), width: size.Width, height: size.Height}
}

// observe takes what every page must know out of a message.
func (p *page) observe(msg tea.Msg) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		p.width, p.height = msg.Width, msg.Height
	case tickMsg:
		p.now = time.Time(msg)
	}
}

// margin is the empty space at each side, in cells.
func (p *page) margin() int {
	if p.width < 60 {
		return 0
	}
	return 2
}

// inner is what is left between the margins, in cells; at least one.
func (p *page) inner() int { return max(p.width-2*p.margin(), 1) }

// compose lays the page out. The body is scrolled so that its line focus can
// be seen. Where there is little room, blank lines go first, then the head,
// then the foot.
func (p *page) compose(head, body, foot []string, focus int) string {
	if len(head)+len(body)+len(foot) > p.height {
		head, foot = withoutBlanks(head), withoutBlanks(foot)
	}
	least := min(len(body), 3)
	if len(head)+len(foot)+least > p.height {
		head = head[:min(len(head), max(0, p.height-len(foot)-least))]
	}
	if len(head)+len(foot)+min(least, 1) > p.height {
		foot = nil
	}
	room := max(p.height-len(head)-len(foot), 0)
	body = scrolled(body, focus, room)
	for len(body) < room {
		body = append(body, "")
	}
	lines := slices.Concat(head, body, foot)
	side := strings.Repeat(" ", p.margin())
	for i, line := range lines {
		if line != "" {
			lines[i] = side + ansi.Truncate(line, p.inner(), "…")
		}
	}
	return strings.Join(lines, "\n")
}

func withoutBlanks(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return s == "" })
}

// scrolled cuts lines to room, around the line focus.
func scrolled(lines []string, focus, room int) []string {
	if len(lines) <= room {
		return slices.Clone(lines)
	}
	top := max(0, min(focus-room/2, len(lines)-room))
	return slices.Clone(lines[top : top+room])
}

// spread writes left and right at the ends of one line; right is left out
// where both do not fit.
func (p *page) spread(left, right string) string {
	gap := p.inner() - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 2 {
		return left
	}
	return left + strings.Repeat(" ", gap) + right
}

// keys writes pairs of a key and what it does, as many as fit.
func (p *page) keys(pairs ...string) string {
	line := ""
	for i := 0; i+1 < len(pairs); i += 2 {
		next := styleKey.Render(p.keyName(pairs[i])) + " " + styleDim.Render(p.ph.Say(pairs[i+1]))
		if line != "" {
			next = line + styleDim.Render(" · ") + next
		}
		if line != "" && ansi.StringWidth(next) > p.inner() {
			break
		}
		line = next
	}
	return line
}

// keyName is what is written on a key.
func (p *page) keyName(key string) string {
	switch key {
	case "enter":
		return p.ph.Say("TechNameEnter")
	case "esc":
		return p.ph.Say("TechNameEsc")
	case "space":
		return p.ph.Say("TechNameSpace")
	}
	return key
}

// wrap breaks clean text into lines that fit, indented by indent cells.
func (p *page) wrap(text string, indent int) []string {
	room := max(p.inner()-indent, 1)
	lines := strings.Split(ansi.Wrap(text, room, ""), "\n")
	for i, line := range lines {
		lines[i] = strings.Repeat(" ", indent) + line
	}
	return lines
}

// span writes a length of time shortly, in its largest unit.
func (p *page) span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return p.ph.Say("TechSpanSeconds", "N", max(0, int(d/time.Second)))
	case d < time.Hour:
		return p.ph.Say("TechSpanMinutes", "N", int(d/time.Minute))
	case d < 48*time.Hour:
		return p.ph.Say("TechSpanHours", "N", int(d/time.Hour))
	}
	return p.ph.Say("TechSpanDays", "N", int(d/(24*time.Hour)))
}

// ago is the time since then, or "" while either is not known.
func (p *page) ago(then time.Time) string {
	if p.now.IsZero() || then.IsZero() {
		return ""
	}
	return p.span(p.now.Sub(then))
}

// moment writes a time in its own zone, with the day unless it is today.
func (p *page) moment(t time.Time) string {
	if p.now.In(t.Location()).Format(time.DateOnly) == t.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// newEntry makes a field for one line of at most limit characters. The
// clipboard it could paste from would be the gateway's own, so that key is
// off; the terminal's own paste works.
func newEntry(limit int, value string) textinput.Model {
	m := textinput.New()
	m.Prompt = ""
	m.CharLimit = limit
	m.KeyMap.Paste.SetEnabled(false)
	m.SetStyles(textinput.Styles{})
	m.SetValue(value)
	m.CursorEnd()
	return m
}

// edit hands a key or a paste to a field. What can't be seen is not taken.
func edit(m *textinput.Model, msg tea.Msg) {
	switch in := msg.(type) {
	case tea.PasteMsg:
		in.Content = strings.Map(seen, in.Content)
		msg = in
	case tea.KeyPressMsg:
		if in.Text != "" && strings.Map(seen, in.Text) != in.Text {
			return
		}
		msg = in
	}
	*m, _ = m.Update(msg)
}

func seen(r rune) rune {
	if r == '\n' || r == '\t' || r == '\r' {
		return ' '
	}
	if !unicode.IsGraphic(r) || unicode.Is(unicode.Co, r) {
		return -1
	}
	return r
}

// entryView draws a field in width cells.
func entryView(m textinput.Model, width int) string {
	m.SetWidth(max(width-1, 1))
	m.SetCursor(m.Position())
	return ansi.Truncate(m.View(), max(width, 1), "")
}

// helpPage shows the help of a screen, whose text has a line for each thing.
func (p *page) helpPage(title, key string) string {
	var body []string
	for _, line := range strings.Split(p.ph.Say(key), "\n") {
		body = append(body, p.wrap(line, 0)...)
	}
	return p.compose([]string{styleTitle.Render(title), ""}, body, []string{"", styleDim.Render(p.ph.Say("TechAnyKey"))}, 0)
}
