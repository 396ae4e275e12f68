package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

// sampleCast is a small shell of 80 by 24 with a bit of everything.
func sampleCast() *fakeSource {
	s := &fakeSource{width: 80, height: 24}
	s.add(0, EventOutput, "\x1b]0;title\x07\x1b]52;c;aGk=\x07anna@laptop-7:~$ ls\r\n")
	s.add(time.Second, EventOutput, "\x1b[01;34mbin\x1b[0m  \x1b[8msecret\x1b[0m  日本語.txt e\u0301\r\nanna@laptop-7:~$ ")
	s.add(2*time.Second, EventMark, "before vim\x1b[2J")
	s.add(10*time.Second, EventOutput, "\x1b[?1049h\x1b[H\x1b[7m vim \x1b[0m\x1b[24;1H-- INSERT --\x1b[6n\x1b[c")
	s.add(12*time.Second, EventMark, "in vim")
	s.events = append(s.events, Event{At: 13 * time.Second, Kind: EventResize, Width: 100, Height: 30})
	s.add(15*time.Second, EventOutput, "\x1b[?1049l")
	s.add(60*time.Second, EventOutput, strings.Repeat("line\r\n", 30)+"bye")
	return s
}

// played is a player at a time of a recording, all its work done.
func played(p page, src Source, at time.Duration) *playScreen {
	s := newPlayScreen(context.Background(), p, Recording{Title: "laptop-7 · alice", Tracks: []Track{
		{Name: "shell 1", Source: src}, {Name: "shell 2", Source: sampleCast(), Offset: 5 * time.Second},
	}})
	s.playing = false
	settle(s)
	s.at = at
	return settle(s)
}

// settle does all the work there is.
func settle(s *playScreen) *playScreen {
	s.busy = false
	for {
		cmd := s.pump()
		if cmd == nil {
			return s
		}
		s.busy = false
		s.shown = cmd().(progress)
		s.at = s.within(s.at)
	}
}

func testPage() page { return page{ph: PhrasesFor("en"), width: 80, height: 24} }

func TestPlayerKeys(t *testing.T) {
	for _, c := range []struct {
		keys  []string
		at    time.Duration
		speed float64
		which int
	}{
		{nil, 20 * time.Second, 1, 0},
		{[]string{"right", "right", "left"}, 25 * time.Second, 1, 0},
		{[]string{"shift+right"}, 60 * time.Second, 1, 0},
		{[]string{"pgup"}, 0, 1, 0},
		{[]string{"end"}, 60 * time.Second, 1, 0},
		{[]string{"home", "m"}, 2 * time.Second, 1, 0},
		{[]string{"home", "m", "m", "m"}, 12 * time.Second, 1, 0},
		{[]string{"M", "M"}, 2 * time.Second, 1, 0},
		{[]string{"+", "+", "+", "+", "+"}, 20 * time.Second, 16, 0},
		{[]string{"-", "-"}, 20 * time.Second, 0.5, 0},
		{[]string{"3"}, 20 * time.Second, 3, 0},
		{[]string{"tab"}, 15 * time.Second, 1, 1},
		{[]string{"tab", "tab"}, 20 * time.Second, 1, 0},
		{[]string{"?", "right"}, 20 * time.Second, 1, 0},
	} {
		s := played(testPage(), sampleCast(), 20*time.Second)
		for _, k := range c.keys {
			s.Update(pressed(k))
			settle(s)
		}
		if s.at != c.at || s.speed != c.speed || s.which != c.which {
			t.Errorf("%v: at %v, speed %v, track %d", c.keys, s.at, s.speed, s.which)
		}
	}
}

func TestPlayerLeaves(t *testing.T) {
	for key, left := range map[string]bool{"q": false, "esc": false, "ctrl+c": true} {
		s := typed(played(testPage(), sampleCast(), 0), key)
		if !s.Done() || s.left != left {
			t.Errorf("%s: done %v, left %v", key, s.Done(), s.left)
		}
	}
}

