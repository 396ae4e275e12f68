package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// Longest texts from outside, in cells.
const (
	MaxName   = 64
	MaxReason = 500
	MaxTicket = 64
	MaxLine   = 200
)

// Clean makes text from outside safe to show: on one line, in Unicode
// normalisation form C, every character that a terminal could take for a
// command, or a reader could fail to see, written out as <U+XXXX>, and at most
// limit cells long (cut with "…"). It is the one function for this; text that
// has not passed it is shown nowhere. Clean(Clean(s)) == Clean(s).
func Clean(s string, limit int) string {
	var b strings.Builder
	cells := 0
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	for i, r := range s {
		out, n := string(r), runeCells(r)
		if !visible(r) {
			out = fmt.Sprintf("<U+%04X>", r)
			n = len(out)
		}
		last := i+utf8.RuneLen(r) == len(s)
		if room := limit - cells; n > room || n == room && !last && limit > 0 {
			b.WriteString("…")
			break
		}
		b.WriteString(out)
		cells += n
	}
	return b.String()
}

// visible reports whether r may be shown as it is: no control (C0, DEL, C1),
// no format character (which takes in bidi controls, tags and zero width
// ones), no line or paragraph separator, no private use, no surrogate.
func visible(r rune) bool {
	switch {
	case r == ' ':
		return true
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
		return false
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0100 && r <= 0xE01EF, // variation selectors
		r == 0x034F, r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x2800:
		return false // joiner and fillers: blank to the eye
	case r > unicode.MaxRune, r&0xFFFE == 0xFFFE, r >= 0xFDD0 && r <= 0xFDEF:
		return false // no characters at all
	}
	return unicode.IsGraphic(r)
}

// runeCells is the width of a visible rune in a terminal.
func runeCells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	if r >= 0x1F300 && r <= 0x1FAFF {
		return 2
	}
	return 1
}
