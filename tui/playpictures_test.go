package tui

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"

	"accord/recordings/rfb"
)

// slides are a recorded screen of ten seconds whose picture changes each second.
type slides struct {
	screen *rfb.Screen
	frame  *rfb.Frame

	mu     sync.Mutex
	sought []time.Duration
	looked int
	broken string
}

func newSlides(t testing.TB) *slides {
	t.Helper()
	s, f := desktop(t, 640, 400)
	return &slides{screen: s, frame: f}
}

func (s *slides) Screen() *rfb.Screen   { return s.screen }
func (s *slides) Length() time.Duration { return 10 * time.Second }
func (s *slides) Broken() string        { return s.broken }

func (s *slides) Seek(_ context.Context, at time.Duration) (Moment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sought = append(s.sought, at)
	r := image.Rect(0, 0, 64, 64)
	s.frame.Fill(r, byte(at/time.Second)*20, 0, 255)
	s.screen.Commit(s.frame, rfb.Damage{Rects: []image.Rectangle{r}})
	m := Moment{At: at.Truncate(time.Second), Next: at.Truncate(time.Second) + time.Second, Paused: at >= 8*time.Second && at < 9*time.Second}
	if m.Next > s.Length() {
		m.Next = -1
	}
	return m, nil
}

func (s *slides) Look(context.Context) (Pulse, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := time.Duration(s.looked) * 5 * time.Second
	s.looked++
	var p Pulse
	for i := range 5 {
		p.Changes = append(p.Changes, from+time.Duration(i)*time.Second)
	}
	p.Inputs = []time.Duration{from + 2*time.Second}
	p.Marks = []Bookmark{{At: from + 3*time.Second, Text: fmt.Sprint("mark at ", from+3*time.Second)}}
	return p, s.looked < 2
}

// last is the time that was gone to last.
func (s *slides) last() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sought) == 0 {
		return -1
	}
	return s.sought[len(s.sought)-1]
}

// TestScreenIsPlayed: a recorded screen plays by the clock, goes where the keys
// say, and leaves the terminal as it was.
func TestScreenIsPlayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, o, end := newTalker(nil, 0)
		s := newSlides(t)
		done := make(chan error)
		go func() {
			done <- Play(t.Context(), term, Recording{Title: "ada on laptop-7", Tracks: []Track{{Name: "002.frames", Pictures: s}}})
		}()
		awhile()
		awhile()
		if at := s.last(); at < 2*time.Second || at > 6*time.Second {
			t.Errorf("after some seconds %v are shown", at)
		}
		o.typed(" ")
		for _, c := range []struct {
			key  string
			want time.Duration
		}{
			{"\x1b[F", 10 * time.Second}, {"\x1b[D", 5 * time.Second}, {"\x1b[H", 0},
			{"m", 3 * time.Second}, {"m", 8 * time.Second}, {"M", 3 * time.Second}, {"z", 3 * time.Second}, {"\x1b[1;5C", 3 * time.Second},
		} {
			o.typed(c.key)
			awhile()
			if at := s.last(); at != c.want {
				t.Errorf("after %q %v are shown, not %v", c.key, at, c.want)
			}
		}
		if got := o.String(); !strings.Contains(got, "mark at 8s") || !strings.Contains(got, "Paused here") || !strings.Contains(got, "▇") {
			t.Error("mark, pause or strip is not shown")
		}
		o.typed("?", "x", "q")
		if err := <-done; err != nil {
			t.Errorf("the player ended with %v", err)
		}
		awhile()
		end()
		checkRestored(t, o.String())
	})
}

