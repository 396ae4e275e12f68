package tui

import (
	"bytes"
	"unicode/utf8"
)

// Seam follows what goes to a terminal, to find the places where a line of our
// own does no harm: between two characters or sequences, never inside of one.
// The zero value is a terminal at its start. It looks closer only at what
// follows an escape, so that plain output costs next to nothing.
type Seam struct {
	state  seamState
	params [8]byte // of a CSI, as many as tell the modes that matter
	n      int
	tail   [utf8.UTFMax]byte // an unfinished character
	held   int
	alt    bool
}

type seamState uint8

const (
	seamText seamState = iota
	seamEscape
	seamCSI
	seamString
	seamStringEscape
)

// Pass takes what was written.
func (s *Seam) Pass(p []byte) {
	for len(p) > 0 {
		if s.state == seamText {
			i := bytes.IndexByte(p, esc)
			if i < 0 {
				s.text(p)
				return
			}
			s.held = 0
			s.state, p = seamEscape, p[i+1:]
			continue
		}
		s.step(p[0])
		p = p[1:]
	}
}

// text keeps the character that p may end in the middle of.
func (s *Seam) text(p []byte) {
	end := append(s.tail[:s.held:s.held], p[max(0, len(p)-utf8.UTFMax):]...)
	s.held = 0
	for i := max(0, len(end)-utf8.UTFMax+1); i < len(end); i++ {
		if utf8.RuneStart(end[i]) && end[i] >= utf8.RuneSelf && !utf8.FullRune(end[i:]) {
			s.held = copy(s.tail[:], end[i:])
			return
		}
	}
}

// step takes one byte of a sequence (ECMA-48; strings end with ST or BEL).
func (s *Seam) step(b byte) {
	switch {
	case b == can || b == sub:
		s.state = seamText
	case s.state == seamString:
		switch b {
		case esc:
			s.state = seamStringEscape
		case '\a':
			s.state = seamText
		}
	case b == esc:
		s.state = seamEscape
	case s.state == seamStringEscape && b == '\\':
		s.state = seamText
	case s.state == seamEscape || s.state == seamStringEscape:
		s.escape(b)
	case b >= 0x40 && b < 0x7f:
		s.mode(b)
		s.state = seamText
	case b >= 0x20 && b < 0x40:
		if s.n < len(s.params) {
			s.params[s.n] = b
		}
		s.n++
	}
}

// escape takes the byte after an ESC, or those after that.
func (s *Seam) escape(b byte) {
	switch {
	case b < 0x20: // acts at once, as terminals do
	case b < 0x30:
		s.state = seamEscape // more of it comes
	case b == '[':
		s.state, s.n = seamCSI, 0
	case b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_':
		s.state = seamString
	case b == 'c':
		s.alt, s.state = false, seamText
	default:
		s.state = seamText
	}
}

// mode notes which of the two screens is in use (xterm's modes 47, 1047, 1049).
func (s *Seam) mode(final byte) {
	if final != 'h' && final != 'l' || s.n > len(s.params) {
		return
	}
	switch string(s.params[:s.n]) {
	case "?47", "?1047", "?1049":
		s.alt = final == 'h'
	}
}

// Open reports whether a line may be written here.
func (s *Seam) Open() bool { return s.state == seamText && s.held == 0 }

// Line is a clean text as a line of its own in front of what comes next. While
// a program has the whole screen it takes the uppermost line, until the program
// draws it anew, and the cursor goes back to where it was.
func (s *Seam) Line(text string) []byte {
	if s.alt {
		return []byte("\x1b7\x1b[1;1H\x1b[0;7m " + text + " \x1b[0m\x1b[K\x1b8")
	}
	return []byte("\r\n\x1b[0;7m " + text + " \x1b[0m\r\n")
}
