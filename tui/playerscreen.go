package tui

import (
	"errors"
	"fmt"
	"io"
	"maps"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

const (
	// mostCells bounds a recorded screen; a larger one is cut. An emulator
	// takes about 250 bytes a cell.
	mostCells = 120_000
	// writeAtOnce is the most bytes between two looks at the clock.
	writeAtOnce = 4 << 10
)

// errEmulator reports a recording that the emulator can't follow any further.
var errEmulator = errors.New("the terminal emulator failed on the recording")

// emulation is the screen of a recorded shell. Nothing that it is fed can
// reach the viewer's terminal but as cells.
type emulation struct {
	em      *vt.Emulator
	sieve   sieve
	modes   map[ansi.Mode]bool
	tabs    map[int]bool
	margins [2]margins // of the main and the alternate screen
	hidden  bool       // the cursor
	passed  []byte
}

func newEmulation(width, height int) *emulation {
	width, height = bounded(width, height)
	e := &emulation{em: vt.NewEmulator(width, height), modes: map[ansi.Mode]bool{}}
	e.em.SetScrollbackSize(1) // 0 would mean ten thousand lines
	// The emulator answers queries into a pipe. With its end closed the
	// answers are gone, and nothing waits for a reader.
	if pipe, ok := e.em.InputPipe().(io.Closer); ok {
		_ = pipe.Close()
	}
	e.em.SetCallbacks(vt.Callbacks{
		CursorVisibility: func(visible bool) { e.hidden = !visible },
		EnableMode:       func(m ansi.Mode) { e.modes[m] = true },
		DisableMode:      func(m ansi.Mode) { e.modes[m] = false },
	})
	e.watchTabs()
	e.watchMargins()
	e.order("\x1bc") // fills modes with those that are set from the start
	return e
}

// bounded brings a size from a recording to one that can be shown.
func bounded(width, height int) (w, h int) {
	w = max(1, min(width, 1000))
	return w, max(1, min(height, 1000, mostCells/w))
}

// watchTabs keeps a copy of the tab stops, which the emulator doesn't tell.
// The handlers leave the work itself to the emulator's own, unless the cursor
// is outside of a screen that was made smaller, where those would panic.
func (e *emulation) watchTabs() {
	e.defaultTabs()
	e.em.RegisterEscHandler('H', func() bool {
		x := e.em.CursorPosition().X
		if x >= e.em.Width() {
			return true
		}
		e.tabs[x] = true
		return false
	})
	e.em.RegisterEscHandler('c', func() bool {
		e.defaultTabs()
		e.margins = [2]margins{}
		for m := range e.modes {
			e.modes[m] = false
		}
		return false
	})
	e.em.RegisterCsiHandler('g', func(params ansi.Params) bool {
		n, _, _ := params.Param(0, 0)
		x := e.em.CursorPosition().X
		switch {
		case n == 0 && x >= e.em.Width():
			return true
		case n == 0:
			delete(e.tabs, x)
		case n == 3:
			clear(e.tabs)
		}
		return false
	})
	e.em.RegisterCsiHandler(ansi.Command('?', 0, 'W'), func(ansi.Params) bool {
		e.defaultTabs()
		return false
	})
}

func (e *emulation) defaultTabs() {
	e.tabs = map[int]bool{}
	for x := 0; x < e.em.Width(); x += uv.DefaultTabInterval {
		e.tabs[x] = true
	}
}

// write feeds output of the shell, at most writeAtOnce bytes.
func (e *emulation) write(data []byte) error {
	e.sieve.width, e.sieve.height = e.em.Width(), e.em.Height()
	e.passed = e.sieve.pass(e.passed[:0], data)
	return e.guarded(func() { e.put(e.passed) })
}

// resize follows a change of the window's size.
func (e *emulation) resize(width, height int) error {
	width, height = bounded(width, height)
	if width == e.em.Width() && height == e.em.Height() {
		return nil
	}
	return e.guarded(func() {
		e.em.Resize(width, height)
		e.defaultTabs()
		e.margins = [2]margins{}
	})
}

// guarded keeps a panic of the emulator to this recording.
func (e *emulation) guarded(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errEmulator, r)
		}
	}()
	f()
	return nil
}

// cells are the lines of a screen.
type cells [][]uv.Cell

