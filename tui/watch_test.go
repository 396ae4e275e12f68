package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// fakeTail is a shell that grows when the test lets it.
type fakeTail struct {
	width, height int

	mu     sync.Mutex
	events []Event
	at     int
	ended  bool
	broken error // in place of the end
	grown  chan struct{}
	closed bool
}

func newTail(width, height int, output ...string) *fakeTail {
	f := &fakeTail{width: width, height: height, grown: make(chan struct{})}
	for _, text := range output {
		f.add(Event{Kind: EventOutput, Data: []byte(text)})
	}
	return f
}

func (f *fakeTail) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.grown)
	f.grown = make(chan struct{})
}

func (f *fakeTail) add(events ...Event) { f.change(func() { f.events = append(f.events, events...) }) }
func (f *fakeTail) finish()             { f.change(func() { f.ended = true }) }

func (f *fakeTail) Header() (width, height int, title string) { return f.width, f.height, "" }

func (f *fakeTail) Next() (Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at < len(f.events) {
		f.at++
		return f.events[f.at-1], nil
	}
	if f.broken != nil {
		return Event{}, f.broken
	}
	return Event{}, io.EOF
}

func (f *fakeTail) Wait(ctx context.Context) error {
	f.mu.Lock()
	grown, ended, more := f.grown, f.ended, f.at < len(f.events)
	f.mu.Unlock()
	switch {
	case more:
		return nil
	case ended:
		return io.EOF
	}
	select {
	case <-grown:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeTail) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

func (f *fakeTail) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *fakeTail) shell(id, name string) LiveShell {
	return LiveShell{ID: id, Name: name, Follow: func() (Tail, error) { return f, nil }}
}

func testScene(shells ...LiveShell) Scene {
	return Scene{
		Technician: "bob", Full: "Bob Stone", Device: "laptop-7", Reason: "The printer is stuck", Ticket: "INC-4711",
		Capabilities: []string{"shell"}, Until: techTime().Add(12 * time.Minute), Watchers: []Watcher{{Name: "Ada Long (ada)"}}, Shells: shells,
	}
}

// watched is a screen that shows a tail as it is now. Its actions are noted.
func watched(p page, w Watching, did *[]WatchAction, sights ...sight) *watchScreen {
	s := newWatchScreen(p, w)
	s.show = func(LiveShell) tea.Cmd { return nil }
	s.wait = func(*live) tea.Cmd { return nil }
	s.act = func(a WatchAction) tea.Cmd {
		if did != nil {
			*did = append(*did, a)
		}
		return nil
	}
	s.Init()
	for _, of := range sights {
		s.live = of.of
		s.Update(of)
	}
	return s
}

// sightOf is the picture of what a shell has printed.
func sightOf(t testing.TB, width, height int, output ...string) sight {
	t.Helper()
	tail := newTail(width, height, output...)
	tail.finish()
	l := follow(tail)
	defer l.close()
	<-l.done
	s := l.look()
	s.ended = false
	return s
}

