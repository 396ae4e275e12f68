package tui

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// stroke is something typed after a pause.
type stroke struct {
	pause time.Duration
	text  string
}

// asked is what came of a prompt on a terminal that is typed on.
type asked struct {
	answer Answer
	err    error
	seen   int
	out    string
	rest   string // what was left for the screen after it
}

// askOn asks p, whose deadline is a minute away, in a bubble with its own
// clock, while strokes are typed. Their first pause begins with the prompt.
func askOn(t *testing.T, p Prompt, before string, strokes []stroke, env ...string) (got asked) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		term, keys, out := pipeTerminal(env...)
		_, _ = io.WriteString(keys, before)
		synctest.Wait()
		go func() {
			for _, s := range strokes {
				<-time.After(s.pause)
				_, _ = io.WriteString(keys, s.text)
			}
			<-time.After(2 * time.Minute)
			_ = keys.Close()
		}()
		p.Deadline = time.Now().Add(time.Minute)
		got.answer, got.err = Ask(t.Context(), term, p, func() { got.seen++ })
		got.out = out.String()
		rest, _ := io.ReadAll(term.In.Raw())
		got.rest = string(rest)
	})
	return got
}

func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		before  string
		strokes []stroke
		choice  Choice
		err     error
		early   int
	}{
		"approve":               {"", []stroke{{2 * time.Second, "42"}}, Approve, nil, 0},
		"typed ahead":           {"42424242", nil, None, ErrTime, 0},
		"typed ahead, then not": {"4", []stroke{{2 * time.Second, "2"}}, None, ErrTime, 0},
		"too early":             {"", []stroke{{time.Second, "42"}}, None, ErrTime, 2},
		"just too early":        {"", []stroke{{1490 * time.Millisecond, "42"}}, None, ErrTime, 2},
		"just in time":          {"", []stroke{{1510 * time.Millisecond, "42"}}, Approve, nil, 0},
		"in two strokes":        {"", []stroke{{2 * time.Second, "4"}, {5 * time.Second, "2"}}, Approve, nil, 0},
		"early, then quiet":     {"", []stroke{{time.Second, "ls\r"}, {1600 * time.Millisecond, "42"}}, Approve, nil, 3},
		"early, then not quiet": {"", []stroke{{time.Second, "ls\r"}, {1400 * time.Millisecond, "42"}}, None, ErrTime, 5},
		"pasted":                {"", []stroke{{2 * time.Second, "\x1b[200~42\x1b[201~"}}, None, ErrTime, 1},
		"paste under way":       {"\x1b[200~aa", []stroke{{1900 * time.Millisecond, "42"}, {0, "\x1b[201~"}}, None, ErrTime, 0},
		"paste split":           {"", []stroke{{2 * time.Second, "\x1b[200~4"}, {1900 * time.Millisecond, "2\x1b[201~"}}, None, ErrTime, 1},
		"typed on":              {"", []stroke{{2 * time.Second, "sudo 42"}}, None, ErrTime, 6},
		"enter":                 {"", []stroke{{2 * time.Second, "\r\r \r"}}, None, ErrTime, 3},
		"refuse":                {"", []stroke{{2 * time.Second, "r1"}}, Refuse, nil, 0},
		"left":                  {"", []stroke{{2 * time.Second, "\x03"}}, None, ErrLeft, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := askOn(t, samplePrompt(), c.before, c.strokes)
			if got.answer.Choice != c.choice || !errors.Is(got.err, c.err) || got.answer.Guard.Early != c.early {
				t.Errorf("%+v (%v), want %q, %d early (%v)", got.answer, got.err, c.choice, c.early, c.err)
			}
			if touched := len(c.strokes) > 0 && c.strokes[0].text != "42\x1b[201~"; touched && got.seen > 1 {
				t.Errorf("the first key was told %d times", got.seen)
			}
			if outcome := PhrasesFor("en").outcome(got.answer, samplePrompt()); !strings.Contains(got.out, outcome) {
				t.Errorf("%q was not said", outcome)
			}
		})
	}
}

// What follows the answer belongs to the next screen.
func TestAskLeavesTheRest(t *testing.T) {
	if got := askOn(t, samplePrompt(), "", []stroke{{2 * time.Second, "42\rls\r"}}); got.rest != "\rls\r" || got.seen != 1 {
		t.Errorf("%q is left, first key told %d times", got.rest, got.seen)
	}
}

func TestAskExtends(t *testing.T) {
	p := samplePrompt()
	asked := 0
	p.Extend = func() (time.Time, bool) {
		asked++
		return time.Now().Add(time.Minute), true
	}
	got := askOn(t, p, "", []stroke{{50 * time.Second, "+"}, {50 * time.Second, "42"}})
	if got.answer.Choice != Approve || got.answer.Extended != 1 || asked != 1 {
		t.Errorf("%+v (%v), asked %d times", got.answer, got.err, asked)
	}
}

