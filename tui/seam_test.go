package tui

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestSeam(t *testing.T) {
	for text, open := range map[string]bool{
		"": true, "plain": true, "line\r\n": true, "\x1b": false, "\x1b[": false, "\x1b[31": false, "\x1b[31m": true, "\x1b[31mred": true,
		"\x1b]0;title": false, "\x1b]0;title\x07": true, "\x1b]0;title\x1b": false, "\x1b]0;title\x1b\\": true, "\x1bP+q\x1b": false,
		"\x1b(": false, "\x1b(B": true, "\x1b7": true, "\x1b[12\x18": true, "\x1b\x1b": false, "\x1b\x1b[m": true,
		"é": true, "\xc3": false, "a\xe2\x82": false, "€": true, "\xf0\x9f\x99": false, "🙂": true, "\xff": true, "\xe2\x82x": true,
		"\x1b[?1049h": true, "\xe2\x1b[m": true, "\x1b]x\x1b[": false, "\x1b]x\x1b[m": true,
	} {
		var s Seam
		s.Pass([]byte(text))
		if s.Open() != open {
			t.Errorf("%q: open %v", text, s.Open())
		}
	}
}

func TestSeamKnowsTheScreen(t *testing.T) {
	for text, alt := range map[string]bool{
		"": false, "\x1b[?1049h": true, "\x1b[?1049h\x1b[?1049l": false, "\x1b[?47hx": true, "\x1b[?1047h": true, "\x1b[?1049hx\x1bc": false,
		"\x1b[?25h": false, "\x1b[?10499999999h": false, "\x1b[1049h": false, "\x1b]\x1b[?1049h": true,
	} {
		var s Seam
		s.Pass([]byte(text))
		if line := string(s.Line("ada watches")); strings.Contains(line, "\x1b7") != alt || strings.Contains(line, "\r\n") == alt {
			t.Errorf("%q: %q", text, line)
		}
	}
}

// TestSeamCutAnywhere: how the output is cut into pieces changes nothing.
func TestSeamCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := terminalText().Draw(t, "text")
		var whole, cut Seam
		whole.Pass([]byte(text))
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			cut.Pass(rest[:n])
			rest = rest[n:]
		}
		if whole.Open() != cut.Open() || whole.alt != cut.alt {
			t.Fatalf("%q: whole %v, in pieces %v", text, whole, cut)
		}
	})
}

// FuzzSeam: where a line may be written, the emulator paints the same with and
// without a line that changes nothing.
func FuzzSeam(f *testing.F) {
	for _, text := range []string{"plain", "\x1b[31mred\x1b", "\x1b]0;t\x1b\\x", "\xe2\x82", "\x1b[?1049h\x1b[1;2H\x1bP"} {
		f.Add([]byte(text), []byte("after\r\n\x1b[mx"))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		var s Seam
		if s.Pass(before); !s.Open() || !utf8.Valid(before) {
			return
		}
		with, without := newEmulation(30, 5), newEmulation(30, 5)
		for _, e := range []struct {
			*emulation
			between string
		}{{with, "\x1b[m"}, {without, ""}} {
			for _, p := range []string{string(before), "\x1b[m" + e.between, string(after)} {
				for len(p) > 0 {
					n := min(len(p), writeAtOnce)
					if e.write([]byte(p[:n])) != nil {
						return
					}
					p = p[n:]
				}
			}
		}
		if a, b := frameText(with.frame()), frameText(without.frame()); a != b {
			t.Errorf("%q, then %q: a line between changes\n%s\ninto\n%s", before, after, b, a)
		}
	})
}

func BenchmarkSeam(b *testing.B) {
	for name, line := range map[string]string{"text": "something or other that is printed\r\n", "colour": "\x1b[31mhello\x1b[0m world "} {
		b.Run(name, func(b *testing.B) {
			data := []byte(strings.Repeat(line, 32<<10/len(line)))
			b.SetBytes(int64(len(data)))
			var s Seam
			for b.Loop() {
				s.Pass(data)
			}
		})
	}
}