// watchScreens are those of a supervisor, in a state worth a look.
func watchScreens(t *testing.T) map[string]func(page) screen {
	t.Helper()
	shell := sightOf(t, 80, 24, "\x1b]0;title\x07anna@laptop-7:~$ ls\r\n\x1b[01;34mbin\x1b[0m  日本語.txt\r\nanna@laptop-7:~$ ")
	small := sightOf(t, 30, 6, "$ make\r\nall is well\r\n$ ")
	one := LiveShell{ID: "001.cast", Name: "shell"}
	two := LiveShell{ID: "002.cast", Name: "uname -a", Ended: true}
	w := Watching{Scene: testScene(one), MayEnd: true, MayType: true}
	with := func(change func(*Watching)) Watching {
		other := w
		change(&other)
		return other
	}
	at := techTime()
	list := VisitList{MayWatch: true, MayEnd: true, Visits: []VisitLine{
		{Visit: "20261122-161000-abcdefgh", Open: true, Technician: "bob", Device: "laptop-7", Reason: "The printer is stuck", Ticket: "INC-4711", Until: at.Add(12 * time.Minute), Watchers: []Watcher{{Name: "ada"}, {Name: "carol", Hands: true}}},
		{Visit: "20261122-162000-abcdefgi", Open: true, Technician: "alice", Device: "till-3", Until: at.Add(30 * time.Second), Held: true},
		{Visit: "20261122-162100-abcdefgj", Open: true, Technician: "dora", Device: "srv-1", Until: at.Add(3 * time.Hour), Paused: true},
		{Visit: "20261122-162900-abcdefgk", Technician: "bob", Device: "kiosk-2", Reason: "It beeps"},
	}}
	return map[string]func(page) screen{
		"watch":       func(p page) screen { return watched(p, w, nil, shell) },
		"watch-small": func(p page) screen { return watched(p, w, nil, small) },
		"watch-help": func(p page) screen {
			return typed(watched(p, with(func(w *Watching) { w.Scene.Said = []Spoken{{"ada", "Careful with that."}, {"the user", "Thank you!"}} }), nil, shell), "?")
		},
		"watch-say":  func(p page) screen { return typed(watched(p, w, nil, shell), "s", "S", "t", "o", "p") },
		"watch-end":  func(p page) screen { return typed(watched(p, w, nil, shell), "x") },
		"watch-type": func(p page) screen { return typed(watched(p, w, nil, shell), "i") },
		"watch-screen": func(p page) screen {
			return watched(p, with(func(w *Watching) { w.Scene.Shells, w.Scene.Screen = nil, true }), nil)
		},
		"watch-empty": func(p page) screen { return watched(p, with(func(w *Watching) { w.Scene.Shells = nil }), nil) },
		"watch-state": func(p page) screen {
			s := watched(p, with(func(w *Watching) {
				w.Scene.Shells, w.Scene.Paused, w.Scene.Held = []LiveShell{two, one}, true, true
			}), nil, shell)
			next := s.scene
			next.Said = []Spoken{{"the user", "What are you doing there?"}}
			s.Update(newsMsg[Scene]{next, true})
			return s
		},
		"watch-over": func(p page) screen {
			s := watched(p, w, nil, shell)
			next := s.scene
			next.Over = "The user stopped the visit."
			s.Update(newsMsg[Scene]{next, true})
			return s
		},
		"devices-visits": func(p page) screen {
			return newDeviceScreen(p, DeviceList{Person: "ada", Devices: techDevices(), Visits: true})
		},
		"visits": func(p page) screen { return newVisitScreen(p, list) },
		"visits-end": func(p page) screen {
			return typed(newVisitScreen(p, list), "down", "x")
		},
		"visits-asked": func(p page) screen { return typed(newVisitScreen(p, list), "end", "enter") },
		"visits-help":  func(p page) screen { return typed(newVisitScreen(p, list), "?") },
		"visits-none":  func(p page) screen { return newVisitScreen(p, VisitList{}) },
		"visits-auditor": func(p page) screen {
			list := list
			list.MayWatch, list.MayEnd = false, false
			return typed(newVisitScreen(p, list), "enter")
		},
	}
}

func TestWatchScreensFitEveryWindow(t *testing.T) {
	sizes := []Size{{40, 12}, {60, 18}, {80, 24}, {120, 40}, {1, 1}, {2, 3}, {10, 4}, {200, 2}, {7, 60}}
	for name, make := range watchScreens(t) {
		for _, lang := range []string{"en", "fr_CA.UTF-8"} {
			for _, size := range sizes {
				s := typed(make(page{ph: PhrasesFor(lang), width: size.Width, height: size.Height}))
				mustFit(t, s.View(), size)
				if size.Width == 80 || size.Width == 40 {
					golden(t, fmt.Sprintf("tech-%s-%s-%dx%d", name, lang[:2], size.Width, size.Height), s.View())
				}
			}
		}
		s := typed(make(testPage()))
		s.Update(tea.WindowSizeMsg{Width: 33, Height: 9})
		mustFit(t, s.View(), Size{33, 9})
	}
}

