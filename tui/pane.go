package tui

import (
	"strings"
	"unicode/utf8"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// How pictures of another screen are drawn on this one.

// viewport is the part of a recorded screen that fits into the window.
type viewport struct {
	x, y, width, height int
	boxed               bool // there is room for a frame around it
}

// pane is a window over a screen that may be larger: it follows the cursor, or
// stays where a hand has put it.
type pane struct {
	panned     bool
	panX, panY int
}

// viewport finds what to show of f in room: all, or what the hand or the cursor
// chose.
func (p *pane) viewport(f *frame, room Size) viewport {
	v := viewport{width: min(f.width, room.Width), height: min(f.height, room.Height)}
	v.boxed = f.width+2 <= room.Width && f.height+2 <= room.Height
	v.x, v.y = p.panX, p.panY
	if !p.panned {
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

// pan moves the window over the screen, from where it is.
func (p *pane) pan(f *frame, room Size, x, y int) {
	if f == nil {
		return
	}
	view := p.viewport(f, room)
	p.panned, p.panX, p.panY = true, view.x+x, view.y+y
	view = p.viewport(f, room)
	p.panX, p.panY = view.x, view.y
}

// travel is for the keys that move the window; false for any other.
func (p *pane) travel(key string, f *frame, room Size) bool {
	switch key {
	case "ctrl+left":
		p.pan(f, room, -8, 0)
	case "ctrl+right":
		p.pan(f, room, 8, 0)
	case "ctrl+up":
		p.pan(f, room, 0, -4)
	case "ctrl+down":
		p.pan(f, room, 0, 4)
	case "f":
		p.panned = false
	default:
		return false
	}
	return true
}

// draw draws a part of f, with a frame around it where there is room in width.
func (v viewport) draw(f *frame, width int) []string {
	var lines []string
	for y := v.y; y < v.y+v.height; y++ {
		lines = append(lines, f.line(y, v.x, v.width))
	}
	if !v.boxed {
		return lines
	}
	side := strings.Repeat(" ", (width-v.width-2)/2)
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
