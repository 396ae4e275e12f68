package tui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// noon is when the clocks of the tests start.
func noon() time.Time { return time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC) }

// samplePrompt asks for what is asked for on an ordinary day.
func samplePrompt() Prompt {
	return Prompt{
		ID: "nonce-1", Organisation: "Acme Assistance", Technician: "camille", Full: "Camille Roy",
		KeyWords:       "SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE",
		CharterVersion: "4", CharterSigned: "2026-10-03", TrainedUntil: "2027-05-01",
		Ticket: "INC-4711", Device: "laptop-7", Login: "anna",
		Reason:       "The printer queue has been stuck since this morning; I would like to look at the spooler.",
		Capabilities: []string{"shell", "files.get", "files.put"},
		Minutes:      30, Recorded: true, ReplayBy: "Acme's auditors",
		Code: "42", Deadline: noon().Add(2 * time.Minute), Extensions: 3, LaterLeft: 3,
	}
}

// screenPrompt asks to see the screen, among other things.
func screenPrompt() Prompt {
	p := samplePrompt()
	p.Capabilities = []string{"shell", "screen.view", "clipboard.put", "action:power-off"}
	return p
}

// tester drives a prompt by hand, with a clock of its own.
type tester struct {
	*asking
	t     *testing.T
	clock time.Time
	seen  int
	asked int // for more time
}

func ask(t *testing.T, p Prompt, lang string, s Size) *tester {
	x := &tester{t: t, clock: noon()}
	x.asking = newAsking(page{ph: PhrasesFor(lang), width: s.Width, height: s.Height}, p, noon(),
		func() tea.Cmd { x.seen++; return nil }, func() tea.Cmd { x.asked++; return nil })
	return x
}

// wide asks the sample in English in a window with room.
func wide(t *testing.T) *tester { return ask(t, samplePrompt(), "en", Size{80, 24}) }

// after lets time go by.
func (x *tester) after(d time.Duration) *tester {
	x.clock = x.clock.Add(d)
	x.At(x.clock)
	x.Update(tickMsg(x.clock))
	return x
}

// quiet waits until keys count.
func (x *tester) quiet() *tester { return x.after(quietTime) }

// keys types keys at once, each named as Bubble Tea names it.
func (x *tester) keys(names ...string) *tester {
	for _, name := range names {
		x.At(x.clock)
		x.Update(keyMsg(name))
	}
	return x
}