// copyCells reads the screen in use.
func (e *emulation) copyCells() cells {
	w, h := e.em.Width(), e.em.Height()
	all := make([]uv.Cell, w*h)
	lines := make(cells, h)
	for y := range lines {
		lines[y] = all[y*w : (y+1)*w : (y+1)*w]
		for x := range w {
			if c := e.em.CellAt(x, y); c != nil {
				lines[y][x] = *c
			}
		}
	}
	return lines
}

// pasteCells writes the screen in use, each cell as it was: through SetCell a
// wide character would change its neighbours.
func (e *emulation) pasteCells(lines cells) {
	for y, line := range lines {
		for x := range line {
			if c := e.em.CellAt(x, y); c != nil {
				*c = line[x]
			}
		}
	}
}

// snapshot is the whole state of an emulation; only the one that made it can
// take it back.
type snapshot struct {
	em            vt.Emulator // by value: cursor, pen, margins, charsets, which screen
	width, height int
	screen        cells // of the screen in use
	main          cells // of the main screen while the alternate one is in use
	modes         map[ansi.Mode]bool
	tabs          map[int]bool
	margins       [2]margins
	hidden        bool
	sieve         sieve
}

// bytes is about what a snapshot takes in memory.
func (s *snapshot) bytes() int { return (len(s.screen) + len(s.main)) * s.width * cellBytes }

const cellBytes = 136

// save takes a snapshot. The emulator's state is copied as a value; the parts
// of it that are shared by pointer (cells, modes, tab stops) are copied apart.
// The parser needs no copy, as the sieve leaves it no open sequence, nor does
// the alternate screen while it is not in use, as it is cleared before it is.
func (e *emulation) save() *snapshot {
	s := &snapshot{
		em: *e.em, width: e.em.Width(), height: e.em.Height(), screen: e.copyCells(),
		modes: maps.Clone(e.modes), tabs: maps.Clone(e.tabs), margins: e.margins, hidden: e.hidden, sieve: e.sieve,
	}
	if e.em.IsAltScreen() {
		e.onMain(s, func() { s.main = e.copyCells() })
	}
	return s
}

// onMain calls f with the main screen in use, and the alternate one after.
func (e *emulation) onMain(s *snapshot, f func()) {
	e.order("\x1b[?1047l")
	f()
	*e.em = s.em
	if s.modes[ansi.ModeAltScreen] {
		e.order("\x1b[?1047h") // the alternate screen is in use, so it is not cleared
	}
	*e.em = s.em
	e.hidden = s.hidden
	e.modes = maps.Clone(s.modes)
}

// restore brings the state of a snapshot back.
func (e *emulation) restore(s *snapshot) {
	met := e.modes
	e.order("\x18") // ends a sequence that a panic has left open
	e.em.Resize(s.width, s.height)
	*e.em = s.em
	e.setTabs(s.tabs)
	e.setModes(s.modes)
	*e.em = s.em
	if s.main != nil {
		e.onMain(s, func() { e.pasteCells(s.main) })
	}
	e.pasteCells(s.screen)
	e.modes, e.tabs = maps.Clone(s.modes), maps.Clone(s.tabs)
	for m := range met {
		e.modes[m] = s.modes[m] // every mode ever met stays in the table
	}
	e.margins, e.hidden, e.sieve = s.margins, s.hidden, s.sieve
}

// order writes a sequence of our own.
func (e *emulation) order(seq string) { _, _ = e.em.WriteString(seq) }

// setModes brings the emulator's table of modes to wanted, those set since
// included. What else the sequences do is undone by the caller.
func (e *emulation) setModes(wanted map[ansi.Mode]bool) {
	all := maps.Clone(wanted)
	for m := range e.modes {
		all[m] = wanted[m]
	}
	for m, on := range all {
		if on {
			e.order(ansi.SetMode(m))
		} else {
			e.order(ansi.ResetMode(m))
		}
	}
}

func (e *emulation) setTabs(wanted map[int]bool) {
	e.order("\x1b[3g")
	for x := range wanted {
		e.order(ansi.CursorHorizontalAbsolute(x+1) + "\x1bH")
	}
}

// frame is a picture of the screen, for drawing.
type frame struct {
	cells         cells
	width, height int
	x, y          int // of the cursor
	cursor        bool
}

func (e *emulation) frame() *frame {
	at := e.em.CursorPosition()
	return &frame{e.copyCells(), e.em.Width(), e.em.Height(), at.X, at.Y, !e.hidden}
}
