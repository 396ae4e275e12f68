package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// typedTerminal is a terminal of the line mode on which everything has been
// typed already.
func typedTerminal(text string, piped bool) (*Terminal, *bytes.Buffer) {
	var out bytes.Buffer
	return &Terminal{
		In: NewInput(strings.NewReader(text)), Out: &out, Window: NewWindow(Size{}),
		Env: []string{"TERM=dumb"}, Piped: piped,
	}, &out
}

// A question that is longer than the terminal is wide is broken between words.
func TestLineAskBreaks(t *testing.T) {
	term, out := typedTerminal("x\r", false)
	term.Window = NewWindow(Size{Width: 20, Height: 10})
	if _, err := term.lines(nil).ask(t.Context(), "Number to watch, a dot to go back:"); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "Number to watch, a\r\ndot to go back: ") {
		t.Errorf("%q", got)
	}
}

func TestLineAsk(t *testing.T) {
	for name, c := range map[string]struct {
		typed string
		piped bool
		want  string
		err   error
		rest  string
	}{
		"a line":         {"hello\rrest", false, "hello", nil, "rest"},
		"line feed":      {"hello\nrest", true, "hello", nil, "rest"},
		"CR LF":          {"hello\r\nrest", true, "hello", nil, "rest"},
		"spaces":         {"  a b  \r", false, "a b", nil, ""},
		"backspace":      {"abé\x7f\x7fc\r", false, "ac", nil, ""},
		"kill":           {"abc\x15d\r", false, "d", nil, ""},
		"arrows":         {"a\x1b[D\x1b[Ab\r", false, "ab", nil, ""},
		"a paste":        {"\x1b[200~a\nb\x1b[201~\r", false, "a b", nil, ""},
		"Ctrl-C":         {"abc\x03\r", false, "abc", ErrLeft, "\r"},
		"Ctrl-D":         {"\x04x", false, "", ErrLeft, "x"},
		"Ctrl-D in line": {"a\x04b\r", false, "ab", nil, ""},
		"cut line":       {"yes", true, "yes", ErrLeft, ""},
		"too long":       {strings.Repeat("a", 3000) + "\r", false, strings.Repeat("a", lineLongest), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			term, _ := typedTerminal(c.typed, c.piped)
			got, err := term.lines(PhrasesFor("en")).ask(t.Context(), "?")
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%.40q %v, want %.40q %v", got, err, c.want, c.err)
			}
			if rest, _ := io.ReadAll(term.In.Raw()); string(rest) != c.rest {
				t.Errorf("%q is left, want %q", rest, c.rest)
			}
		})
	}
}

func TestLineEcho(t *testing.T) {
	term, out := typedTerminal("aé\x7fb\r", false)
	l := term.lines(PhrasesFor("en"))
	l.say("one\ntwo")
	_, _ = l.ask(t.Context(), "?")
	if want := "one\r\ntwo\r\n? aé\b \bb\r\n"; out.String() != want {
		t.Errorf("%q, want %q", out, want)
	}
	term, out = typedTerminal("abc\n", true)
	l = term.lines(PhrasesFor("en"))
	l.say("one")
	_, _ = l.ask(t.Context(), "?")
	if want := "one\n? "; out.String() != want {
		t.Errorf("%q, want %q", out, want)
	}
}

func TestLineChoose(t *testing.T) {
	term, out := typedTerminal("0\nx\n\n3\n2\n", true)
	n, err := term.lines(PhrasesFor("en")).choose(t.Context(), "Which?", []string{"one", "two"})
	if n != 1 || err != nil || strings.Count(out.String(), "Please type a number from 1 to 2.") != 4 {
		t.Errorf("%d %v\n%s", n, err, out)
	}
	term, _ = typedTerminal("", true)
	if _, err := term.lines(PhrasesFor("en")).choose(t.Context(), "Which?", []string{"one"}); !errors.Is(err, ErrLeft) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("gone")
	cancel(cause)
	if _, err := term.lines(PhrasesFor("en")).choose(ctx, "Which?", []string{"one"}); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		env   []string
		piped bool
		want  bool
	}{
		{[]string{"TERM=xterm"}, false, false},
		{[]string{"TERM=xterm"}, true, true},
		{[]string{"TERM=dumb"}, false, true},
		{nil, false, true},
		{[]string{"TERM=xterm", "ACCORD_PLAIN=1"}, false, true},
		{[]string{"TERM=xterm", "ACCORD_PLAIN=0"}, false, false},
	} {
		if got := (&Terminal{Env: c.env, Piped: c.piped}).Plain(); got != c.want {
			t.Errorf("%q piped %v: %v", c.env, c.piped, got)
		}
	}
}

