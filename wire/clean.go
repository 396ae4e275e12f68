package wire

import (
	"fmt"
	"strings"
	"unicode"

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

// maxMarks is how many combining marks one character may bear. Hebrew and
// Vietnamese need three; a pile of them covers the lines above and below.
const maxMarks = 3

// Clean makes text from outside safe to show: on one line, in Unicode
// normalisation form C, every space a plain one, every character that a
// terminal could take for a command, or a reader could fail to see, written
// out as <U+XXXX>, and at most limit cells long (cut with "…"; nothing for a
// limit below 1). It is the one function for this; text that has not passed it
// is shown nowhere. Clean(Clean(s, n), n) == Clean(s, n).
//
// Cells are counted one character at a time, so what a terminal joins (flags,
// emoji of several characters) is shorter on the screen than counted here,
// never longer.
func Clean(s string, limit int) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))
	var b strings.Builder
	cells, cut := 0, 0 // cut: where the text that leaves room for "…" ends
	marks := maxMarks  // nothing to bear one yet
	for _, r := range s {
		var out string
		var n int
		out, n, marks = spell(r, marks)
		if cells+n > limit {
			return ending(b.String()[:cut], limit)
		}
		b.WriteString(out)
		cells += n
		if cells < limit {
			cut = b.Len()
		}
	}
	return b.String()
}

// ending puts the sign of a cut behind what is left of a text.
func ending(s string, limit int) string {
	if limit < 1 {
		return ""
	}
	return s + "…"
}

// cleanText cleans text of several lines: each line on its own, at most limit
// lines; a last line "…" stands for the others.
func cleanText(s string, limit int) string {
	lines := strings.SplitN(s, "\n", limit+1)
	if len(lines) > limit {
		lines[limit-1] = "…"
		lines = lines[:limit]
	}
	for i, l := range lines {
		lines[i] = Clean(l, MaxReason+MaxLine) // a label may stand before a reason
	}
	return strings.Join(lines, "\n")
}

// spell says how r is shown and how many cells that takes. The marks that the
// character before it already bears go in, those borne now come out: a mark
// with nothing to bear it, or one too many, is written out too, for it would
// change what stands beside the text.
func spell(r rune, marks int) (out string, cells, now int) {
	switch {
	case r == ' ' || unicode.Is(unicode.Zs, r):
		return " ", 1, maxMarks
	case visible(r) && unicode.In(r, unicode.Mn, unicode.Me):
		if marks < maxMarks {
			return string(r), 0, marks + 1
		}
	case visible(r):
		return string(r), runeCells(r), 0
	}
	out = fmt.Sprintf("<U+%04X>", r)
	return out, len(out), maxMarks
}

// visible reports whether r may be shown as it is: no control (C0, DEL, C1),
// no format character (which takes in bidi controls, tags and zero width
// ones), no line or paragraph separator, no private use, no surrogate, nothing
// that has no glyph, and no character that this version of Unicode has not
// assigned.
func visible(r rune) bool {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return false
	}
	if r == '\u2800' { // the braille pattern without a dot
		return false
	}
	return unicode.IsGraphic(r) // letters, marks, numbers, punctuation, symbols, spaces
}

// runeCells is the most that a terminal makes of a visible rune that is no
// mark.
func runeCells(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	switch { // pictures and signs that newer tables widen, and terminals disagree on
	case r >= 0x2600 && r <= 0x27BF, r >= 0x4DC0 && r <= 0x4DFF, r >= 0x1D300 && r <= 0x1D37F, r >= 0x1F000 && r <= 0x1FAFF:
		return 2
	}
	return 1
}
