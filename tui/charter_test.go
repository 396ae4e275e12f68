package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

func sampleCharter() Charter {
	lines := []string{"Charter for remote help", ""}
	for i := 1; i <= 12; i++ {
		lines = append(lines, fmt.Sprintf("%d. I open nothing that the request does not need, and I say aloud what I am about to do before I do it.", i), "")
	}
	return Charter{
		Organisation: "Example Care", Version: "4", Lines: append(lines, "That is all."), Name: "Alice Martin",
		NameFits: func(s string) bool { return s == "Alice Martin" },
	}
}

func charterIn(lang string, s Size, keys ...string) *charterScreen {
	screen := newCharterScreen(page{ph: PhrasesFor(lang), width: s.Width, height: s.Height}, sampleCharter())
	return typed(screen, keys...)
}

func pages(n int) []string {
	var keys []string
	for range n {
		keys = append(keys, "space")
	}
	return keys
}

func TestCharterScreens(t *testing.T) {
	screens := map[string][]string{
		"charter":        nil,
		"charter-middle": {"space", "down"},
		"charter-end":    pages(40),
		"charter-typed":  append(pages(40), "A", "l"),
		"charter-wrong":  append(pages(40), "x", "enter"),
	}
	for name, keys := range screens {
		for _, lang := range []string{"en", "fr"} {
			for _, s := range []Size{{40, 12}, {80, 24}, {120, 40}, {1, 1}, {5, 3}, {20, 50}, {300, 5}} {
				t.Run(fmt.Sprintf("%s/%s/%dx%d", name, lang, s.Width, s.Height), func(t *testing.T) {
					view := charterIn(lang, s, keys...).View()
					mustFit(t, view, s)
					if s == (Size{80, 24}) || s == (Size{40, 12}) {
						golden(t, fmt.Sprintf("tech-%s-%s-%dx%d", name, lang, s.Width, s.Height), view)
					}
				})
			}
		}
	}
}

// TestCharterNeedsReading: a name is taken only after the last line was on the
// screen, and only the right one.
func TestCharterNeedsReading(t *testing.T) {
	name := strings.Split("A l i c e space M a r t i n", " ")
	for _, c := range []struct {
		what string
		keys []string
		done bool
	}{
		{"typed at once", append(name, "enter"), false},
		{"typed in the middle", append(append(pages(1), name...), "enter"), false},
		{"Enter alone goes on in the text", []string{"enter", "enter", "enter", "enter", "enter", "enter", "enter", "enter"}, false},
		{"read, no name", append(pages(40), "enter"), false},
		{"read, another name", append(pages(40), "B", "o", "b", "enter"), false},
		{"read and signed", append(append(pages(40), name...), "enter"), true},
		{"read, back to the top, signed", append(append(append(pages(40), "pgup", "pgup", "pgup", "pgup"), name...), "enter"), true},
		{"wrong, mended", append(append(pages(40), "x", "enter", "backspace"), append(name, "enter")...), true},
	} {
		s := charterIn("en", Size{80, 24}, c.keys...)
		if s.done != c.done || c.done && (s.typed != "Alice Martin" || s.end != nil) || !c.done && s.typed != "" {
			t.Errorf("%s: done %v, typed %q, %v", c.what, s.done, s.typed, s.end)
		}
	}
	// A window in which no line can be seen shows nothing, however long one
	// stays in it.
	s := charterIn("en", Size{80, 3}, append(append(pages(200), name...), "enter")...)
	if s.read || s.done {
		t.Error("signed without a line that could be read")
	}
	for key, want := range map[string]error{"esc": ErrBack, "ctrl+c": ErrLeft} {
		if s := charterIn("en", Size{80, 24}, append(pages(40), key)...); !s.done || !errors.Is(s.end, want) || s.typed != "" {
			t.Errorf("%s: %v, %v", key, s.done, s.end)
		}
	}
}

// TestCharterShowsEveryLine: whatever sizes and keys, when the text counts as
// read, its last line was on the screen; and nothing overflows the window.
func TestCharterShowsEveryLine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := charterIn("en", Size{80, 24})
		shown := false
		look := func() {
			view := s.View()
			shown = shown || strings.Contains(ansi.Strip(view), "That is all.")
			if strings.Count(view, "\n") >= max(s.height, 1) {
				rt.Fatalf("%d lines in %d", strings.Count(view, "\n")+1, s.height)
			}
			if s.read && !shown {
				rt.Fatalf("it counts as read, and the end was never shown:\n%s", ansi.Strip(view))
			}
		}
		look()
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			if rapid.IntRange(0, 4).Draw(rt, "resize") == 0 {
				s.Update(tea.WindowSizeMsg{Width: rapid.IntRange(12, 140).Draw(rt, "w"), Height: rapid.IntRange(1, 50).Draw(rt, "h")})
			} else {
				typed(s, rapid.SampledFrom([]string{"space", "down", "up", "pgdown", "pgup", "a", "enter"}).Draw(rt, "key"))
			}
			look()
		}
	})
}

func TestCharterOnTerminals(t *testing.T) {
	onTerminal(t, []string{"TERM=xterm"}, strings.Repeat(" ", 40)+"Alice Martin\rls\n", func(ctx context.Context, term *Terminal) {
		typed, err := SignCharter(ctx, term, sampleCharter())
		if err != nil || !strings.HasSuffix(typed, "Alice Martin") {
			t.Errorf("%q, %v", typed, err)
		}
	})
	out := onTerminal(t, []string{"TERM=dumb"}, "\r\rBob\r\rAlice Martin\r", func(ctx context.Context, term *Terminal) {
		if typed, err := SignCharter(ctx, term, sampleCharter()); err != nil || typed != "Alice Martin" {
			t.Errorf("in lines: %q, %v", typed, err)
		}
	})
	for _, want := range []string{"version 4", "12. I open nothing", "% read", "That is not your name", "That is all."} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}
	for _, keys := range []string{".\r", "\r\r.\r"} {
		onTerminal(t, []string{"TERM=dumb"}, keys, func(ctx context.Context, term *Terminal) {
			if _, err := SignCharter(ctx, term, sampleCharter()); !errors.Is(err, ErrBack) {
				t.Errorf("%q: %v", keys, err)
			}
		})
	}
}

func TestDays(t *testing.T) {
	for lang, want := range map[string]string{"en": "1 May 2027", "fr": "1er mai 2027"} {
		if got := PhrasesFor(lang).day("2027-05-01"); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
	for month := 1; month <= 12; month++ {
		text := fmt.Sprintf("2027-%02d-30", month)
		if month == 2 {
			text = "2027-02-28"
		}
		if en, fr := PhrasesFor("en").day(text), PhrasesFor("fr").day(text); en == text || fr == text {
			t.Errorf("%s: %q, %q", text, en, fr)
		}
	}
	if got := PhrasesFor("en").day("someday"); got != "someday" {
		t.Errorf("%q", got)
	}
}

// What isn't known of charter and training is said, not left out.
func TestPromptSaysWhatIsNotKnown(t *testing.T) {
	p := samplePrompt()
	p.CharterVersion, p.TrainedUntil = "", ""
	for lang, want := range map[string]string{"en": "none signed; training not known", "fr": "aucune signée\u00a0; formation inconnue"} {
		if got := p.rules(PhrasesFor(lang)); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
}