func TestWatchKeys(t *testing.T) {
	shell := sightOf(t, 80, 24, "$ ")
	shell.of = &live{}
	may := Watching{Scene: testScene(LiveShell{ID: "1"}), MayEnd: true, MayType: true}
	mayNot := Watching{Scene: testScene(LiveShell{ID: "1"}), WhyNot: "Not here."}
	for _, c := range []struct {
		name string
		w    Watching
		keys []string
		want []WatchAction
		told string
		done bool
		left bool
	}{
		{"nothing is sent by looking", may, []string{"a", "b", "enter", "space", "?", "z", "tab"}, nil, "", false, false},
		{"leave", may, []string{"q"}, nil, "", true, false},
		{"leave by escape", may, []string{"esc"}, nil, "", true, false},
		{"leave for good", may, []string{"ctrl+c"}, nil, "", true, true},
		{"say", may, []string{"s", "q", "x", "enter"}, []WatchAction{SayLine{"qx"}}, "", false, false},
		{"say nothing", may, []string{"s", "enter"}, nil, "", false, false},
		{"not say", may, []string{"s", "a", "esc", "enter"}, nil, "", false, false},
		{"end", may, []string{"x", "y"}, []WatchAction{EndVisit{}}, "", false, false},
		{"not end", may, []string{"x", "n", "y"}, nil, "", false, false},
		{"not end by leaving", may, []string{"x", "enter"}, nil, "", false, false},
		{"may not end", mayNot, []string{"x", "y"}, nil, "", false, false},
		{"may not type", mayNot, []string{"i", "l", "s"}, nil, "", false, false},
		{"type", may, []string{"i", "l", "s", "enter"}, []WatchAction{StepIn{true}, TypeInto{"1", []byte("l")}, TypeInto{"1", []byte("s")}, TypeInto{"1", []byte("\r")}}, "", false, false},
		{"type what are commands", may, []string{"i", "q", "x", "ctrl+c", "esc"}, []WatchAction{StepIn{true}, TypeInto{"1", []byte("q")}, TypeInto{"1", []byte("x")}, TypeInto{"1", []byte("\x03")}, TypeInto{"1", []byte("\x1b")}}, "", false, false},
		{"type no more", may, []string{"i", "a", "ctrl+]", "q"}, []WatchAction{StepIn{true}, TypeInto{"1", []byte("a")}, StepIn{false}}, "", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var did []WatchAction
			s := typed(watched(testPage(), c.w, &did, shell), c.keys...)
			if fmt.Sprint(did) != fmt.Sprint(c.want) || s.done != c.done || s.left != c.left {
				t.Errorf("did %v, done %v, left %v", did, s.done, s.left)
			}
		})
	}
	s := typed(watched(testPage(), mayNot, nil, shell), "i")
	if s.told != "Not here." {
		t.Errorf("it says %q", s.told)
	}
}

// TestHandsAreTakenBack: where stepping in is refused, no key goes to the device.
func TestHandsAreTakenBack(t *testing.T) {
	var did []WatchAction
	shell := sightOf(t, 80, 24, "$ ")
	s := typed(watched(testPage(), Watching{Scene: testScene(LiveShell{ID: "1"}), MayType: true}, &did, shell), "i")
	s.Update(actedMsg{StepIn{true}, errors.New("The visit has just ended.")})
	typed(s, "z")
	if len(did) != 1 || s.typing {
		t.Errorf("did %v, types %v", did, s.typing)
	}
}

// TestPasteIsBounded: a paste goes to the device whole or not at all, and can't
// end its own brackets.
func TestPasteIsBounded(t *testing.T) {
	shell := sightOf(t, 80, 24, "\x1b[?2004h$ ")
	var did []WatchAction
	s := typed(watched(testPage(), Watching{Scene: testScene(LiveShell{ID: "1"}), MayType: true}, &did, shell), "i")
	s.Update(tea.PasteMsg{Content: strings.Repeat("x", pasteMost+1)})
	if len(did) != 1 || !strings.Contains(s.told, "4096") {
		t.Errorf("did %d things, says %q", len(did), s.told)
	}
	s.Update(tea.PasteMsg{Content: "a\n\x1b[201~rm -rf\x03"})
	if want := "\x1b[200~a\r[201~rm -rf\x1b[201~"; len(did) != 2 || string(did[1].(TypeInto).Keys) != want {
		t.Errorf("did %q, want %q", did[1:], want)
	}
	quiet := watched(testPage(), Watching{Scene: testScene(LiveShell{ID: "1"}), MayType: true}, &did, shell)
	quiet.Update(tea.PasteMsg{Content: "ls"})
	if len(did) != 2 {
		t.Errorf("a paste of somebody who only looks went to the device: %v", did)
	}
}

