package tui

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"

	"accord/tui/picture"
)

// talker is a terminal that answers some of what it is asked, after a while.
type talker struct {
	lockedBuffer
	keys    *io.PipeWriter
	answers map[string]string
	delay   time.Duration
	replies chan string
}

// newTalker is a terminal with its talker; end closes its keyboard.
func newTalker(answers map[string]string, delay time.Duration, env ...string) (t *Terminal, o *talker, end func()) {
	r, w := io.Pipe()
	o = &talker{keys: w, answers: answers, delay: delay, replies: make(chan string, 1000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range o.replies {
			if o.delay > 0 {
				<-time.After(o.delay)
			}
			_, _ = io.WriteString(w, s)
		}
	}()
	env = append([]string{"TERM=xterm-256color"}, env...)
	t = &Terminal{In: NewInput(r), Out: o, Window: NewWindow(Size{80, 24}), Env: env}
	return t, o, func() {
		close(o.replies)
		_ = w.Close()
		<-done
	}
}

func (o *talker) Write(p []byte) (int, error) {
	for s := string(p); s != ""; {
		n := 1
		for question, answer := range o.answers {
			if strings.HasPrefix(s, question) {
				o.replies <- answer
				n = len(question)
			}
		}
		s = s[n:]
	}
	return o.lockedBuffer.Write(p)
}

// What terminals answer, as they do it.
func kittyAnswers() map[string]string {
	return map[string]string{
		"\x1b[>0q": "\x1bP>|kitty(0.26.5)\x1b\\", "\x1b[16t": "\x1b[6;16;8t", "\x1b[14t": "\x1b[4;384;640t",
		"\x1b[?u": "\x1b[?0u", "\x1b[?1016$p": "\x1b[?1016;2$y", "\x1bP$qm": "\x1bP1$r0;48:2:1:2:3m\x1b\\",
		"\x1b_Gi=31": "\x1b_Gi=31;OK\x1b\\", "\x1b[c": "\x1b[?62;c",
	}
}

func xtermAnswers() map[string]string {
	return map[string]string{
		"\x1b[>0q": "\x1bP>|XTerm(379)\x1b\\", "\x1b[14t": "\x1b[4;312;480t", "\x1b[?1016$p": "\x1b[?1016;2$y",
		"\x1b[?1;1;0S": "\x1b[?1;0;256S", "\x1b[?2;1;0S": "\x1b[?2;0;1000;900S", "\x1bP$qm": "\x1bP1$r0;48;5;16m\x1b\\",
		"\x1b[c": "\x1b[?63;1;2;4;6;9;15;16;22;28c",
	}
}

func tmuxAnswers() map[string]string {
	return map[string]string{"\x1b[>0q": "\x1bP>|tmux 3.3a\x1b\\", "\x1b[c": "\x1b[?1;2c"}
}

func TestTerminalsAreAsked(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]string
		delay   time.Duration
		env     string
		want    picture.Means
	}{
		"kitty":       {kittyAnswers(), 0, "", picture.Means{Way: picture.Kitty, Cell: image.Pt(8, 16)}},
		"slow kitty":  {kittyAnswers(), 180 * time.Millisecond, "", picture.Means{Way: picture.Kitty, Cell: image.Pt(8, 16)}},
		"xterm":       {xtermAnswers(), 0, "", picture.Means{Way: picture.Sixel, Colours: 256, Cell: image.Pt(6, 13), Most: image.Pt(1000, 900)}},
		"tmux":        {tmuxAnswers(), 0, "TERM=screen-256color", picture.Means{Colours: picture.TrueColour}},
		"VT340":       {map[string]string{"\x1b[c": "\x1b[?63;4c"}, 0, "", picture.Means{Way: picture.Sixel, Colours: 16}},
		"old":         {map[string]string{"\x1b[c": "\x1b[?1;2c"}, 0, "TERM=xterm", picture.Means{Colours: 16}},
		"true colour": {map[string]string{"\x1bP$qm": "\x1bP1$r48;2;1;2;3m\x1b\\", "\x1b[c": "\x1b[?6c"}, 0, "", picture.Means{Colours: picture.TrueColour}},
		"says so":     {map[string]string{"\x1b[c": "\x1b[?6c"}, 0, "COLORTERM=truecolor", picture.Means{Colours: picture.TrueColour}},
		"silent":      {nil, 0, "", picture.Means{Colours: 256}},
		"late":        {kittyAnswers(), 3 * time.Second, "", picture.Means{Colours: 256}},
		"no graphics": {map[string]string{"\x1b_Gi=31": "\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\", "\x1b[c": "\x1b[?6c"}, 0, "", picture.Means{Colours: 256}},
		"of another":  {map[string]string{"\x1b_Gi=31": "\x1b_Gi=7;OK\x1b\\", "\x1b[c": "\x1b[?6c"}, 0, "", picture.Means{Colours: 256}},
		"nonsense": {map[string]string{"\x1b[16t": "\x1b[6;;t\x1b[6;0;0t\x1b[?1;0;S\x1b[?1S\x1b[?1;0;256:1S\x1bP>|\x1b\\", "\x1b[c": "\x1b[?c"}, 0, "",
			picture.Means{Colours: 256}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				term, o, end := newTalker(c.answers, c.delay, c.env)
				o.replies <- "a"
				got, err := term.ask(t.Context())
				o.replies <- "b\x1b[A"
				if err != nil || got.Means != c.want {
					t.Errorf("%+v, %v; want %+v", got.Means, err, c.want)
				}
				if again, _ := term.ask(t.Context()); again.Means != got.Means {
					t.Error("asked again, it says something else")
				}
				<-time.After(time.Minute)
				end()
				if keys := restOf(t, term.In); keys != "a b up" {
					t.Errorf("the next screen gets %q", keys)
				}
				multiplexed := strings.Contains(o.String(), "\x1b_G") && name == "tmux"
				if multiplexed || !strings.HasSuffix(o.String(), "\x1b[?1049l") {
					t.Errorf("it was sent %q", o.String())
				}
			})
		})
	}
}