func TestAskCancelled(t *testing.T) {
	for _, env := range [][]string{nil, {"ACCORD_PLAIN=1"}} {
		synctest.Test(t, func(t *testing.T) {
			term, keys, _ := pipeTerminal(env...)
			cause := errors.New("answered elsewhere")
			ctx, cancel := context.WithCancelCause(t.Context())
			p := samplePrompt()
			p.Deadline = time.Now().Add(time.Hour)
			time.AfterFunc(time.Second, func() { cancel(cause) })
			a, err := Ask(ctx, term, p, nil)
			if !errors.Is(err, cause) || a.Choice != None {
				t.Errorf("%+v (%v)", a, err)
			}
			_ = keys.Close()
			<-time.After(quietTime) // a timer of Bubble Tea can't be stopped
		})
	}
}

func TestAskRefusesAPromptWithoutCode(t *testing.T) {
	p := samplePrompt()
	p.Code = ""
	if got := askOn(t, p, "", []stroke{{2 * time.Second, "42"}}); !errors.Is(got.err, errPrompt) || got.answer.Choice != None {
		t.Errorf("%+v (%v)", got.answer, got.err)
	}
}

// fragments are what someone might be typing when a prompt appears.
func fragments() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"42", "4", "2", "\r", " ", "y", "yes\r", "v", "f", "l", "r", "+", "?", "\x1b", "\x1b[A", "\x1b[B",
			"\x1b[200~", "\x1b[201~", "\x1b[200~42\x1b[201~", "\x1b[200~42", "\x7f", "\t", "é", "\xc3", "ls -l\r", "4242\r",
		}),
		rapid.StringMatching(`[0-9]{1,6}`),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 8), func(b []byte) string { return string(b) }),
	)
}

// Nothing typed before the keyboard was quiet approves, whatever it is and
// however it is spread, in the screen and in the line mode.
func TestTypingOnNeverApproves(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before := strings.Join(rapid.SliceOfN(fragments(), 0, 8).Draw(rt, "before"), "")
		var strokes []stroke
		for range rapid.IntRange(1, 12).Draw(rt, "strokes") {
			strokes = append(strokes, stroke{
				time.Duration(rapid.IntRange(0, 1490).Draw(rt, "pause")) * time.Millisecond,
				fragments().Draw(rt, "text"),
			})
		}
		env := rapid.SampledFrom([][]string{nil, {"ACCORD_PLAIN=1"}}).Draw(rt, "env")
		got := askOn(t, samplePrompt(), before, strokes, env...)
		if got.answer.Choice != None || len(got.answer.Granted) > 0 {
			rt.Fatalf("answered with %+v", got.answer)
		}
	})
}

// An approval needs the code, typed after a quiet time, and nothing between
// its digits. The check is made on the keys, without the screen's own guard.
func TestApprovalNeedsTheCodeAfterAQuietTime(t *testing.T) {
	approved := 0
	rapid.Check(t, func(rt *rapid.T) {
		x := ask(t, samplePrompt(), "en", Size{80, 24})
		typed, quiet := "", false
		last := x.clock
		for range rapid.IntRange(1, 30).Draw(rt, "keys") {
			x.after(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "pause")) * time.Millisecond)
			k := rapid.SampledFrom([]string{"4", "2", "4", "2", "enter", "space", "x", "esc", "f", "v", "1", "paste"}).Draw(rt, "key")
			quiet = quiet || x.clock.Sub(last) >= quietTime
			last = x.clock
			if x.done {
				break
			}
			if k == "paste" {
				x.At(x.clock)
				x.Update(pasteOf("42"))
				typed, quiet = "", false
				continue
			}
			x.keys(k)
			typed += k
			if !quiet {
				typed = ""
			}
			if x.done && x.answer.Choice == Approve {
				approved++
				if !strings.HasSuffix(typed, "42") || len(x.answer.Granted) == 0 || !within(x.answer.Granted, x.prompt.Capabilities) {
					rt.Fatalf("approved %q after %q", x.answer.Granted, typed)
				}
			}
		}
	})
	if approved == 0 {
		t.Error("no run approved anything, so the test shows nothing")
	}
}

func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(c string) bool { return !slices.Contains(all, c) })
}

func TestOutboxIsInOrder(t *testing.T) {
	var out outbox
	var got []int
	for i := range 100 {
		cmd := out.send(func() { got = append(got, i) })
		if i%3 == 0 {
			go cmd()
		}
	}
	out.flush()
	if !slices.IsSorted(got) || len(got) != 100 {
		t.Errorf("%d calls: %v", len(got), got)
	}
}