// TestCursorKeysAsTheProgramWants: a program chooses what the cursor keys send.
func TestCursorKeysAsTheProgramWants(t *testing.T) {
	for mode, want := range map[string]string{"": "\x1b[A", "\x1b[?1h": "\x1bOA"} {
		var did []WatchAction
		s := watched(testPage(), Watching{Scene: testScene(LiveShell{ID: "1"}), MayType: true}, &did, sightOf(t, 80, 24, mode))
		typed(s, "i", "up")
		if len(did) != 2 || string(did[1].(TypeInto).Keys) != want {
			t.Errorf("%q: %q", mode, did)
		}
	}
}

// TestShellsComeAndGo: the newest shell that goes on is shown, unless the reader
// has chosen one.
func TestShellsComeAndGo(t *testing.T) {
	a, b := LiveShell{ID: "1"}, LiveShell{ID: "2"}
	ended := func(l LiveShell) LiveShell { l.Ended = true; return l }
	news := func(s *watchScreen, shells ...LiveShell) {
		next := s.scene
		next.Shells = shells
		s.Update(newsMsg[Scene]{next, true})
	}
	s := watched(testPage(), Watching{Scene: testScene()}, nil)
	for i, c := range []struct {
		do   func()
		want string
	}{
		{func() {}, ""},
		{func() { news(s, a) }, "1"},
		{func() { news(s, a, b) }, "1"}, // it does not jump about
		{func() { news(s, ended(a), b) }, "2"},
		{func() { news(s, ended(a), ended(b)) }, "2"},
		{func() { typed(s, "tab") }, "1"},
		{func() { news(s, ended(a), ended(b), LiveShell{ID: "3"}) }, "1"}, // chosen
		{func() { typed(s, "shift+tab") }, "3"},
		{func() { typed(s, "tab", "tab") }, "2"},
	} {
		if c.do(); s.shell != c.want {
			t.Fatalf("step %d shows %q, want %q", i, s.shell, c.want)
		}
	}
}

// TestWayToTheVisits: Tab goes there for who may see them, in the line mode the
// word does; for others both do nothing.
func TestWayToTheVisits(t *testing.T) {
	for _, may := range []bool{true, false} {
		if s := typed(newDeviceScreen(testPage(), DeviceList{Devices: techDevices(), Visits: may}), "tab"); s.visits != may || s.Done() != may {
			t.Errorf("may %v: goes %v, done %v", may, s.visits, s.Done())
		}
		onTerminal(t, []string{"TERM=dumb"}, "visits\r\x03", func(ctx context.Context, term *Terminal) {
			picked, err := Devices(ctx, term, DeviceList{Devices: techDevices(), Visits: may})
			if picked.Visits != may || errors.Is(err, ErrLeft) == may {
				t.Errorf("may %v: %+v, %v", may, picked, err)
			}
		})
	}
}

// TestVisitsInLines: the list as numbered lines.
func TestVisitsInLines(t *testing.T) {
	list := VisitList{MayWatch: true, MayEnd: true, Visits: []VisitLine{
		{Visit: "1", Open: true, Technician: "bob", Device: "laptop"}, {Visit: "2", Technician: "xavier", Device: "till"},
	}}
	for keys, want := range map[string]string{
		"1\r": "{1 false} <nil>", "x 2\r": "{2 true} <nil>", "2\r1\r": "{1 false} <nil>", "till\rx 1\r": "{2 true} <nil>",
		".\r": "{ false} " + ErrBack.Error(), "x 9\r\r\x03": "{ false} " + ErrLeft.Error(),
	} {
		onTerminal(t, []string{"TERM=dumb"}, keys, func(ctx context.Context, term *Terminal) {
			picked, err := Visits(ctx, term, list)
			if got := fmt.Sprint(picked, " ", err); got != want {
				t.Errorf("%q: %s, want %s", keys, got, want)
			}
		})
	}
}

