package tui

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// glass is a resident screen that mirrors the sample visit.
func glass(t *testing.T) *dweller {
	x := home(t).take(Began{sampleVisit()}).keys("m")
	x.actions = nil
	return x
}

// piece is what the first shell prints.
func piece(text string) Mirrored {
	return Mirrored{Visit: sampleVisit().ID, Shell: 1, Mine: true, Width: 40, Height: 10, Data: []byte(text)}
}

func fresh(text string) Mirrored {
	p := piece(text)
	p.Reset = true
	return p
}

func TestMirrorFollows(t *testing.T) {
	x := home(t).take(Began{sampleVisit()}).keys("m").wants(`tui.Watch {"20260512-120000-abcdefgh"}`).shows("No terminal is open")
	x.take(fresh("one\r\n"), piece("two")).shows("one").shows("two").shows("s stop")
	x.take(fresh("anew"))
	if strings.Contains(ansi.Strip(x.View()), "two") {
		t.Error("a shell that starts over keeps what it showed")
	}
	gone := piece("")
	gone.Gone = true
	x.take(gone).shows("it has ended").shows("anew")
	second := fresh("second")
	second.Shell = 2
	x.take(second).shows("second").shows("shell 2 of 2")
	x.keys("tab").shows("anew").keys("shift+tab").shows("second")
	x.take(Mirrored{Visit: sampleVisit().ID, Lost: true})
	x.keys("s").take(Ended{sampleCard()}).shows("The visit is over")
	if x.mirror != nil {
		t.Error("the mirror outlives its visit")
	}
}

// The key that stops works on every page of a visit, but for where letters are
// typed: there the page says how to come to it.
func TestStopWorksInEveryPlace(t *testing.T) {
	for name, keys := range map[string][]string{
		"visit": nil, "mirror": {"m"}, "help": {"?"}, "help in the mirror": {"m", "?"}, "taking back": {"r"}, "leaving": {"q"},
		"after typing": {"m", "k", "ctrl+]"}, "after a line": {"t", "esc"},
	} {
		x := home(t).take(Began{sampleVisit()}, fresh("x")).keys(keys...)
		if x.mirror != nil {
			x.take(fresh("x")).keys(keys[1:]...)
		}
		x.actions = nil
		x.keys("s")
		if len(x.actions) != 1 || x.actions[0] != (Stop{sampleVisit().ID}) {
			t.Errorf("%s: %v", name, x.actions)
		}
	}
	x := glass(t).take(fresh("x")).keys("k").shows("then s stops").keys("s")
	x.wants(`tui.Type {"20260512-120000-abcdefgh" '\x01' "s"}`)
}

func TestTypingInTheMirror(t *testing.T) {
	x := glass(t).keys("k").shows("no shell to type in")
	foreign := fresh("root# ")
	foreign.Mine = false
	x.take(foreign).keys("k").shows("another account").wants()
	x.take(fresh("$ ")).keys("k", "l", "p", "q", "m", "enter", "ctrl+c", "up", "esc")
	var typed bytes.Buffer
	for _, a := range x.actions {
		typed.Write(a.(Type).Keys) //nolint:forcetypeassert // what else would come is a failure
	}
	if got := typed.String(); got != "lpqm\r\x03\x1b[A\x1b" {
		t.Errorf("typed %q", got)
	}
	x.actions = nil
	x.Update(tea.PasteMsg{Content: "a\nb\x1b[201~\x07c"})
	x.take(piece("\x1b[?2004h\x1b[?1h"))
	x.Update(tea.PasteMsg{Content: "d\x1b[201~"})
	x.keys("up")
	x.Update(tea.PasteMsg{Content: strings.Repeat("long", 2000)})
	want := []string{"a\rb[201~c", "\x1b[200~d[201~\x1b[201~", "\x1bOA"}
	for i, a := range x.actions {
		if got := string(a.(Type).Keys); i >= len(want) || got != want[i] { //nolint:forcetypeassert // as above
			t.Errorf("typed %q", got)
		}
	}
	x.actions = nil
	x.keys("ctrl+]").shows("s stop").keys("k")
	// A request takes the keyboard away: nothing typed for the shell may decide
	// it, and nothing typed for it may reach the shell.
	x.take(Asking{samplePrompt()}).keys("4", "2").take(AskGone{ID: samplePrompt().ID}).keys("l")
	x.wants("seen")
}

