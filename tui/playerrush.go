package tui

import (
	"bytes"
	"slices"

	"github.com/charmbracelet/x/ansi"
)

// The emulator moves every cell for each line that it scrolls, which is nearly
// all of its work on long output. Lines of plain text are therefore scrolled
// together, and those that nobody could see are not written at all.

// fewestLines are worth the trouble.
const fewestLines = 4

// margins tells whether a screen scrolls as a whole.
type margins uint8

const (
	noMargins    margins = iota
	rowMargins           // some lines stay
	stuckMargins         // some columns stay; only a reset or a resize ends that
)

// watchMargins keeps what the emulator doesn't tell of its margins, for the
// main and the alternate screen. When in doubt there are some.
func (e *emulation) watchMargins() {
	e.em.RegisterCsiHandler('r', func(params ansi.Params) bool {
		top, _, _ := params.Param(0, 1)
		bottom, _, _ := params.Param(1, 0)
		m := e.scrolling()
		switch {
		case *m == stuckMargins || e.em.Height() < 2:
		case top <= 1 && (bottom == 0 || bottom >= e.em.Height()):
			*m = noMargins
		default:
			*m = rowMargins
		}
		return false
	})
	e.em.RegisterCsiHandler('s', func(ansi.Params) bool {
		if e.modes[ansi.ModeLeftRightMargin] {
			*e.scrolling() = stuckMargins
		}
		return false
	})
}

// scrolling is how the screen in use scrolls.
func (e *emulation) scrolling() *margins {
	if e.em.IsAltScreen() {
		return &e.margins[1]
	}
	return &e.margins[0]
}

// put writes what the sieve let through.
func (e *emulation) put(data []byte) {
	for len(data) > 0 {
		start, end := plainLines(data, e.em.Width())
		_, _ = e.em.Write(data[:start])
		e.rush(data[start:end])
		data = data[end:]
	}
}

// plainLines finds the first run of lines that are plain text, end in CR LF
// and are too short to wrap. It begins with the LF of the line before it and
// ends with its last LF, so that no character is parted from a mark on it.
func plainLines(data []byte, width int) (start, end int) {
	lines := 0
	start, end = len(data), len(data)
	line := -1 // where the present line began, -1 for one that is not plain
	for i, b := range data {
		switch {
		case b == '\n' && i > 0 && data[i-1] == '\r':
			switch {
			case line >= 0 && i-1-line < width:
				lines++
				end = i + 1
			case lines >= fewestLines:
				return start, end
			default:
				start, end, lines = i, i+1, 1
			}
			line = i + 1
		case b >= 0x20 && b < 0x7f, b == '\r' && i+1 < len(data) && data[i+1] == '\n':
		default:
			if lines >= fewestLines {
				return start, end
			}
			line = -1
		}
	}
	if lines < fewestLines {
		return len(data), len(data)
	}
	return start, end
}

// rush writes a run of plainLines with one scroll for all of them.
func (e *emulation) rush(run []byte) {
	row, height := e.em.CursorPosition().Y, e.em.Height()
	lines := bytes.Count(run, []byte("\n"))
	up := row + lines - (height - 1)
	if up < 2 || *e.scrolling() != noMargins {
		_, _ = e.em.Write(run)
		return
	}
	seen := run
	if up > row {
		// The line before is gone as well: from the top, with what is left.
		for range lines - (height - 1) {
			seen = seen[bytes.IndexByte(seen, '\n')+1:]
		}
	}
	if !slices.ContainsFunc(seen, func(b byte) bool { return b >= 0x20 }) {
		_, _ = e.em.Write(run) // the last character, which can be repeated, is not in it
		return
	}
	e.order(ansi.ScrollUp(min(up, height)) + ansi.CursorUp(min(up, height)))
	_, _ = e.em.Write(seen)
}
