package tui

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// viewport is the part of a recorded screen that fits into the window.
type viewport struct {
	x, y, width, height int
	boxed               bool // there is room for a frame around it
}

// chrome is how many lines the player needs beside the picture.
func (s *playScreen) chrome() int {
	if s.height < 4 {
		return min(s.height-1, 1)
	}
	return 2
}

// viewport finds what to show: all, or what the hand or the cursor chose.
func (s *playScreen) viewport() viewport {
	f := s.shown.frame
	rows := max(s.height-s.chrome(), 0)
	v := viewport{width: min(f.width, s.width), height: min(f.height, rows)}
	v.boxed = f.width+2 <= s.width && f.height+2 <= rows
	v.x, v.y = s.panX, s.panY
	if !s.panned {
		v.x, v.y = 0, 0
		if f.x >= v.width {
			v.x = f.x - v.width/2
		}
		if f.y >= v.height {
			v.y = f.y - v.height + 1
		}
	}
	v.x = max(0, min(v.x, f.width-v.width))
	v.y = max(0, min(v.y, f.height-v.height))
	return v
}

func (s *playScreen) View() string {
	if s.help {
		return s.helpPage(s.Title(), "TechPlayHelp")
	}
	lines := []string{s.topLine()}
	if s.chrome() < 2 {
		lines = nil
	}
	lines = append(lines, s.picture()...)
	for len(lines) < s.height-1 {
		lines = append(lines, "")
	}
	if s.chrome() > 0 {
		lines = append(lines, s.bottomLine())
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, s.width, "")
	}
	return strings.Join(lines[:min(len(lines), s.height)], "\n")
}

// topLine names the recording, and what is not to be missed about it.
func (s *playScreen) topLine() string {
	left := styleTitle.Render(s.rec.Title)
	if n := len(s.reels); n > 1 {
		left += styleDim.Render("  " + s.ph.Say("TechPlayShell", "Name", s.rec.Tracks[s.which].Name, "N", s.which+1, "Of", n))
	}
	right := ""
	switch {
	case s.shown.broken != nil:
		left = styleBad.Render("✕ " + s.ph.Say("TechPlayBroken"))
	case s.told != "":
		right = styleWarn.Render(s.told)
	case s.shown.frame != nil:
		right = styleDim.Render(s.cutNote())
	}
	if right == "" {
		return left
	}
	gap := s.width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 2 && s.told != "" {
		return right
	}
	if gap < 2 {
		right = styleDim.Render(s.ph.Say("TechPlayCutShort", "Width", s.shown.frame.width, "Height", s.shown.frame.height))
		left = ansi.Truncate(left, max(s.width-ansi.StringWidth(right)-2, 0), "…")
		gap = max(s.width-ansi.StringWidth(left)-ansi.StringWidth(right), 0)
	}
	return left + strings.Repeat(" ", gap) + right
}

// cutNote says that the window shows a part only, and which.
func (s *playScreen) cutNote() string {
	f, v := s.shown.frame, s.viewport()
	if v.width == f.width && v.height == f.height {
		return ""
	}
	return s.ph.Say("TechPlayCut", "Width", f.width, "Height", f.height, "X", v.x+1, "Y", v.y+1)
}

// picture draws the recorded screen.
func (s *playScreen) picture() []string {
	f := s.shown.frame
	if f == nil {
		return nil
	}
	v := s.viewport()
	var lines []string
	for y := v.y; y < v.y+v.height; y++ {
		lines = append(lines, f.line(y, v.x, v.width))
	}
	if !v.boxed {
		return lines
	}
	side := strings.Repeat(" ", (s.width-v.width-2)/2)
	bar := strings.Repeat("─", v.width)
	boxed := []string{side + styleDim.Render("╭"+bar+"╮")}
	for _, line := range lines {
		boxed = append(boxed, side+styleDim.Render("│")+line+styleDim.Render("│"))
	}
	return append(boxed, side+styleDim.Render("╰"+bar+"╯"))
}