// TestPlayerPlays lets the clock of the player run.
func TestPlayerPlays(t *testing.T) {
	s := played(testPage(), sampleCast(), 0)
	s.Update(pressed("space"))
	now := techTime()
	steps := 0
	for ; s.playing; steps++ {
		if steps > 10_000 {
			t.Fatal("it never ends")
		}
		now = now.Add(100 * time.Millisecond)
		s.step(now)
		settle(s)
	}
	// 60 s, of which the pauses from 2 to 10 s and from 15 to 60 s count 2 s.
	if s.at != 60*time.Second || steps < 100 || steps > 140 {
		t.Errorf("ended at %v after %d steps", s.at, steps)
	}
	if s.Update(pressed("space")); s.at != 0 || !s.playing {
		t.Errorf("playing again starts at %v", s.at)
	}
}

func TestPlayerPans(t *testing.T) {
	p := page{ph: PhrasesFor("en"), width: 20, height: 6}
	s := played(p, sampleCast(), 60*time.Second)
	if !strings.Contains(ansi.Strip(s.View()), "bye") {
		t.Errorf("the cursor is out of sight:\n%s", ansi.Strip(s.View()))
	}
	for range 20 {
		s.Update(pressed("ctrl+right"))
		s.Update(pressed("ctrl+up"))
	}
	if v := s.viewport(); v.x != 80 || v.y != 0 {
		t.Errorf("panned to %+v", v)
	}
	if s.Update(pressed("f")); s.viewport().x != 0 {
		t.Error("it does not follow the cursor again")
	}
}

func TestBrokenRecordingShowsItsPrefix(t *testing.T) {
	src := sampleCast()
	src.broken = errors.New("line 12 is no event")
	s := played(testPage(), src, 60*time.Second)
	if view := ansi.Strip(s.View()); !strings.Contains(view, "bye") || !strings.Contains(view, "can't be read") {
		t.Errorf("shows\n%s", view)
	}
}

func TestPanicOfTheEmulatorIsKept(t *testing.T) {
	e := newEmulation(10, 4)
	if err := e.guarded(func() { panic("index out of range") }); !errors.Is(err, errEmulator) {
		t.Errorf("got %v", err)
	}
	r := newReel(sampleCast())
	r.limit = 3
	if p := r.work(t.Context(), time.Hour); !p.reached || p.next != -1 || p.last != 2*time.Second {
		t.Errorf("past the failure: %+v", p)
	}
}

func TestPlainPlayPrintsTheLastScreen(t *testing.T) {
	out := onTerminal(t, []string{"TERM=dumb"}, "", func(ctx context.Context, term *Terminal) {
		src := sampleCast()
		src.events = src.events[:3]
		if err := Play(ctx, term, Recording{Title: "laptop-7", Tracks: []Track{{Source: src}}}); err != nil {
			t.Error(err)
		}
	})
	want := "laptop-7\r\nanna@laptop-7:~$ ls\r\nbin  secret  日本語.txt e\u0301\r\nanna@laptop-7:~$\r\n"
	if out != want {
		t.Errorf("printed %q", out)
	}
}