// paced types lines, each after three seconds of silence.
func paced(lines ...string) (strokes []stroke) {
	for _, l := range lines {
		strokes = append(strokes, stroke{3 * time.Second, l + "\r"})
	}
	return strokes
}

func TestPlainPrompt(t *testing.T) {
	all := samplePrompt().Capabilities
	for name, c := range map[string]struct {
		strokes []stroke
		prompt  Prompt
		want    Answer
		err     error
	}{
		"approve":      {paced("42"), samplePrompt(), Answer{Choice: Approve, Granted: all}, nil},
		"wrong code":   {paced("24", "42"), samplePrompt(), Answer{Choice: Approve, Granted: all}, nil},
		"fewer":        {paced("1", "1, 3 3", "42"), samplePrompt(), Answer{Choice: Approve, Granted: []string{"shell", "files.put"}}, nil},
		"fewer, none":  {paced("1", " ", "1", "9", "1", "2", "24"), samplePrompt(), Answer{Choice: None}, ErrTime},
		"view only":    {paced("1", "42"), screenPrompt(), Answer{Choice: Approve, Granted: []string{viewCapability}}, nil},
		"view, unsure": {paced("1", "y"), screenPrompt(), Answer{Choice: None}, ErrTime},
		"refuse":       {paced("3", "1"), samplePrompt(), Answer{Choice: Refuse, Why: "I did not ask for help"}, nil},
		"refuse, text": {paced("3", "6", "not you"), samplePrompt(), Answer{Choice: Refuse, Why: "not you"}, nil},
		"refuse, mute": {paced("3", "5"), samplePrompt(), Answer{Choice: Refuse}, nil},
		"stranger":     {paced("4", "1", "4", "2"), samplePrompt(), Answer{Choice: Refuse, Stranger: true}, nil},
		"enter":        {paced("", "", " "), samplePrompt(), Answer{Choice: None}, ErrTime},
		"left":         {[]stroke{{3 * time.Second, "4\x03"}}, samplePrompt(), Answer{Choice: None}, ErrLeft},
		"code in line": {[]stroke{{time.Second, "4"}, {time.Second, "2\r"}}, samplePrompt(), Answer{Choice: None}, ErrTime},
		"too early":    {[]stroke{{time.Second, "42\r"}, {time.Second, "42\r"}}, samplePrompt(), Answer{Choice: None}, ErrTime},
		"then quiet":   {[]stroke{{time.Second, "42\r"}, {2 * time.Second, "42\r"}}, samplePrompt(), Answer{Choice: Approve, Granted: all}, nil},
		"pasted":       {[]stroke{{3 * time.Second, "\x1b[200~42\x1b[201~\r"}}, samplePrompt(), Answer{Choice: None}, ErrTime},
		"nobody":       {nil, samplePrompt(), Answer{Choice: None}, ErrTime},
	} {
		t.Run(name, func(t *testing.T) {
			got := askOn(t, c.prompt, "42\r", c.strokes, "ACCORD_PLAIN=1")
			a := got.answer
			if a.Choice != c.want.Choice || !slices.Equal(a.Granted, c.want.Granted) || a.Why != c.want.Why ||
				a.Stranger != c.want.Stranger || !errors.Is(got.err, c.err) {
				t.Errorf("%+v (%v), want %+v (%v)\n%s", a, got.err, c.want, c.err, got.out)
			}
			if c.want.Choice != None && a.Guard.Quiet < quietTime || a.Language != "en" {
				t.Errorf("%+v", a)
			}
			out := strings.Join(strings.Fields(got.out), " ") // lines are broken between words
			for _, line := range strings.Split(strings.TrimSpace(c.prompt.Text(PhrasesFor("en"))), "\n") {
				if !strings.Contains(out, strings.Join(strings.Fields(line), " ")) {
					t.Errorf("%q was not said", line)
				}
			}
			if i := strings.IndexByte(got.out, '\x1b'); i >= 0 {
				t.Errorf("an escape sequence in the line mode: %q", got.out[i:])
			}
		})
	}
}