func TestVisitListKeys(t *testing.T) {
	list := VisitList{MayWatch: true, MayEnd: true, Visits: []VisitLine{
		{Visit: "1", Open: true, Technician: "bob", Device: "laptop"}, {Visit: "2", Technician: "xavier", Device: "till"},
	}}
	only := func(watch, end bool) VisitList {
		other := list
		other.MayWatch, other.MayEnd = watch, end
		return other
	}
	for _, c := range []struct {
		name string
		list VisitList
		keys []string
		want VisitPicked
		end  error
		done bool
	}{
		{"watch", list, []string{"enter"}, VisitPicked{Visit: "1"}, nil, true},
		{"one that is not open", list, []string{"down", "enter"}, VisitPicked{}, nil, false},
		{"filtered", list, []string{"l", "a", "p", "enter"}, VisitPicked{Visit: "1"}, nil, true},
		{"filtered by /", list, []string{"/", "l", "a", "p", "enter"}, VisitPicked{Visit: "1"}, nil, true},
		{"end", list, []string{"down", "x", "y"}, VisitPicked{"2", true}, nil, true},
		{"not end", list, []string{"x", "n"}, VisitPicked{}, nil, false},
		{"end a filtered one", list, []string{"a", "v", "i", "ctrl+x", "y"}, VisitPicked{"2", true}, nil, true},
		{"x in a filter", list, []string{"a", "x"}, VisitPicked{}, nil, false},
		{"may only end", only(false, true), []string{"enter"}, VisitPicked{}, nil, false},
		{"may only watch", only(true, false), []string{"x", "y"}, VisitPicked{}, nil, false},
		{"back", list, []string{"esc"}, VisitPicked{}, ErrBack, true},
		{"back by tab", list, []string{"tab"}, VisitPicked{}, ErrBack, true},
		{"clears first", list, []string{"z", "esc"}, VisitPicked{}, nil, false},
		{"leave", list, []string{"x", "ctrl+c"}, VisitPicked{}, ErrLeft, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := typed(newVisitScreen(testPage(), c.list), c.keys...)
			if s.picked != c.want || !errors.Is(s.end, c.end) || s.done != c.done {
				t.Errorf("picked %v, %v, done %v", s.picked, s.end, s.done)
			}
		})
	}
	// The visit whose end is asked about has ended meanwhile.
	s := typed(newVisitScreen(testPage(), list), "x")
	s.Update(newsMsg[[]VisitLine]{list.Visits[1:], true})
	if typed(s, "y"); s.done || s.picked.End {
		t.Errorf("another visit is ended instead: %v", s.picked)
	}
}

// TestWatchOnATerminal drives the real screen: it follows what grows, says,
// types, and leaves nothing behind.
func TestWatchOnATerminal(t *testing.T) {
	tail := newTail(60, 10, "one\r\n")
	var mu sync.Mutex
	var did []WatchAction
	updates := make(chan Scene)
	onTerminal(t, []string{"TERM=xterm"}, "", func(ctx context.Context, term *Terminal) {
		r, keys := io.Pipe()
		out := &lockedBuffer{}
		term = &Terminal{In: NewInput(r), Out: out, Window: term.Window, Env: term.Env}
		done := make(chan error, 1)
		go func() {
			done <- WatchVisit(ctx, term, Watching{
				Scene: testScene(tail.shell("1", "shell")), Updates: updates, MayType: true,
				Act: func(a WatchAction) error {
					mu.Lock()
					defer mu.Unlock()
					did = append(did, a)
					return nil
				},
			})
		}()
		waitShown(t, out, "one")
		tail.add(Event{Kind: EventOutput, Data: []byte("two\r\n")})
		waitShown(t, out, "two")
		_, _ = io.WriteString(keys, "iab")
		waitUntil(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(did) == 3 })
		_, _ = io.WriteString(keys, "\x1dq")
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = keys.Close()
	})
	if !tail.isClosed() {
		t.Error("the cast is still open")
	}
	want := []WatchAction{StepIn{true}, TypeInto{"1", []byte("a")}, TypeInto{"1", []byte("b")}, StepIn{false}}
	if fmt.Sprint(did) != fmt.Sprint(want) {
		t.Errorf("did %v", did)
	}
}

// waitShown waits until the text was drawn.
func waitShown(t *testing.T, out *lockedBuffer, text string) {
	t.Helper()
	waitUntil(t, func() bool { return strings.Contains(ansi.Strip(out.String()), text) })
}

func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it does not come")
		}
	}
}