// TestSieve gives what may reach the emulator.
func TestSieve(t *testing.T) {
	for in, want := range map[string]string{
		"text\r\n\tmore\b":                         "text\r\n\tmore\b",
		"bell\a nul\x00 del\x7f":                   "bell nul del",
		"\x1b]52;c;aGVsbG8=\ax":                    "x",
		"\x1b]0;title\x1b\\x":                      "x",
		"\x1bPq#0;2\x1b\\x\x1b_a\x1b\\":            "x",
		"\x1b]8;;http://x\x1b[31mred":              "\x1b[31mred", // ESC ends a string
		"\x1b[31mred\x1b[0m":                       "\x1b[31mred\x1b[0m",
		"\x1b[99999999999b":                        "\x1b[1000b",
		"\x1b[123456;7H":                           "\x1b[9999;7H",
		"\x1b[?1;99r":                              "\x1b[?1;24r",
		"\x1b[3\r1m":                               "\r\x1b[31m",
		"\x1b[3\x1b[1m":                            "\x1b[1m",
		"\x1b[3\x18m":                              "m",
		"\x1b(0q\x1b(B":                            "\x1b(0q\x1b(B",
		"é日\u009b31m\xff\x9b":                      "é日31m\ufffd\ufffd",
		"\x1b[" + strings.Repeat("1;", 200) + "mx": "x",
	} {
		s := sieve{width: 80, height: 24}
		if got := string(s.pass(nil, []byte(in))); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// hostile draws output with more sequences in it than bytes by chance have.
func hostile() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		parts := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]string{
				"\x1b[?1049h", "\x1b[?1049l", "\x1b[?47h", "\x1b[?1047h", "\x1b[?1047l", "\x1b[?7l", "\x1b[?7h", "\x1b[?6h", "\x1b[?69h", "\x1b[5;10r",
				"\x1b[3;9s", "\x1b7", "\x1b8", "\x1bc", "\x1bH", "\x1b[3g", "\x1b[g", "\t", "\r\n", "\n\n\n", "\x1bM", "\x1b(0", "\x1b(B", "\x0e", "\x0f",
				"\x1b[31;44m", "\x1b[m", "\x1b[?25l", "\x1b[?25h", "\x1b[2J", "\x1b[K", "\x1b[3L", "\x1b[2M", "\x1b[4P", "\x1b[5@", "\x1b[20h", "日本", "e\u0301",
				"\x1b[9b", "\x1b[2S", "\x1b[2T", "\x1b[1;99H", "\x1b[99;1H", "\x1b]0;t", "\x1b[", "\xe6", "\x1b[5Z", "\x1b[?1048h", "\x1b[?1048l", "\x1b[?2026h",
			}),
			rapid.StringMatching(`[a-z ]{1,30}`),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 6), func(b []byte) string { return string(b) }),
		), 0, 40).Draw(t, "parts")
		return []byte(strings.Join(parts, ""))
	})
}

func TestSieveTakesAnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := hostile().Draw(t, "data")
		cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
		var whole, halves sieve
		want := whole.pass(nil, data)
		got := halves.pass(halves.pass(nil, data[:cut]), data[cut:])
		if string(got) != string(want) {
			t.Fatalf("cut at %d: %q, whole %q", cut, got, want)
		}
	})
}

// TestSnapshotsAreWhole goes on from a restored snapshot and from one that
// nothing ever happened to.
func TestSnapshotsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, between, after := hostile().Draw(t, "before"), hostile().Draw(t, "between"), hostile().Draw(t, "after")
		straight, turned := newEmulation(20, 8), newEmulation(20, 8)
		feed := func(e *emulation, data []byte) {
			if err := e.write(data); err != nil {
				t.Skip("the emulator failed: that is another test")
			}
		}
		feed(straight, before)
		feed(turned, before)
		saved := turned.save()
		same(t, "saving changed it", straight, turned)
		feed(turned, between)
		_ = turned.resize(rapid.IntRange(1, 30).Draw(t, "width"), rapid.IntRange(1, 12).Draw(t, "height"))
		feed(turned, between)
		turned.restore(saved)
		same(t, "restoring missed something", straight, turned)
		feed(straight, after)
		feed(turned, after)
		same(t, "they go on in two ways", straight, turned)
	})
}

// TestRushedLinesAreExact compares with an emulator that scrolls line by line.
func TestRushedLinesAreExact(t *testing.T) {
	lines := rapid.Map(rapid.SliceOfN(rapid.StringMatching(`[a-z ]{0,24}`), 1, 30), func(l []string) []byte {
		return []byte(strings.Join(l, "\r\n") + "\r\n")
	})
	rapid.Check(t, func(t *rapid.T) {
		rushed, slow := newEmulation(20, 8), newEmulation(20, 8)
		for _, data := range rapid.SliceOfN(rapid.OneOf(hostile(), lines, lines), 1, 8).Draw(t, "data") {
			slow.sieve.width, slow.sieve.height = 20, 8
			passed := slow.sieve.pass(nil, data)
			if slow.guarded(func() { _, _ = slow.em.Write(passed) }) != nil || rushed.write(data) != nil {
				t.Skip("the emulator failed: that is another test")
			}
			same(t, "rushed and slow differ", rushed, slow)
		}
	})
}

