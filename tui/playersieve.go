package tui

import (
	"strconv"
	"unicode/utf8"
)

// sieve lets through what a terminal's screen is made of: text, the controls
// that move the cursor, escape and CSI sequences, each of them whole. All else
// stays out of the emulator: strings (OSC with titles, links and the
// clipboard, DCS, APC, PM, SOS), 8-bit controls, broken UTF-8, sequences
// without end. It is a value: a copy is a snapshot.
type sieve struct {
	state sieveState
	held  [sieveHold]byte // an unfinished sequence or character
	n     int
	// The size of the screen bounds the margins: beyond it they would make
	// the emulator panic.
	width, height int
}

type sieveState uint8

const (
	inText sieveState = iota
	inEscape
	inCSI
	inString
	inStringEscape
	inNonsense // a CSI too long to be one
)

const (
	// sieveHold bounds a sequence, in bytes; ECMA-48 sets no limit, 32
	// parameters of four digits fit.
	sieveHold = 160
	// mostRepeats bounds what one sequence can make the emulator do again.
	mostRepeats = 1000
)

const (
	esc = 0x1b
	can = 0x18
	sub = 0x1a
)

// pass appends to dst what may pass of data, after what data finishes.
func (s *sieve) pass(dst, data []byte) []byte {
	for len(data) > 0 {
		switch s.state {
		case inText:
			dst, data = s.text(dst, data)
		case inEscape:
			dst, data = s.escape(dst, data)
		case inCSI, inNonsense:
			dst, data = s.csi(dst, data)
		default:
			data = s.inside(data)
		}
	}
	return dst
}

// text takes what comes before the next sequence.
func (s *sieve) text(dst, data []byte) (out, rest []byte) {
	for len(data) > 0 {
		switch b := data[0]; {
		case b >= utf8.RuneSelf || s.n > 0:
			dst, data = s.character(dst, data)
			continue
		case b == esc:
			s.state = inEscape
			return dst, data[1:]
		case b >= 0x20 && b < 0x7f, b >= '\b' && b <= 0x0f:
			dst = append(dst, b)
		}
		data = data[1:]
	}
	return dst, nil
}

// character takes one character of several bytes, which may have begun in the
// data before. The C1 controls are no text.
func (s *sieve) character(dst, data []byte) (out, rest []byte) {
	whole := data
	if s.n > 0 {
		whole = append(s.held[:s.n:s.n], data[:min(len(data), utf8.UTFMax)]...)
	}
	if !utf8.FullRune(whole) {
		s.n = copy(s.held[:], whole)
		return dst, nil
	}
	r, size := utf8.DecodeRune(whole)
	held := s.n
	s.n = 0
	if size < held { // a start that nothing fitting followed
		for range held {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		return dst, data
	}
	if r >= 0xa0 {
		dst = utf8.AppendRune(dst, r)
	}
	return dst, data[size-held:]
}

// begin starts over with a byte that ends whatever there was.
func (s *sieve) begin(b byte) bool {
	switch {
	case b == esc:
		s.state, s.n = inEscape, 0
	case b == can, b == sub:
		s.state, s.n = inText, 0
	default:
		return false
	}
	return true
}

func (s *sieve) escape(dst, data []byte) (out, rest []byte) {
	b := data[0]
	switch {
	case s.begin(b):
	case b < 0x20:
		return s.control(dst, b), data[1:]
	case b >= 0x7f:
		s.state, s.n = inText, 0
		return dst, data
	case s.n == 0 && b == '[':
		s.state = inCSI
	case s.n == 0 && (b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_'):
		s.state = inString
	case b < 0x30:
		s.keep(b)
	default:
		dst = append(append(append(dst, esc), s.held[:s.n]...), b)
		s.state, s.n = inText, 0
	}
	return dst, data[1:]
}

// control lets a control inside a sequence act at once, as terminals do.
func (s *sieve) control(dst []byte, b byte) []byte {
	if b >= '\b' && b <= 0x0f {
		dst = append(dst, b)
	}
	return dst
}

func (s *sieve) keep(b byte) {
	if s.n == len(s.held) {
		s.state = inNonsense
		return
	}
	s.held[s.n] = b
	s.n++
}

func (s *sieve) csi(dst, data []byte) (out, rest []byte) {
	b := data[0]
	switch {
	case s.begin(b):
	case b < 0x20:
		return s.control(dst, b), data[1:]
	case b >= 0x7f:
		s.state, s.n = inText, 0
		return dst, data
	case b < 0x40:
		s.keep(b)
	default:
		if s.state == inCSI {
			dst = appendCSI(dst, s.held[:s.n], b, s.most(b))
		}
		s.state, s.n = inText, 0
	}
	return dst, data[1:]
}

// most bounds the numbers of a sequence.
func (s *sieve) most(final byte) int {
	switch final {
	case 'b', 'I', 'Z': // repeats a character, a tab
		return mostRepeats
	case 'r':
		return s.height
	case 's':
		return s.width
	}
	return 9999
}

// appendCSI writes a sequence with its numbers bounded.
func appendCSI(dst, params []byte, final byte, most int) []byte {
	dst = append(dst, esc, '[')
	for i := 0; i < len(params); {
		if params[i] < '0' || params[i] > '9' {
			dst = append(dst, params[i])
			i++
			continue
		}
		n := 0
		for ; i < len(params) && params[i] >= '0' && params[i] <= '9'; i++ {
			n = min(n*10+int(params[i]-'0'), most)
		}
		dst = strconv.AppendInt(dst, int64(n), 10)
	}
	return append(dst, final)
}

// inside skips a string up to its end.
func (s *sieve) inside(data []byte) []byte {
	if s.state == inStringEscape {
		s.state, s.n = inEscape, 0
		if data[0] == '\\' {
			s.state = inText
			return data[1:]
		}
		return data
	}
	for i, b := range data {
		switch b {
		case esc:
			s.state = inStringEscape
			return data[i+1:]
		case '\a', can, sub:
			s.state = inText
			return data[i+1:]
		}
	}
	return nil
}
