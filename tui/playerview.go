package tui

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// chrome is how many lines the player needs beside the picture.
func (s *playScreen) chrome() int {
	if s.height < 4 {
		return min(s.height-1, 1)
	}
	return 2
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
	case s.passing() != "":
		right = styleKey.Render("◆ " + s.passing())
	case s.shown.frame != nil:
		right = styleDim.Render(s.cutNote())
	}
	if right == "" {
		return left
	}
	gap := s.width - ansi.StringWidth(left) - ansi.StringWidth(right)
	if gap < 2 && (s.told != "" || s.passing() != "") {
		return right
	}
	if gap < 2 {
		right = styleDim.Render(s.ph.Say("TechPlayCutShort", "Width", s.shown.frame.width, "Height", s.shown.frame.height))
		left = ansi.Truncate(left, max(s.width-ansi.StringWidth(right)-2, 0), "…")
		gap = max(s.width-ansi.StringWidth(left)-ansi.StringWidth(right), 0)
	}
	return left + strings.Repeat(" ", gap) + right
}

// passing is the mark that was just gone by, for as long as one reads it. In the
// list of what happened it stands there anyway.
func (s *playScreen) passing() string {
	if _, is := s.rec.Tracks[s.which].Source.(*story); is {
		return ""
	}
	long := time.Duration(float64(idleMost) * max(s.speed, 1))
	for _, m := range slices.Backward(s.shown.marks) {
		if m.at <= s.at {
			if s.at-m.at <= long {
				return m.text
			}
			break
		}
	}
	return ""
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
	if s.shown.frame == nil {
		return nil
	}
	return s.viewport().draw(s.shown.frame, s.width)
}

// viewport is what of the recorded screen is shown.
func (s *playScreen) viewport() viewport { return s.pane.viewport(s.shown.frame, s.room()) }

// room is what is left for the picture.
func (s *playScreen) room() Size { return Size{s.width, max(s.height-s.chrome(), 0)} }

// shownText makes text from a recording fit for one line.
func shownText(data []byte) string {
	return ansi.Truncate(strings.Map(seen, strings.ToValidUTF8(string(data), "�")), 80, "…")
}

// bottomLine is the state, the time and the way through the recording.
func (s *playScreen) bottomLine() string {
	left, right, room := s.line()
	if room < 8 {
		return left + "/" + right
	}
	return left + s.bar(room) + right
}

// line is what stands beside the way, and how many cells that leaves for it.
func (s *playScreen) line() (left, right string, room int) {
	sign := styleWarn.Render("⏸")
	if s.playing {
		sign = styleGood.Render("▶")
	}
	total := clock(s.shown.length)
	if !s.shown.known {
		total += "+"
	}
	left = sign + " " + strconv.FormatFloat(s.speed, 'g', 2, 64) + "x  " + clock(s.at) + " "
	right = " " + total
	if s.skip {
		right += "  " + styleDim.Render(s.ph.Say("TechPlaySkips"))
	}
	if s.width >= 60 {
		right += "  " + s.keys("?", "TechKeyHelp", "q", "TechKeyLeave")
	}
	if !s.showing() {
		right = " " + total + "  " + styleWarn.Render(s.ph.Say("TechPlaySeeking"))
	}
	return left, right, s.width - ansi.StringWidth(left) - ansi.StringWidth(right)
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