// TestWatchInLines: the line mode prints text without what moves the cursor.
func TestWatchInLines(t *testing.T) {
	tail := newTail(80, 24, "\x1b]0;evil\x07$ \x1b[31mls\x1b[0m\r\nbin  50%\r", "bin 100%\r\nab\b\bcd\r\n\x1b[2J\u009b31mlast")
	tail.finish()
	scene := testScene(tail.shell("1", "shell"))
	updates := make(chan Scene, 1)
	next := scene
	next.Said = []Spoken{{"ada", "Hello"}}
	updates <- next
	var did []WatchAction
	out := onTerminal(t, []string{"TERM=dumb"}, "", func(ctx context.Context, term *Terminal) {
		r, keys := io.Pipe()
		out := &lockedBuffer{}
		term = &Terminal{In: NewInput(r), Out: out, Window: term.Window, Env: term.Env}
		done := make(chan error, 1)
		go func() {
			done <- WatchVisit(ctx, term, Watching{Scene: scene, Updates: updates, MayEnd: true, Act: func(a WatchAction) error {
				did = append(did, a)
				return errors.New("heard")
			}})
		}()
		waitShown(t, out, "last")
		waitShown(t, out, "Hello")
		_, _ = io.WriteString(keys, "s hi there\rhm\rx\rq\r")
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = keys.Close()
		lines := linesWith(out.String(), "bin", "cd", "last", "ada: ")
		slices.Sort(lines) // what is said and what is printed come side by side
		if !slices.Equal(lines, []string{"* ada: Hello", "31mlast", "bin 100%", "cd"}) {
			t.Errorf("it prints %q", lines)
		}
		if text := out.String(); strings.ContainsAny(text, "\x1b\x07") || strings.Count(text, "heard") != 2 {
			t.Errorf("it prints %q", text)
		}
	})
	if fmt.Sprint(did) != "[{hi there} {}]" || out != "" {
		t.Errorf("did %v", did)
	}
}

// linesWith are the lines that hold one of the words.
func linesWith(text string, words ...string) []string {
	var found []string
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r", ""), "\n") {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			found = append(found, line)
		}
	}
	return found
}

// TestBacklog: of what comes faster than it can be printed the last lines are.
func TestBacklog(t *testing.T) {
	for _, c := range []struct {
		lines int
		want  string
	}{
		{0, ""}, {3, "0 1 2"}, {5, "0 1 2 3 4"}, {6, "* one line left out 1 2 3 4 5"}, {1000, "* 995 lines left out 995 996 997 998 999"},
	} {
		b := backlog{most: 5}
		for i := range c.lines {
			b.add(fmt.Sprint(i))
		}
		out := &lockedBuffer{}
		term := &Terminal{Out: out, Piped: true}
		b.print(&lineWatch{lineMode: term.lines(PhrasesFor("en"))})
		if got := strings.Join(strings.Fields(out.String()), " "); got != c.want || len(b.lines) > 0 {
			t.Errorf("%d lines: %q, want %q", c.lines, got, c.want)
		}
	}
}

func TestNewLines(t *testing.T) {
	said := func(text string) (list []Spoken) {
		for _, r := range text {
			list = append(list, Spoken{"x", string(r)})
		}
		return list
	}
	for _, c := range []struct{ was, now, want string }{
		{"", "", ""}, {"", "ab", "ab"}, {"ab", "ab", ""}, {"ab", "abc", "c"}, {"abc", "bcd", "d"}, {"abc", "xyz", "xyz"}, {"aa", "aaa", "a"},
	} {
		if got := newLines(said(c.was), said(c.now)); fmt.Sprint(got) != fmt.Sprint(said(c.want)) {
			t.Errorf("%q to %q: %v", c.was, c.now, got)
		}
	}
}

// FuzzPlainText: whatever a shell prints, the line mode gets text alone, and no
// line without end.
func FuzzPlainText(f *testing.F) {
	for _, text := range []string{"a\r\nb", "\x1b[31mred\x1b]0;t\x07", "50%\r100%\n", "\x1b(B\b\b\xe2\x82", "\u009b2J\u202e"} {
		f.Add([]byte(text), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		var p plainText
		var lines []string
		line := func(text string) { lines = append(lines, text) }
		cut = max(0, min(cut, len(data)))
		p.write(data[:cut], line)
		p.write(data[cut:], line)
		p.end(line)
		for _, l := range lines {
			if strings.Map(seen, l) != l || strings.ContainsAny(l, "\x1b\r\n") || len(l) > 4*plainLine {
				t.Errorf("%q becomes %q", data, l)
			}
		}
	})
}