// keyMsg is the press of a key by its name.
func keyMsg(name string) tea.KeyPressMsg {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "backspace": tea.KeyBackspace, "up": tea.KeyUp,
		"down": tea.KeyDown, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "tab": tea.KeyTab,
		"left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "delete": tea.KeyDelete, "f1": tea.KeyF1, "f12": tea.KeyF12,
	}
	switch {
	case name == "space":
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	case name == "shift+tab":
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	case strings.HasPrefix(name, "ctrl+"):
		return tea.KeyPressMsg{Code: []rune(name)[len("ctrl+")], Mod: tea.ModCtrl}
	case special[name] != 0:
		return tea.KeyPressMsg{Code: special[name]}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

// want checks how the prompt has ended: "" means that it has not.
func (x *tester) want(choice Choice) *tester {
	x.t.Helper()
	switch {
	case choice == "" && x.done:
		x.t.Fatalf("answered with %+v (%v), no answer is wanted yet", x.answer, x.err)
	case choice != "" && !x.done:
		x.t.Fatalf("no answer yet, want %q:\n%s", choice, ansi.Strip(x.View()))
	case choice != "" && x.answer.Choice != choice:
		x.t.Fatalf("answer %+v, want %q", x.answer, choice)
	}
	if choice != Approve && len(x.answer.Granted) > 0 {
		x.t.Fatalf("%q grants %q", x.answer.Choice, x.answer.Granted)
	}
	return x
}

func (x *tester) shows(text string) *tester {
	x.t.Helper()
	if view := ansi.Strip(x.View()); !strings.Contains(view, text) {
		x.t.Fatalf("%q is not in\n%s", text, view)
	}
	return x
}

func TestApprove(t *testing.T) {
	x := wide(t).quiet().keys("4").want("").after(time.Second).keys("2").want(Approve)
	if !slices.Equal(x.answer.Granted, samplePrompt().Capabilities) {
		t.Errorf("granted %q", x.answer.Granted)
	}
	want := Guard{Quiet: quietTime, Early: 0, Open: quietTime + time.Second}
	if x.answer.Guard != want || x.answer.Language != "en" || x.err != nil {
		t.Errorf("guard %+v, language %q, error %v", x.answer.Guard, x.answer.Language, x.err)
	}
}

func TestGuardCountsEarlyKeys(t *testing.T) {
	x := wide(t)
	x.after(quietTime-time.Millisecond).keys("4", "2").want("")
	x.shows("hands off the keys")
	x.after(quietTime-time.Millisecond).keys("r", "q", "x", "ctrl+c").want("")
	x.quiet().keys("4", "2").want(Approve)
	if g := x.answer.Guard; g.Early != 6 || g.Quiet != quietTime {
		t.Errorf("guard %+v, want 6 early keys and %v of silence", g, quietTime)
	}
	if x.seen != 1 {
		t.Errorf("the first key was told %d times", x.seen)
	}
}

// A key that waited while the terminal was slow counts by when it was typed,
// not by when it is looked at.
func TestGuardTakesTheTimeOfArrival(t *testing.T) {
	x := wide(t).after(10 * time.Second)
	for _, k := range []string{"4", "2"} {
		x.At(noon().Add(time.Second))
		x.Update(keyMsg(k))
	}
	x.want("")
	if x.guard.early != 2 {
		t.Errorf("%d early keys, want 2", x.guard.early)
	}
}

func TestNothingElseApproves(t *testing.T) {
	for _, keys := range [][]string{
		{"enter"}, {"space"}, {"4", "enter"}, {"4", "space", "2"}, {"4", "r", "esc", "2"}, {"2", "4"},
		{"4", "backspace", "2"}, {"y"}, {"tab", "4", "up", "2"}, {"0", "4", "4"}, {"enter", "4", "2"},
	} {
		t.Run(strings.Join(keys, " "), func(t *testing.T) { wide(t).quiet().keys(keys...).want("") })
	}
}

func TestPasteOnlyRestartsTheGuard(t *testing.T) {
	x := wide(t).quiet().keys("4")
	x.Update(tea.PasteMsg{Content: "2"})
	x.want("").shows("Pasting does nothing")
	x.keys("2", "4", "2").want("")
	x.quiet().keys("4", "2").want(Approve)
	if x.answer.Guard.Early != 4 {
		t.Errorf("%d early, want 4", x.answer.Guard.Early)
	}
	y := wide(t)
	y.Update(tea.PasteMsg{Content: "42"})
	y.want("")
	if y.seen != 1 {
		t.Error("a paste was not told as touching the keyboard")
	}
}

func TestWrongCode(t *testing.T) {
	x := wide(t).quiet().keys("4", "3").want("").shows("3 does not fit")
	x.keys("4", "2").want(Approve)

	y := wide(t).quiet().keys("1", "2", "3").want("").shows("Three times wrong")
	y.keys("4", "2").want("")
	y.quiet().keys("4", "2").want(Approve)
}

func TestUnknownKeyIsTypingOn(t *testing.T) {
	wide(t).quiet().keys("d", "e", "4", "2").want("").quiet().keys("4", "2").want(Approve)
}

func TestTooSmallNeverApproves(t *testing.T) {
	for _, s := range []Size{{1, 1}, {2, 1}, {1, 50}, {40, 12}, {80, 8}, {20, 24}} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			x := ask(t, samplePrompt(), "en", s).quiet().keys("4", "2").want("")
			x.quiet().keys("4").after(time.Second).keys("2").want("")
			mustFit(t, x.View(), s)
			x.quiet().keys("down", "pgdown", "up", "pgup", "?", "esc", "r", "5").want(Refuse)
		})
	}
	ask(t, samplePrompt(), "en", Size{40, 12}).quiet().shows("too small")
}

func TestGrowingWindowRestartsTheGuard(t *testing.T) {
	x := ask(t, samplePrompt(), "en", Size{40, 12}).quiet()
	x.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	x.keys("4", "2").want("").quiet().keys("4", "2").want(Approve)

	y := wide(t).quiet().keys("4")
	y.Update(tea.WindowSizeMsg{Width: 40, Height: 12})
	y.keys("2").want("")
}

func TestLeaving(t *testing.T) {
	for _, k := range []string{"q", "ctrl+c"} {
		if x := wide(t).quiet().keys(k).want(None); x.err != ErrLeft { //nolint:errorlint // the very one
			t.Errorf("%s: %v", k, x.err)
		}
	}
	wide(t).quiet().keys("r", "6", "ctrl+c").want(None)
}

func TestCountdown(t *testing.T) {
	x := wide(t).quiet().shows("within 2 min means")
	x.after(8 * time.Second).shows("within 2 min means")
	x.after(time.Second).shows("within 1 min 50 s means")
	x.after(89 * time.Second).shows("within 30 s means")
	x.after(500 * time.Millisecond).shows("Only 20 s left")
	x.after(19900 * time.Millisecond).want("").shows("Only 10 s left")
	x.after(100 * time.Millisecond).want(None)
	if x.err != ErrTime || x.answer.Guard.Open != 2*time.Minute { //nolint:errorlint // the very one
		t.Errorf("%v, %+v", x.err, x.answer.Guard)
	}
}

