package tui

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// TestBannerTakesALine: whatever the screen, the banner costs it one line, and
// nothing where there is no room.
func TestBannerTakesALine(t *testing.T) {
	for name, build := range techScreens() {
		for _, size := range []Size{{80, 24}, {40, 12}, {80, 7}, {3, 8}, {1, 1}} {
			p := page{ph: PhrasesFor(""), width: size.Width, height: size.Height, now: techTime()}
			m := &program{screen: build(p), size: tea.WindowSizeMsg{Width: size.Width, Height: size.Height}}
			m.Update(bannerMsg{text: "Override 1: bob asks for laptop · ssh … override show 1"})
			view := m.View().Content
			if size.Width >= 40 {
				mustFit(t, view, size)
			}
			shown := strings.HasPrefix(ansi.Strip(view), " Override")
			if want := size.Height >= bannerLeast && size.Width >= 40; shown != want && size.Width >= 40 {
				t.Errorf("%s at %v: the banner is there: %v\n%s", name, size, shown, view)
			}
			m.Update(bannerMsg{})
			if strings.Contains(m.View().Content, "Override 1") {
				t.Errorf("%s: the banner stays", name)
			}
		}
	}
}

func TestBannerGolden(t *testing.T) {
	p := page{ph: PhrasesFor(""), width: 80, height: 24, now: techTime()}
	m := &program{screen: techScreens()["devices"](p), size: tea.WindowSizeMsg{Width: 80, Height: 24}}
	m.Update(bannerMsg{text: "Override 1: bob asks for laptop · ssh … override show 1"})
	golden(t, "banner.80x24", m.View().Content)
}

// TestBannerRings: the bell is for what is new, and rings on the terminal.
func TestBannerRings(t *testing.T) {
	term, screen := banneredTerminal(t)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- Notice(ctx, term, Note{Title: "Hello"}) }()
	screen.waits(t, "Hello")
	if strings.Contains(screen.text(), "\a") {
		t.Error("it rings before there is anything")
	}
	term.Banner.Set("Override 7", false)
	screen.waits(t, "Override 7")
	term.Banner.Set("Override 7 and 8", true)
	screen.waits(t, "\a")
	cancel()
	<-done
}

func TestOffer(t *testing.T) {
	for keys, want := range map[string]struct {
		yes bool
		err error
	}{
		"o":      {true, nil},
		"O":      {false, nil},
		"\r":     {false, nil},
		"x":      {false, nil},
		"\x1b":   {false, nil},
		"\x03":   {false, ErrLeft},
		"\x1b[A": {false, nil},
	} {
		in, out := io.Pipe()
		term := &Terminal{In: NewInput(in), Out: io.Discard, Window: NewWindow(Size{80, 24}), Env: []string{"TERM=xterm"}}
		go func() { _, _ = io.WriteString(out, keys) }()
		yes, err := OfferOverride(t.Context(), term, Note{Title: "Nobody"}, "ssh …")
		if yes != want.yes || !errors.Is(err, want.err) {
			t.Errorf("%q: %v, %v", keys, yes, err)
		}
		_ = out.Close()
	}
}

// TestOfferPlain: line by line, only a lone o is a yes.
func TestOfferPlain(t *testing.T) {
	for line, want := range map[string]bool{"o\n": true, " o \n": true, "\n": false, "ok\n": false, "yes\n": false} {
		var out strings.Builder
		term := &Terminal{In: NewInput(strings.NewReader(line)), Out: &out, Window: NewWindow(Size{}), Env: []string{"TERM=dumb"}}
		yes, err := OfferOverride(t.Context(), term, Note{Title: "Nobody at laptop answered."}, "ssh … override request laptop")
		if yes != want || err != nil {
			t.Errorf("%q: %v, %v", line, yes, err)
		}
		if !strings.Contains(out.String(), "override request laptop") {
			t.Errorf("it does not say how: %s", out.String())
		}
	}
	var out strings.Builder
	piped := &Terminal{In: NewInput(strings.NewReader("o\n")), Out: &out, Window: NewWindow(Size{}), Piped: true}
	if yes, err := OfferOverride(t.Context(), piped, Note{Title: "Nobody"}, "ssh"); yes || err != nil {
		t.Error("a pipe was asked", yes, err)
	}
}

// banneredTerminal is a terminal with a banner, and what is written to it.
func banneredTerminal(t *testing.T) (*Terminal, *paper) {
	t.Helper()
	in, out := io.Pipe()
	t.Cleanup(func() { _ = out.Close() })
	w := newPaper()
	return &Terminal{In: NewInput(in), Out: w, Window: NewWindow(Size{80, 24}), Env: []string{"TERM=xterm"}, Banner: NewBanner()}, w
}

// paper keeps what is written and tells who waits for it.
type paper struct {
	more chan string
	seen chan string
}

func newPaper() *paper {
	w := &paper{more: make(chan string, 1024), seen: make(chan string, 1)}
	w.seen <- ""
	return w
}

func (w *paper) Write(p []byte) (int, error) {
	w.more <- string(p)
	return len(p), nil
}

func (w *paper) text() string {
	seen := <-w.seen
	for {
		select {
		case s := <-w.more:
			seen += s
			continue
		default:
		}
		w.seen <- seen
		return seen
	}
}

func (w *paper) waits(t *testing.T, what string) {
	t.Helper()
	late := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(w.text(), what) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%q is not shown: %q", what, w.text())
		}
	}
}
