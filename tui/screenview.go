package tui

import (
	"image"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Below this size of a window, in cells, no picture is drawn.
const (
	screenLeastWidth  = 20
	screenLeastHeight = 5
)

// layout is what the place of everything depends on. Where it changes, the
// window is cleared and all is drawn anew.
type layout struct {
	width, height int
	room, cells   image.Rectangle
	cell          image.Point
	help          bool
}

// chrome is the text around the picture, and what of it is drawn.
type chrome struct {
	layout layout
	shown  map[int]string // by row
	first  []byte         // what is to be sent before anything else
}

// tooSmall reports a window without room for a picture.
func (m *screenModel) tooSmall() bool {
	return m.width < screenLeastWidth || m.height < screenLeastHeight
}

// above is how many lines the banner takes.
func (m *screenModel) above() int {
	if m.banner != "" && m.height >= bannerLeast {
		return 1
	}
	return 0
}

// notes are the lines between picture and status: what must be read.
func (m *screenModel) notes() []string {
	if m.frozen == "" {
		return nil
	}
	most := max((m.height-m.above()-1)/3, 1)
	lines := strings.Split(ansi.Wrap(m.frozen, max(m.width-2, 1), ""), "\n")
	if len(lines) > most {
		lines = lines[:most]
		lines[most-1] = ansi.Truncate(lines[most-1]+"…", max(m.width-2, 1), "…")
	}
	for i, line := range lines {
		lines[i] = styleBanner.Render(toWidth(" "+line, m.width))
	}
	return lines
}

// room is where the picture goes, in cells; empty for none.
func (m *screenModel) room() image.Rectangle {
	if m.tooSmall() || m.help {
		return image.Rectangle{}
	}
	return image.Rect(0, m.above(), m.width, m.height-len(m.foot())-len(m.notes()))
}

// rows is all text by its row.
func (m *screenModel) rows() map[int]string {
	rows := make(map[int]string)
	if m.help || m.tooSmall() {
		text := m.ph.Say("ScreenTooSmall", "Width", screenLeastWidth, "Height", screenLeastHeight)
		lines := strings.Split(ansi.Wrap(text, max(m.width, 1), ""), "\n")
		if m.help {
			lines = strings.Split(m.helpText(), "\n")
		}
		for i, line := range lines[:min(len(lines), m.height)] {
			rows[i] = ansi.Truncate(line, m.width, "…")
		}
		return rows
	}
	if m.above() > 0 {
		rows[0] = styleBanner.Render(toWidth(" "+ansi.Truncate(m.banner, max(m.width-2, 1), "…"), m.width))
	}
	if !m.seen {
		room := m.room()
		for i, line := range m.wrap(m.ph.Say("ScreenNone", "Device", m.s.Device), 0) {
			if y := room.Min.Y + 1 + i; y < room.Max.Y {
				rows[y] = line
			}
		}
	}
	notes := m.notes()
	for i, line := range notes {
		rows[m.height-len(m.foot())-len(notes)+i] = line
	}
	foot := m.foot()
	for i, line := range foot {
		rows[m.height-len(foot)+i] = ansi.Truncate(line, m.width, "…")
	}
	return rows
}

// foot is what stands below all: the status, or the way through a recording.
func (m *screenModel) foot() []string {
	if m.deck != nil {
		return m.deck.rows(m.width, m.height)
	}
	return []string{m.status()}
}

// helpText is the page of the keys.
func (m *screenModel) helpText() string {
	if m.deck != nil {
		return m.helpPage(m.deck.Title(), "TechPlayHelp")
	}
	key := "ScreenHelpView"
	if m.control {
		key = "ScreenHelpControl"
	}
	return m.helpPage(m.ph.Say("ScreenTitle", "Device", m.s.Device), key)
}

// status is the line at the bottom: whose screen, what may be done, how it is
// drawn; and on the right what to press.
func (m *screenModel) status() string {
	hint := m.hint()
	right := ansi.StringWidth(hint)
	title := m.s.Title
	if title == "" {
		title = m.s.Device
	}
	may := styleDim.Render(m.ph.Say("ScreenViewOnly"))
	if m.control {
		may = styleWarn.Render(m.ph.Say("ScreenControl"))
	}
	parts := []string{styleTitle.Render(ansi.Truncate(title, max(m.width/2, 1), "…")), may}
	if m.told != "" {
		parts = []string{styleWarn.Render(m.told)}
	} else if place := m.painter.Place(); !place.Cells.Empty() {
		percent := strconv.FormatFloat(place.Zoom*100, 'g', 3, 64)
		parts = append(parts, styleDim.Render(m.ph.Say("ScreenZoom", "Percent", percent)), styleDim.Render(m.able.Way.String()))
		if m.rate >= 1000 {
			parts = append(parts, styleDim.Render(m.ph.Say("ScreenRate", "Rate", m.rate/1000)))
		}
	}
	line := parts[0]
	for _, part := range parts[1:] {
		if ansi.StringWidth(line)+2+ansi.StringWidth(part)+2+right > m.width {
			break
		}
		line += "  " + part
	}
	gap := m.width - ansi.StringWidth(line) - right
	if gap < 1 {
		return line
	}
	return line + strings.Repeat(" ", gap) + hint
}

// hint is what to press.
func (m *screenModel) hint() string {
	const prefix = "Ctrl-]"
	switch {
	case m.local && m.width >= 60:
		return styleKey.Render(prefix + " ? q + - 0 1 ←↑↓→")
	case m.local:
		return styleKey.Render(prefix + " …")
	case m.control:
		return styleKey.Render(prefix+" ?") + " " + styleDim.Render(m.ph.Say("TechKeyHelp"))
	}
	return m.keys("?", "TechKeyHelp", "q", "TechKeyLeave")
}