// TestScreenAndShellTakeTurns at the same time of the visit.
func TestScreenAndShellTakeTurns(t *testing.T) {
	s := newSlides(t)
	rec := Recording{Title: "ada on laptop-7", Tracks: []Track{
		{Name: "001.cast", Source: sampleCast()},
		{Name: "002.frames", Pictures: s, Offset: time.Second},
		{Name: "003.cast", Source: sampleCast()},
	}}
	for keys, want := range map[string]error{"\t\t\tq": nil, "\t\x03": ErrLeft, "\t\t\t\t \x1b[H\t\t\t\tq": nil, "\x1b[Zq": nil} {
		out := onTerminal(t, []string{"TERM=xterm"}, keys, func(ctx context.Context, term *Terminal) {
			if err := Play(ctx, term, rec); !errors.Is(err, want) {
				t.Errorf("%q: %v", keys, err)
			}
		})
		if strings.Count(out, "\x1b[?1049h") != strings.Count(out, "\x1b[?1049l") {
			t.Errorf("%q: the second screen is left on", keys)
		}
	}
	if len(s.sought) == 0 {
		t.Error("the screen was not shown")
	}
}

// TestScreenWithoutColour: who wants none gets a sentence.
func TestScreenWithoutColour(t *testing.T) {
	rec := Recording{Title: "x", Tracks: []Track{{Name: "002.frames", Pictures: newSlides(t)}}}
	out := onTerminal(t, []string{"TERM=xterm", "NO_COLOR=1"}, "q", func(ctx context.Context, term *Terminal) {
		if err := Play(ctx, term, rec); err != nil {
			t.Error(err)
		}
	})
	if !strings.Contains(out, "00:10") {
		t.Errorf("got %q", out)
	}
}

// TestDeckViews are the texts around a recorded screen.
func TestDeckViews(t *testing.T) {
	for _, size := range []Size{{80, 24}, {40, 12}, {24, 6}} {
		for _, lang := range []string{"en", "fr"} {
			p := page{ph: PhrasesFor(lang), width: size.Width, height: size.Height}
			s := newSlides(t)
			rec := Recording{Title: "ada on laptop-7", Tracks: []Track{{Name: "002.frames desk", Pictures: s}, {Source: sampleCast()}}}
			d := &deck{playScreen: newPlayScreen(t.Context(), p, rec), pulses: &pulses{}}
			for more := true; more; {
				var pulse Pulse
				pulse, more = s.Look(t.Context())
				d.take(finding{pulse: &pulse})
			}
			d.at, d.playing = 8500*time.Millisecond, false
			d.take(finding{progress: progress{reached: true, at: d.at, length: s.Length(), known: true}, paused: true})
			m := newScreenModel(p, ScreenShow{Screen: s.screen, Device: "x", Frozen: d.frozen}, abilities{})
			m.deck, m.seen = d, true
			m.poll(nil)
			rows := m.rows()
			lines := make([]string, size.Height)
			for y := range lines {
				lines[y] = rows[y]
			}
			golden(t, fmt.Sprintf("play-screen-%s-%dx%d", lang, size.Width, size.Height), strings.Join(lines, "\n"))
			if room := m.room(); room.Dy() < 1 || room.Max.Y > size.Height-len(m.foot()) {
				t.Errorf("%v: the picture is at %v", size, room)
			}
		}
	}
}

// TestStrip shows when something happened.
func TestStrip(t *testing.T) {
	p := &pulses{}
	var s strip
	if got := s.draw(p, 0, 8); strings.TrimSpace(ansi.Strip(got)) != "" {
		t.Errorf("nothing is %q", got)
	}
	p.add(Pulse{Changes: slices.Repeat([]time.Duration{0}, 7), Inputs: []time.Duration{9 * time.Second}})
	p.add(Pulse{Changes: []time.Duration{5 * time.Second}})
	got := []rune(ansi.Strip(s.draw(p, 10*time.Second, 11)))
	if len(got) != 11 || got[0] != '▇' || got[5] != '▁' && got[5] != '▂' || got[9] != '·' || got[3] != ' ' {
		t.Errorf("the strip is %q", string(got))
	}
	if _, ok := moving("q"); ok {
		t.Error("q moves the picture")
	}
	var none *deck
	if none.findings() != nil {
		t.Error("where nothing is played there are findings")
	}
}
