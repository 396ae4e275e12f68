package tui

import (
	"image"
	"io"
	"strings"
	"sync"
)

// Size is a terminal's size in cells.
type Size struct{ Width, Height int }

// Window holds the size of a terminal, which may change at any time. The
// phase that has the terminal watches it.
type Window struct {
	mu      sync.Mutex
	size    Size
	dots    image.Point // 0 where not known
	changed chan struct{}
}

// NewWindow holds a first size; 0 by 0 means that it is not known and 80 by 24
// is taken.
func NewWindow(s Size) *Window {
	w := &Window{changed: make(chan struct{})}
	w.Set(s)
	return w
}

// Set announces a new size, whose dots are not known. A side that is not positive counts as unknown; no
// side counts for more than 1000 cells, so that a hostile client can't make a
// screen allocate without bound.
func (w *Window) Set(s Size) { w.SetDots(s, 0, 0) }

// SetDots is Set for a window that is also so many dots wide and high, as an SSH
// client tells (RFC 4254, section 6.2).
func (w *Window) SetDots(s Size, width, height int) {
	if s.Width <= 0 {
		s.Width = 80
	}
	if s.Height <= 0 {
		s.Height = 24
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size = Size{min(s.Width, 1000), min(s.Height, 1000)}
	w.dots = image.Pt(width, height)
	close(w.changed)
	w.changed = make(chan struct{})
}

// Size returns the present size and a channel that is closed when it changes.
func (w *Window) Size() (Size, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size, w.changed
}

// Cell is the size of a cell in dots, 0 by 0 where not known.
func (w *Window) Cell() image.Point {
	w.mu.Lock()
	defer w.mu.Unlock()
	cell := image.Pt(w.dots.X/w.size.Width, w.dots.Y/w.size.Height)
	if cell.X < 1 || cell.Y < 1 {
		return image.Point{}
	}
	return cell
}

// Terminal is where a person reads and types: the raw side of a pty, an SSH
// channel with a pty, or plain streams. Screens take turns on it; it must not
// be used by two at once.
type Terminal struct {
	In     *Input
	Out    io.Writer
	Window *Window
	// Env is the environment of the person's terminal, NAME=value: TERM,
	// COLORTERM, NO_COLOR, ACCORD_PLAIN, and the locale.
	Env []string
	// Piped is set where there is no terminal at all: lines, no cursor.
	Piped bool
	// Banner is drawn above each screen; nil for none.
	Banner *Banner
	// able is what it has said it can do; nil before it was asked.
	able *abilities
}

// getenv returns the last value of a variable in Env, or "".
func (t *Terminal) getenv(name string) string {
	for i := len(t.Env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(t.Env[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// Plain reports whether this person gets the line mode: numbered questions,
// one a line, no cursor movement, for screen readers and dumb terminals.
func (t *Terminal) Plain() bool {
	term := t.getenv("TERM")
	plain := t.getenv("ACCORD_PLAIN")
	return t.Piped || term == "" || term == "dumb" || (plain != "" && plain != "0")
}