func TestPauseAndResume(t *testing.T) {
	other := otherVisit()
	x := home(t).take(Began{sampleVisit()}, Began{other}).keys("p")
	x.wants(`tui.Pause {"20260512-120000-abcdefgh"}`, `tui.Pause {"20260512-120000-hgfedcba"}`)
	one := sampleVisit()
	one.Paused, other.Paused = true, false
	x.actions = nil
	x.take(Began{one}).keys("p") // in doubt it pauses
	x.wants(`tui.Pause {"20260512-120000-abcdefgh"}`, `tui.Pause {"20260512-120000-hgfedcba"}`)
	x.actions = nil
	other.Paused = true
	x.take(Began{other}).keys("p")
	x.wants(`tui.Resume {"20260512-120000-abcdefgh"}`, `tui.Resume {"20260512-120000-hgfedcba"}`)
}

func TestTakingBack(t *testing.T) {
	x := home(t).take(Began{sampleVisit()}).keys("r", "enter").wants()
	x.keys("r", "2", "enter").wants(`tui.Reduce {"20260512-120000-abcdefgh" ["files.get"]}`)
	x.actions = nil
	// The list is closed when the visit is no longer what it shows: a number
	// must not mean something else than the one who typed it saw.
	less := sampleVisit()
	less.Capabilities = []string{"files.get"}
	x.keys("r", "1").take(Began{less}).keys("enter").wants()
	x.take(Began{sampleVisit()}).keys("tab")
	x.take(Began{otherVisit()}).keys("tab", "r", "1", "enter").wants(`tui.Reduce {"20260512-120000-hgfedcba" ["screen.view"]}`)
}

func TestLinesInAVisit(t *testing.T) {
	x := home(t).take(Began{sampleVisit()}).keys("t", "H", "i", " ", "s", "enter")
	x.wants(`tui.Tell {"20260512-120000-abcdefgh" "Hi s"}`)
	x.take(Said{sampleVisit().ID, "Robin Weiß", "Hello"}).shows("Robin Weiß: Hello")
	x.keys("m").take(fresh("x"), Said{sampleVisit().ID, "Robin Weiß", "Again"}).shows("Robin Weiß: Again")
	x.keys("f").shows("30 min left")
	x.keys("q").take(Ended{sampleCard()})
	if len(x.said) > 0 {
		t.Error("what was said outlives the visit")
	}
}