func same(t *rapid.T, what string, a, b *emulation) {
	f, g := a.frame(), b.frame()
	if f.width != g.width || f.height != g.height || f.x != g.x || f.y != g.y || f.cursor != g.cursor {
		t.Fatalf("%s: %dx%d at %d,%d %v, %dx%d at %d,%d %v", what, f.width, f.height, f.x, f.y, f.cursor, g.width, g.height, g.x, g.y, g.cursor)
	}
	for y := range f.cells {
		for x := range f.cells[y] {
			if !f.cells[y][x].Equal(&g.cells[y][x]) {
				t.Fatalf("%s: cell %d,%d is %+v and %+v", what, x, y, f.cells[y][x], g.cells[y][x])
			}
		}
	}
}

// TestSeeksAreExact compares jumps with reading from the start.
func TestSeeksAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := &fakeSource{width: 20, height: 6}
		at := time.Duration(0)
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			at += time.Duration(rapid.IntRange(0, 3).Draw(t, "gap")) * time.Second
			src.add(at, EventOutput, string(hostile().Draw(t, "data")))
		}
		r := newReel(src)
		r.spaced = 0 // a checkpoint after every event
		for range 8 {
			to := time.Duration(rapid.Int64Range(0, int64(at)+1).Draw(t, "to"))
			jumped, straight := reach(r, to), reach(newReel(src), to)
			if jumped.last != straight.last || jumped.next != straight.next || screenText(jumped.frame) != screenText(straight.frame) {
				t.Fatalf("at %v: %v %v\n%s\n%v %v\n%s", to, jumped.last, jumped.next, screenText(jumped.frame), straight.last, straight.next, screenText(straight.frame))
			}
		}
	})
}

func reach(r *reel, to time.Duration) progress {
	for {
		if p := r.work(context.Background(), to); p.reached {
			return p
		}
	}
}

func screenText(f *frame) string {
	var lines []string
	for y := range f.cells {
		lines = append(lines, f.line(y, 0, f.width))
	}
	return strings.Join(lines, "\n")
}

func TestCheckpointsAreBounded(t *testing.T) {
	src := &fakeSource{width: 400, height: 300}
	for i := range 200 {
		src.add(time.Duration(i)*time.Second, EventOutput, "x")
	}
	r := newReel(src)
	r.spaced = 1
	reach(r, time.Hour)
	total := 0
	for i, p := range r.points {
		total += p.state.bytes()
		if i > 0 && p.pos <= r.points[i-1].pos {
			t.Errorf("checkpoint %d is out of order", i)
		}
	}
	if total > checkpointBytes || len(r.points) < 2 {
		t.Errorf("%d checkpoints of %d bytes", len(r.points), total)
	}
}

// FuzzPlayer feeds anything at all: nothing may crash or hang, and nothing but
// text and styles may come out.
func FuzzPlayer(f *testing.F) {
	f.Add([]byte("\x1b]52;c;aGVsbG8=\a\x1b[6n\x1b[?1049h\x1b[999b"), uint8(80), uint8(24))
	f.Add([]byte("日本\x1b[1;80H語\u0301\u200d\U0001F468\x1b[2P"), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, width, height uint8) {
		src := &fakeSource{width: int(width), height: int(height)}
		src.add(0, EventOutput, string(data))
		src.events = append(src.events, Event{At: time.Second, Kind: EventResize, Width: int(height), Height: int(width)})
		src.add(2*time.Second, EventOutput, string(data))
		s := played(page{ph: PhrasesFor("en"), width: 30, height: 10}, src, 2*time.Second)
		view := s.View()
		mustFit(t, view, Size{30, 10})
		for _, r := range ansi.Strip(view) {
			if r != '\n' && unicode.IsControl(r) {
				t.Fatalf("%U comes out of %q", r, data)
			}
		}
		for _, seq := range strings.Split(view, "\x1b")[1:] {
			if end := strings.IndexFunc(seq, unicode.IsLetter); seq[0] != '[' || seq[end] != 'm' {
				t.Fatalf("the sequence %q comes out of %q", seq, data)
			}
		}
	})
}