// line draws a part of one line: exactly width cells, style sequences of our
// own making and text that can't be a command.
func (f *frame) line(y, from, width int) string {
	var b strings.Builder
	var pen uv.Style
	for x := from; x < from+width; {
		text, style, n := " ", uv.Style{}, 1
		if x < len(f.cells[y]) {
			text, style, n = drawn(f.cells[y][x], from+width-x)
		}
		if f.cursor && y == f.y && x == f.x {
			style.Attrs ^= uv.AttrReverse
		}
		if !style.Equal(&pen) {
			b.WriteString(ansi.ResetStyle + style.String())
			pen = style
		}
		b.WriteString(text)
		x += n
	}
	if !pen.IsZero() {
		b.WriteString(ansi.ResetStyle)
	}
	return b.String()
}

// drawn is how a cell is shown where room cells are left. It never blinks, is
// never concealed from the viewer, and links nowhere.
func drawn(c uv.Cell, room int) (text string, style uv.Style, width int) {
	style = c.Style
	style.Attrs &^= uv.AttrBlink | uv.AttrRapidBlink | uv.AttrConceal
	width = max(c.Width, 1)
	switch {
	case c.Content == "" || c.Width == 0:
		return " ", style, 1
	case width > room:
		return strings.Repeat(" ", room), style, room
	case len(c.Content) > 64 || strings.Map(seen, c.Content) != c.Content || ansi.StringWidth(c.Content) != width:
		first, _ := utf8.DecodeRuneInString(c.Content)
		if text = strings.Map(seen, string(first)); ansi.StringWidth(text) != width {
			text = "?" + strings.Repeat(" ", width-1)
		}
		return text, style, width
	}
	return c.Content, style, width
}

// shownText makes text from a recording fit for one line.
func shownText(data []byte) string {
	return ansi.Truncate(strings.Map(seen, strings.ToValidUTF8(string(data), "�")), 80, "…")
}

// bottomLine is the state, the time and the way through the recording.
func (s *playScreen) bottomLine() string {
	sign := styleWarn.Render("⏸")
	if s.playing {
		sign = styleGood.Render("▶")
	}
	total := clock(s.shown.length)
	if !s.shown.known {
		total += "+"
	}
	left := sign + " " + strconv.FormatFloat(s.speed, 'g', 2, 64) + "x  " + clock(s.at) + " "
	right := " " + total
	if s.skip {
		right += "  " + styleDim.Render(s.ph.Say("TechPlaySkips"))
	}
	if s.width >= 60 {
		right += "  " + s.keys("?", "TechKeyHelp", "q", "TechKeyLeave")
	}
	if !s.showing() {
		right = " " + total + "  " + styleWarn.Render(s.ph.Say("TechPlaySeeking"))
	}
	room := s.width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if room < 8 {
		return left + "/" + right
	}
	return left + s.bar(room) + right
}

// bar draws the way, the marks on it, and where we are.
func (s *playScreen) bar(width int) string {
	line := make([]rune, width)
	here := position(s.at, s.shown.length, width)
	for i := range line {
		line[i] = '─'
		if i < here {
			line[i] = '━'
		}
	}
	for _, m := range s.shown.marks {
		line[position(m.at, s.shown.length, width)] = '◆'
	}
	line[here] = '●'
	return styleKey.Render(string(line[:here+1])) + styleDim.Render(string(line[here+1:]))
}

// position maps a time to a cell of the bar.
func position(at, length time.Duration, width int) int {
	if length <= 0 {
		return 0
	}
	return max(0, min(int(float64(at)/float64(length)*float64(width-1)), width-1))
}

// text is one line without its styles and without spaces at its end.
func (f *frame) text(y int) string {
	var b strings.Builder
	for x := 0; x < len(f.cells[y]); {
		text, _, n := drawn(f.cells[y][x], f.width-x)
		b.WriteString(text)
		x += n
	}
	return strings.TrimRight(b.String(), " ")
}