// Keys are told to the shell as xterm does.
func TestEncodeKey(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a", "é": "é", "enter": "\r", "tab": "\t", "backspace": "\x7f", "esc": "\x1b", "space": " ",
		"ctrl+a": "\x01", "ctrl+z": "\x1a", "ctrl+d": "\x04", "up": "\x1b[A", "left": "\x1b[D", "home": "\x1b[H", "delete": "\x1b[3~",
		"pgup": "\x1b[5~", "f1": "\x1bOP", "f12": "\x1b[24~",
	} {
		if got := string(encodeKey(keyMsg(name), false)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for key, want := range map[tea.Key]string{
		{Code: tea.KeyUp, Mod: tea.ModCtrl}:               "\x1b[1;5A",
		{Code: tea.KeyTab, Mod: tea.ModShift}:             "\x1b[Z",
		{Code: 'b', Mod: tea.ModAlt}:                      "\x1bb",
		{Code: 'b', Mod: tea.ModAlt | tea.ModCtrl}:        "\x1b\x02",
		{Code: tea.KeySpace, Mod: tea.ModCtrl}:            "\x00",
		{Code: '_', Mod: tea.ModCtrl}:                     "\x1f",
		{Code: 'é', Mod: tea.ModCtrl}:                     "",
		{Code: tea.KeyLeftShift, Mod: tea.ModShift}:       "",
		{Code: tea.KeyBackspace, Mod: tea.ModAlt}:         "\x1b\x7f",
		{Code: tea.KeyRight, Mod: tea.ModShift, Text: ""}: "\x1b[1;2C",
	} {
		if got := string(encodeKey(tea.KeyPressMsg(key), false)); got != want {
			t.Errorf("%v is %q, want %q", key, got, want)
		}
	}
	if got := string(encodeKey(keyMsg("down"), true)); got != "\x1bOB" {
		t.Errorf("down in the application mode is %q", got)
	}
}

// In the line mode a shell is told in lines, and what has changed of a visit.
func TestPlainControls(t *testing.T) {
	var told []string
	var out bytes.Buffer
	m := &plainResident{
		lineMode: (&Terminal{Out: &out, Piped: true}).lines(PhrasesFor("en")),
		act:      func(a ResidentAction) { told = append(told, fmt.Sprintf("%T %q", a, a)) },
	}
	m.command("p")
	m.take(Began{sampleVisit()})
	for _, line := range []string{"m", "p", "r", "r 2", "r 9", "t", "t Hello there"} {
		m.command(line)
	}
	paused := sampleVisit()
	paused.Paused, paused.Watchers = true, []Watcher{{Name: "Robin"}}
	m.take(Began{paused})
	m.take(Said{sampleVisit().ID, "Robin", "Hello"})
	m.take(fresh("one\r\n\x1b[31mtwo\x1b[0m\r\n\r\n"))
	m.take(Mirrored{Visit: sampleVisit().ID, Current: true})
	const id = `"20260512-120000-abcdefgh"`
	want := []string{
		"tui.Watch {" + id + "}", "tui.Pause {" + id + "}", "tui.Reduce {" + id + ` ["files.get"]}`,
		"tui.Tell {" + id + ` "Hello there"}`, "tui.Unwatch {" + id + "}",
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("told:\n%s", strings.Join(told, "\n"))
	}
	for _, line := range []string{
		"Nobody is connected", "1. type commands (Camille Roy); 2. fetch files (Camille Roy)", "Taken back: fetch files", "Paused",
		"Robin: Hello", "Shell 1 of Camille Roy:\none\ntwo\n", "Said to everybody",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in\n%s", line, out.String())
		}
	}
}

// Nothing that a shell prints reaches the user's terminal but as cells, and none
// of it makes the screen crash.
func FuzzMirror(f *testing.F) {
	f.Add([]byte("\x1b]0;title\x07\x1b[2J\x1b[31mred"), []byte("\x1b[?1049h\x1b[r\x9b5i"), uint8(80), uint8(24))
	f.Add([]byte("\x1bP1;2|\x1b\\\xff\xfe"), []byte("\x1b[99999b"), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, first, second []byte, width, height uint8) {
		x := glass(t)
		p := fresh(string(first))
		p.Width, p.Height = int(width), int(height)
		x.take(p)
		p = piece(string(second))
		p.Width, p.Height = int(height), int(width)
		x.take(p)
		for _, s := range []Size{{80, 24}, {5, 3}} {
			x.Update(tea.WindowSizeMsg{Width: s.Width, Height: s.Height})
			view := x.View()
			mustFit(t, view, s)
			for _, seq := range strings.Split(view, "\x1b")[1:] {
				if end := strings.IndexFunc(seq, func(r rune) bool { return r >= 0x40 && r != '[' }); end < 0 || seq[0] != '[' || seq[end] != 'm' {
					t.Fatalf("the screen sends %q", seq)
				}
			}
		}
	})
}

// How long a screen takes for the most that comes at once: every key waits for
// that.
func BenchmarkMirrorReset(b *testing.B) {
	data := bytes.Repeat([]byte("a line of a program that prints and prints \x1b[32mand prints\x1b[0m\r\n"), 2000)
	m := &mirrors{lost: make(map[string]bool)}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		m.take(Mirrored{Visit: "v", Shell: 1, Reset: true, Width: 80, Height: 24, Data: data})
	}
}