// restOf are the keys that are left in an input, until its end.
func restOf(t *testing.T, in *Input) string {
	t.Helper()
	var keys []string
	var dec uv.EventDecoder
	for {
		ev, err := in.next(t.Context(), &dec)
		if err != nil {
			return strings.Join(keys, " ")
		}
		switch msg := ev.msg.(type) {
		case tea.KeyPressMsg:
			keys = append(keys, msg.String())
		case tea.MouseClickMsg, tea.MouseMotionMsg, uv.KeyReleaseEvent:
			keys = append(keys, fmt.Sprintf("%T", msg))
		}
	}
}

func TestAskingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, _, end := newTalker(nil, 0)
		gone := errors.New("the visit is over")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if _, err := term.ask(ctx); !errors.Is(err, gone) {
			t.Errorf("cancelled: %v", err)
		}
		end()
		if _, err := term.ask(t.Context()); !errors.Is(err, ErrLeft) {
			t.Errorf("closed: %v", err)
		}
		term.Out = failing{}
		if _, err := term.ask(t.Context()); !errors.Is(err, ErrLeft) {
			t.Errorf("can't be written to: %v", err)
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// An answer that is cut anywhere on its way, also for longer than a key is
// waited for, is none of a person's typing.
func TestCutAnswersAreNoKeys(t *testing.T) {
	list := []string{"\x1b[<35;123;456M", "\x1b[<0;1;2m", "\x1b[97;1:3u", "\x1b]11;rgb:1/2/3\a"}
	for _, answers := range []map[string]string{kittyAnswers(), xtermAnswers(), tmuxAnswers()} {
		for _, a := range answers {
			list = append(list, a)
		}
	}
	for _, a := range list {
		for cut := 3; cut < len(a); cut++ {
			if got := events(t, 300*time.Millisecond, "x"+a[:cut], a[cut:]+"y"); strings.Join(got, " ") != "x y" {
				t.Errorf("%q cut after %d: %q", a, cut, got)
			}
		}
	}
}

func TestUnfinished(t *testing.T) {
	for seq, want := range map[string]bool{
		"": false, "\x1b": false, "\x1b[": false, "\x1bP": false, "\x1b_": false, "abc": false,
		"\x1b[1": true, "\x1b[?1;2": true, "\x1b[A": false, "\x1b[1;2A": false, "\x1b[?1016;2$": true, "\x1b[?1016;2$y": false, "\x1b[1\x1b": false,
		"\x1bP1$r": true, "\x1bP1$r\x1b": true, "\x1bP1$r\x1b\\": false, "\x1bP1$r\x18": false, "\x1bP1\x1b[A": false, "\x1bPls": false,
		"\x1b_Gi": true, "\x1b_Gi\x1b\\": false, "\x1b_x": false, "\x1b]1": true, "\x1b]1\a": false, "\x1b]x": false, "\x1bP1\a": true,
	} {
		if got := unfinished([]byte(seq)); got != want {
			t.Errorf("%q: %v", seq, got)
		}
	}
}

// Whatever a terminal says, what is drawn stays within bounds.
func FuzzAnswers(f *testing.F) {
	for _, answers := range []map[string]string{kittyAnswers(), xtermAnswers()} {
		for _, a := range answers {
			f.Add([]byte(a))
		}
	}
	f.Add([]byte("\x1b[6;99999;99999t\x1b[?1;0;99999999999S\x1b[?2;0;1;1S\x1b[?4c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var dec uv.EventDecoder
		var got answers
		for buf := data; len(buf) > 0; {
			n, ev := decode(&dec, buf, true)
			if n <= 0 || n > len(buf) {
				t.Fatalf("%d bytes of %d are taken", n, len(buf))
			}
			if ev != nil {
				got.take(translate(ev))
			}
			buf = buf[n:]
		}
		term := &Terminal{Window: NewWindow(Size{80, 24}), Env: []string{"TERM=xterm"}}
		m := term.means(got)
		place := picture.Lay(image.Pt(1280, 800), image.Rect(0, 0, 80, 24), m.Cell, picture.View{})
		if n := place.Dots.X * place.Dots.Y; n > 3840*2160 || got.registers > 1<<16 {
			t.Errorf("%d dots, %d colours", n, got.registers)
		}
		picture.New(m)
	})
}