func TestPlainLater(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		wait  time.Duration
	}{
		"10 min": {[]string{"2", "1"}, 10 * time.Minute},
		"1 h":    {[]string{"2", "2"}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				term, keys, _ := pipeTerminal("ACCORD_PLAIN=1")
				go func() {
					for _, s := range paced(c.lines...) {
						<-time.After(s.pause)
						_, _ = io.WriteString(keys, s.text)
					}
				}()
				p := samplePrompt()
				p.Deadline = time.Now().Add(time.Minute)
				want := time.Now().Add(6*time.Second + c.wait)
				if a, err := Ask(t.Context(), term, p, nil); a.Choice != Later || !a.Later.Equal(want) || err != nil {
					t.Errorf("%+v (%v), want %v", a, err, want)
				}
				_ = keys.Close()
			})
		})
	}
	got := askOn(t, samplePrompt(), "", paced("2", "3", "25:00", "2", "3", "14:30"), "ACCORD_PLAIN=1")
	if got.answer.Choice != Later || got.answer.Later.Format("15:04") != "14:30" {
		t.Errorf("%+v (%v)\n%s", got.answer, got.err, got.out)
	}
}

func TestPlainCountdown(t *testing.T) {
	p := samplePrompt()
	p.Extend = func() (time.Time, bool) { return time.Now().Add(time.Minute), true }
	got := askOn(t, p, "", []stroke{{39 * time.Second, "4"}, {2 * time.Second, "2\r"}}, "ACCORD_PLAIN=1")
	if got.answer.Choice != Approve || !strings.Contains(got.out, "4\r\nOnly 20 s left. No answer means no.\r\n") {
		t.Errorf("%+v (%v)\n%s", got.answer, got.err, got.out)
	}
	got = askOn(t, p, "", []stroke{{50 * time.Second, "5\r"}, {50 * time.Second, "42\r"}}, "ACCORD_PLAIN=1")
	if got.answer.Choice != Approve || got.answer.Extended != 1 {
		t.Errorf("%+v (%v)\n%s", got.answer, got.err, got.out)
	}
}

func TestPlainResident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dwellOn(t.Context(), "ACCORD_PLAIN=1")
		d.events <- Idle{Device: "laptop-7", Connected: true}
		d.events <- Asking{livePrompt()}
		d.events <- Began{otherVisit()}
		d.typed(2*time.Second, "s\r")
		d.typed(2*time.Second, "5\r") // more time
		p := livePrompt()
		p.Deadline = p.Deadline.Add(time.Minute)
		d.events <- Asking{p}
		d.typed(2*time.Second, "42\r")
		d.events <- Began{sampleVisit()}
		d.events <- Ended{sampleCard()}
		d.typed(time.Second, "q\r")
		d.typed(time.Second, "?\r")
		d.typed(time.Second, "q\rq\r")
		if err := <-d.ended; err != nil {
			t.Error(err)
		}
		want := []ResidentAction{Seen{"nonce-1"}, Stop{otherVisit().ID}, Extend{"nonce-1"}, nil}
		for i, w := range want {
			if got := <-d.actions; w != nil && got != w {
				t.Errorf("action %d: %+v, want %+v", i, got, w)
			} else if a, ok := got.(AnswerTo); w == nil && (!ok || a.Answer.Choice != Approve || a.Answer.Extended != 1) {
				t.Errorf("%+v", got)
			}
		}
		for _, text := range []string{"laptop-7: The device can be called", "Robin Weiß (Acme Assistance) is connected", "Access is closed", "\a", "Type q again"} {
			if !strings.Contains(d.out.String(), text) {
				t.Errorf("%q was not said in\n%s", text, d.out)
			}
		}
	})
}

func TestPlainResidentGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dwellOn(t.Context(), "ACCORD_PLAIN=1")
		d.events <- Asking{livePrompt()}
		d.typed(2*time.Second, "4")
		d.events <- AskGone{ID: "nonce-1", Why: "The technician gave up."}
		d.typed(2*time.Second, "2\r")
		d.typed(2*time.Second, "s\rq\r")
		if err := <-d.ended; err != nil {
			t.Error(err)
		}
		close(d.actions)
		for a := range d.actions {
			if a != (Seen{"nonce-1"}) {
				t.Errorf("action %+v", a)
			}
		}
		if out := d.out.String(); !strings.Contains(out, "The technician gave up.") || !strings.Contains(out, "Nobody is connected") {
			t.Error(out)
		}
	})
}
