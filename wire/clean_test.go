package wire

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		name, in string
		limit    int
		want     string
	}{
		{"plain", "Printer is on fire", 64, "Printer is on fire"},
		{"French", "L\u2019imprimante\u00A0: ça brûle\u202F!", 64, "L’imprimante : ça brûle !"},
		{"decomposed", "e\u0301te\u0301", 64, "été"},
		{"escape sequence", "a\x1b[31mb", 64, "a<U+001B>[31mb"},
		{"window title", "\x1b]0;x\a", 64, "<U+001B>]0;x<U+0007>"},
		{"C1 control", "a\u009b31mb", 64, "a<U+009B>31mb"},
		{"lone C1 byte", "a\x9b31mb", 64, "a\uFFFD31mb"},
		{"newline, return, tab", "a\r\n\tb", 64, "a<U+000D><U+000A><U+0009>b"},
		{"backspace and delete", "no\b\bok\x7f", 64, "no<U+0008><U+0008>ok<U+007F>"},
		{"bidi override", "invoice\u202Etxt.exe", 64, "invoice<U+202E>txt.exe"},
		{"bidi isolate", "\u2066x\u2069", 64, "<U+2066>x<U+2069>"},
		{"zero width", "ad\u200Bmin\uFEFF", 64, "ad<U+200B>min<U+FEFF>"},
		{"zero width joiner", "👩\u200D🚒", 64, "👩<U+200D>🚒"},
		{"tags", "ok\U000E0041\U000E007F", 64, "ok<U+E0041><U+E007F>"},
		{"line separators", "a\u2028b\u2029c", 64, "a<U+2028>b<U+2029>c"},
		{"private use", "\uE0A0\U000F0000", 64, "<U+E0A0><U+F0000>"},
		{"soft hyphen", "re\u00ADset", 64, "re<U+00AD>set"},
		{"fillers", "\u3164\u115F\u2800", 64, "<U+3164><U+115F><U+2800>"},
		{"variation selector", "\u2764\uFE0F", 64, "❤<U+FE0F>"},
		{"noncharacter", "\uFFFE\U0010FFFF", 64, "<U+FFFE><U+10FFFF>"},
		{"wide space", "a\u3000b", 64, "a b"},
		{"mark with no base", "\u0338x", 64, "<U+0338>x"},
		{"mark on a space", "a \u0301", 64, "a <U+0301>"},
		{"mark on a written-out one", "\u200B\u0338", 64, "<U+200B><U+0338>"},
		{"pile of marks", "g\u0335\u0336\u0337\u0338\u0334", 64, "g\u0335\u0336\u0337<U+0338><U+0334>"},
		{"Hebrew points", "שָּׁ", 64, norm.NFC.String("שָּׁ")},
		{"exactly full", "abcd", 4, "abcd"},
		{"cut", "abcde", 4, "abc…"},
		{"cut in a wide one", "ab漢字", 5, "ab漢…"},
		{"wide, exactly full", "漢字", 4, "漢字"},
		{"full with marks", "abce\u0329\u0348", 4, "abce\u0329\u0348"},
		{"cut in a written-out one", "abc\x1b", 9, "abc…"},
		{"one cell", "ab", 1, "…"},
		{"no cell", "ab", 0, ""},
		{"less than none", "ab", -1, ""},
		{"empty", "", 4, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in, c.limit); got != c.want {
				t.Errorf("Clean(%+q, %d) = %+q, want %+q", c.in, c.limit, got, c.want)
			}
			checkClean(t, c.in, c.limit)
		})
	}
}

// checkClean holds what Clean promises for every input.
func checkClean(t interface {
	Helper()
	Errorf(string, ...any)
}, in string, limit int) {
	t.Helper()
	out := Clean(in, limit)
	if !utf8.ValidString(out) || !norm.NFC.IsNormalString(out) {
		t.Errorf("Clean(%+q) = %+q is not valid UTF-8 in form C", in, out)
	}
	if w := ansi.StringWidth(out); w > max(limit, 0) {
		t.Errorf("Clean(%+q, %d) = %+q is %d cells wide", in, limit, out, w)
	}
	if again := Clean(out, limit); again != out {
		t.Errorf("Clean(%+q, %d) = %+q, again: %+q", in, limit, out, again)
	}
	if stripped := ansi.Strip(out); stripped != out {
		t.Errorf("Clean(%+q) = %+q still holds a sequence", in, out)
	}
	for _, r := range out {
		if r != ' ' && (unicode.IsControl(r) || unicode.IsSpace(r) || !unicode.IsGraphic(r) ||
			unicode.In(r, unicode.Cf, unicode.Bidi_Control, unicode.Join_Control, unicode.Variation_Selector,
				unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point)) {
			t.Errorf("Clean(%+q) = %+q lets %U out", in, out, r)
		}
	}
}

// Every code point there is: shown as it is and no wider than counted, or
// written out. Those of small blocks also go through Clean, behind a letter.
func TestCleanEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		out, n, _ := spell(r, 0)
		if out != string(r) {
			if out != " " && out != fmt.Sprintf("<U+%04X>", r) {
				t.Errorf("%U is written out as %q", r, out)
			}
			continue
		}
		if ansi.StringWidth(out) > n {
			t.Errorf("%U is %d cells wide, counted as %d", r, ansi.StringWidth(out), n)
		}
		if !unicode.In(r, unicode.Han, unicode.Hangul, unicode.Tangut, unicode.Yi, unicode.Egyptian_Hieroglyphs) {
			checkClean(t, "a"+out, 2)
		}
	}
}

func TestCleanProperties(t *testing.T) {
	nasty := rapid.SampledFrom([]rune(" >≯a漢\x00\x1b\x7f\u0085\u009b\u0301\u0338\u0327\u0334\u200d\u202e\ufe0f" +
		"\u1100\u1161\u11a8가👩🇫🇷\U0001F3FB\U000E0041\u00a0\u2028\ufffd\u0e33\u0915\u094d\u0937\u093f\u0600"))
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOfN(rapid.OneOf(nasty, rapid.Rune()), 0, 40).Draw(t, "text"))
		checkClean(t, in, rapid.IntRange(-1, 60).Draw(t, "limit"))
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31mb", 4)
	f.Add("\u200B\u0338\xff", 64)
	f.Add("👩\u200D🚒🇫🇷", 5)
	f.Fuzz(func(t *testing.T, in string, limit int) { checkClean(t, in, min(limit, 1<<16)) })
}

func TestCleanText(t *testing.T) {
	if got := cleanText("a\x1bb\nc\rd\n", 5); got != "a<U+001B>b\nc<U+000D>d\n" {
		t.Errorf("%q", got)
	}
	if got := cleanText(strings.Repeat("x\n", 100), 3); got != "x\nx\n…" {
		t.Errorf("%q", got)
	}
	if got := cleanText("a\nb\nc", 3); got != "a\nb\nc" {
		t.Errorf("%q", got)
	}
}