// A key after the deadline is too late, even if no tick came between.
func TestDeadlineBeforeKey(t *testing.T) {
	x := wide(t).quiet().keys("4")
	x.clock = noon().Add(2 * time.Minute)
	x.keys("2").want(None)
}

func TestExtend(t *testing.T) {
	x := wide(t).quiet().keys("+")
	if x.asked != 1 {
		t.Fatalf("asked %d times for more time", x.asked)
	}
	x.Update(extendedMsg{"nonce-1", noon().Add(4 * time.Minute), true})
	x.shows("more time now").keys("backspace").after(3 * time.Minute).want("")
	x.Update(extendedMsg{"another", noon().Add(time.Hour), true})
	x.keys("4", "2").want(Approve)
	if x.answer.Extended != 1 || x.prompt.Extensions != 2 {
		t.Errorf("extended %d times, %d left", x.answer.Extended, x.prompt.Extensions)
	}
	y := wide(t)
	y.prompt.Extensions = 0
	y.quiet().keys("+").shows("can't be extended")
	if y.asked != 0 {
		t.Error("asked for time that is not there")
	}
}

func TestChangeRestartsTheGuard(t *testing.T) {
	for name, change := range map[string]func(*Prompt){
		"nonce":        func(p *Prompt) { p.ID = "nonce-2" },
		"code":         func(p *Prompt) { p.Code = "24" },
		"reason":       func(p *Prompt) { p.Reason = "Another one" },
		"minutes":      func(p *Prompt) { p.Minutes = 31 },
		"capabilities": func(p *Prompt) { p.Capabilities = []string{"shell"} },
	} {
		t.Run(name, func(t *testing.T) {
			x := wide(t).quiet().keys("4")
			p := samplePrompt()
			change(&p)
			x.change(p, x.clock)
			x.keys("4", "2").keys(strings.Split(p.Code, "")...).want("")
			x.quiet().keys(strings.Split(p.Code, "")...).want(Approve)
			if !slices.Equal(x.answer.Granted, p.Capabilities) {
				t.Errorf("granted %q of another request", x.answer.Granted)
			}
		})
	}
	x := wide(t).quiet().keys("4")
	p := samplePrompt()
	p.Deadline = p.Deadline.Add(time.Minute)
	x.change(p, x.clock)
	x.keys("2").want(Approve)
}

func TestUnanswerable(t *testing.T) {
	for name, spoil := range map[string]func(*Prompt){
		"no code":       func(p *Prompt) { p.Code = "" },
		"short code":    func(p *Prompt) { p.Code = "4" },
		"long code":     func(p *Prompt) { p.Code = "421" },
		"letters":       func(p *Prompt) { p.Code = "ab" },
		"no capability": func(p *Prompt) { p.Capabilities = nil },
		"nobody":        func(p *Prompt) { p.Technician = "" },
		"no nonce":      func(p *Prompt) { p.ID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			p := samplePrompt()
			spoil(&p)
			ask(t, p, "en", Size{80, 24}).quiet().keys("4", "2", "1").quiet().keys("4", "2").want("").View()
		})
	}
}

// The screen shows the words of the receipt's text, all and in order.
func TestScreenShowsTheText(t *testing.T) {
	for _, p := range []Prompt{samplePrompt(), screenPrompt(), {ID: "n", Technician: "bob", Code: "42", Capabilities: []string{"forward"}}} {
		p.Deadline = noon().Add(time.Hour)
		for _, lang := range []string{"en", "fr"} {
			for _, s := range []Size{{62, 16}, {70, 30}, {80, 24}, {120, 40}, {33, 60}} {
				x := ask(t, p, lang, s).quiet()
				if s.Height > 24 && !x.fits() {
					t.Errorf("%v %s: does not fit", s, lang)
				}
				if got, want := squeeze(ansi.Strip(x.View())), squeeze(p.Text(x.ph)); x.fits() && !strings.HasPrefix(got, want) {
					t.Errorf("%v %s: the screen shows\n%s\nthe receipt says\n%s", s, lang, got, want)
				}
			}
		}
	}
}

// squeeze leaves the white space out, which the layout may change.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// In the tmux popup, 62 by 18 inside, an ordinary prompt can be answered.
func TestFitsThePopup(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		for _, keys := range [][]string{nil, {"f", "1", "enter"}, {"4"}, {"9"}} {
			x := ask(t, samplePrompt(), lang, Size{62, 18}).quiet().keys(keys...)
			mustFit(t, x.View(), Size{62, 18})
			if !x.fits() {
				t.Errorf("%s, after %q: too small\n%s", lang, keys, ansi.Strip(x.View()))
			}
			x.after(100 * time.Second)
			if !x.fits() {
				t.Errorf("%s, near the end: too small\n%s", lang, ansi.Strip(x.View()))
			}
		}
	}
}

func pasteOf(text string) tea.Msg { return tea.PasteMsg{Content: text} }
