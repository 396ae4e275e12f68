package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// dweller drives a resident screen by hand, with a clock of its own.
type dweller struct {
	*resident
	t       *testing.T
	clock   time.Time
	actions []ResidentAction
}

func dwell(t *testing.T, lang string, s Size) *dweller {
	x := &dweller{t: t, clock: noon()}
	x.resident = &resident{
		page:     page{ph: PhrasesFor(lang), width: s.Width, height: s.Height},
		stopping: make(map[string]bool),
		act: func(a ResidentAction) tea.Cmd {
			x.actions = append(x.actions, a)
			return func() tea.Msg { return nil }
		},
	}
	return x.after(0)
}

func (x *dweller) after(d time.Duration) *dweller {
	x.clock = x.clock.Add(d)
	x.At(x.clock)
	x.Update(tickMsg(x.clock))
	return x
}

func (x *dweller) take(events ...ResidentEvent) *dweller {
	for _, e := range events {
		x.At(x.clock)
		x.Update(eventMsg{e})
	}
	return x
}

func (x *dweller) keys(names ...string) *dweller {
	for _, name := range names {
		x.At(x.clock)
		x.Update(keyMsg(name))
	}
	return x
}

func (x *dweller) shows(text string) *dweller {
	x.t.Helper()
	if view := ansi.Strip(x.View()); !strings.Contains(view, text) {
		x.t.Fatalf("%q is not in\n%s", text, view)
	}
	return x
}

// wants checks the kinds of the actions so far.
func (x *dweller) wants(kinds ...string) *dweller {
	x.t.Helper()
	var got []string
	for _, a := range x.actions {
		switch a := a.(type) {
		case AnswerTo:
			got = append(got, "answer "+string(a.Answer.Choice))
		case Seen:
			got = append(got, "seen")
		case Extend:
			got = append(got, "extend")
		case Stop:
			got = append(got, "stop "+a.Visit)
		default:
			got = append(got, fmt.Sprintf("%T %q", a, a))
		}
	}
	if !slices.Equal(got, kinds) {
		x.t.Fatalf("actions %q, want %q", got, kinds)
	}
	return x
}

func home(t *testing.T) *dweller {
	return dwell(t, "en", Size{80, 24}).take(Idle{Device: "laptop-7", Organisation: "Acme", Connected: true})
}

func TestResidentAnswers(t *testing.T) {
	x := home(t).shows("Nobody is connected").take(Asking{samplePrompt()}).shows("asks to work")
	x.after(quietTime).keys("4", "2").wants("seen", "answer approve").shows("You allowed Camille Roy")
	x.keys("?").shows("Accord on this device").keys("x").shows("Nobody is connected").keys("q")
	if !x.done {
		t.Error("q does not leave")
	}
}

// The guard begins with the prompt, not with the last tick before it.
func TestResidentGuard(t *testing.T) {
	x := home(t)
	x.clock = x.clock.Add(900 * time.Millisecond)
	x.take(Asking{samplePrompt()})
	x.clock = x.clock.Add(quietTime - time.Millisecond)
	x.keys("4", "2").wants("seen")
}

func TestResidentTakesOneRequestAtATime(t *testing.T) {
	x := home(t).take(Asking{samplePrompt()}).after(quietTime).keys("4")
	other := samplePrompt()
	other.ID, other.Code, other.Full = "nonce-2", "29", "Robin Weiß"
	x.take(Asking{other}).shows("Robin Weiß").keys("2", "9").wants("seen", "seen")
	x.take(AskGone{ID: "nonce-1", Why: "an old one"}).shows("Robin Weiß")
	x.after(quietTime).keys("2", "9").wants("seen", "seen", "answer approve")
	if got := x.actions[2].(AnswerTo); got.ID != "nonce-2" || len(got.Answer.Granted) != 3 {
		t.Errorf("%+v", got)
	}
}

func TestResidentExtends(t *testing.T) {
	x := home(t).take(Asking{samplePrompt()}).after(quietTime).keys("+").wants("seen", "extend")
	p := samplePrompt()
	p.Deadline = p.Deadline.Add(time.Minute)
	x.take(Asking{p}).shows("more time now").keys("4", "2").wants("seen", "extend", "answer approve")
	if got := x.actions[2].(AnswerTo); got.Answer.Extended != 1 {
		t.Errorf("%+v", got.Answer)
	}
}

func TestResidentGone(t *testing.T) {
	home(t).take(Asking{samplePrompt()}, AskGone{"nonce-1", "The technician gave up."}).
		shows("The technician gave up.").keys("4", "2").wants()
	home(t).take(Asking{samplePrompt()}).after(2 * time.Minute).wants("answer none").shows("no answer")
	home(t).take(Asking{samplePrompt()}).after(quietTime).keys("ctrl+c").wants("seen", "answer none").shows("no answer")
	bad := samplePrompt()
	bad.Code = ""
	home(t).take(Asking{bad}).wants("answer none").shows("Nobody is connected")
}

func TestResidentStops(t *testing.T) {
	a, b := sampleVisit(), otherVisit()
	stopA, stopB := "stop "+a.ID, "stop "+b.ID
	home(t).take(Began{a}).shows("Camille Roy is connected").shows("Press s to stop").
		shows("30 min left").after(25*time.Minute).shows("5 min left").
		keys("s").wants(stopA).shows("Stopping").keys("s").wants(stopA, stopA)
	home(t).take(Began{a}, Began{b}).shows("2 technicians").keys("2").wants(stopB).keys("S").wants(stopB, stopA, stopB)
	// It works on every page, at once, but is a letter where text is typed.
	home(t).take(Began{a}, Asking{samplePrompt()}).keys("s").wants(stopA, "seen")
	home(t).take(Began{a}, Asking{samplePrompt()}).after(quietTime).keys("r", "6", "s").wants("seen")
	home(t).take(Began{a}).keys("q", "s").wants(stopA)
	home(t).take(Began{a}).keys("?", "s").wants(stopA)
	home(t).take(Began{b}, Ended{sampleCard()}).keys("s").wants(stopB)
	home(t).keys("s").wants()
}

func TestResidentCard(t *testing.T) {
	x := home(t).take(Began{sampleVisit()}, Ended{sampleCard()})
	x.shows("Access is closed").shows("stopped by you").shows("17").keys("a").shows("Nobody is connected")
	// A request is shown before a card, which is not lost.
	x.take(Ended{sampleCard()}, Asking{samplePrompt()}).shows("asks to work").take(AskGone{ID: "nonce-1"}).shows("Access is closed")
}

func TestResidentLeaving(t *testing.T) {
	x := home(t).take(Began{sampleVisit()}).keys("q").shows("The visit goes on").keys("enter")
	if x.done || x.leave != nil {
		t.Error("Enter on the safe answer does not stay")
	}
	if x.keys("ctrl+c", "2"); !x.done {
		t.Error("the second answer does not leave")
	}
	if y := home(t).take(Began{sampleVisit()}).keys("q").take(Ended{sampleCard()}); y.leave != nil {
		t.Error("asks about a visit that is over")
	}
}

func TestResidentTitle(t *testing.T) {
	x := home(t)
	for _, c := range []struct {
		event ResidentEvent
		want  string
	}{
		{Idle{Device: "laptop-7"}, "Accord: laptop-7"},
		{Began{sampleVisit()}, "Accord: Camille Roy is connected"},
		{Asking{samplePrompt()}, "Accord: Camille Roy asks for access"},
	} {
		if got := x.take(c.event).Title(); got != c.want {
			t.Errorf("title %q, want %q", got, c.want)
		}
	}
}

// dwelling is a resident screen on a terminal, in a bubble with its own clock.
type dwelling struct {
	keys    *io.PipeWriter
	out     *lockedBuffer
	events  chan ResidentEvent
	actions chan ResidentAction
	ended   chan error
}

func dwellOn(ctx context.Context, env ...string) *dwelling {
	term, keys, out := pipeTerminal(env...)
	d := &dwelling{keys, out, make(chan ResidentEvent), make(chan ResidentAction, 20), make(chan error, 1)}
	go func() {
		d.ended <- Resident(ctx, term, d.events, func(a ResidentAction) { d.actions <- a })
		_ = keys.Close()
	}()
	return d
}

// typed types after a pause.
func (d *dwelling) typed(pause time.Duration, text string) {
	<-time.After(pause)
	_, _ = io.WriteString(d.keys, text)
	synctest.Wait()
}

func livePrompt() Prompt {
	p := samplePrompt()
	p.Deadline = time.Now().Add(2 * time.Minute)
	return p
}

func TestResidentOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dwellOn(t.Context())
		d.events <- Idle{Device: "laptop-7", Connected: true}
		d.events <- Asking{livePrompt()}
		d.typed(time.Second, "x")
		d.typed(2*time.Second, "42")
		if a := <-d.actions; a != (Seen{"nonce-1"}) {
			t.Errorf("%+v", a)
		}
		if a := (<-d.actions).(AnswerTo); a.Answer.Choice != Approve || a.Answer.Guard.Early != 1 {
			t.Errorf("%+v", a)
		}
		d.events <- Began{sampleVisit()}
		d.typed(time.Second, "s")
		if a := <-d.actions; a != (Stop{sampleVisit().ID}) {
			t.Errorf("%+v", a)
		}
		d.events <- Ended{sampleCard()}
		d.typed(time.Second, " q")
		if err := <-d.ended; err != nil {
			t.Error(err)
		}
		// Titles end with a bell as well, where they do not end with ST.
		out := regexp.MustCompile("\x1b\\][^\a]*\a").ReplaceAllString(d.out.String(), "")
		if n := strings.Count(out, "\a"); n != 1 {
			t.Errorf("the bell rang %d times", n)
		}
	})
}

func TestResidentEnds(t *testing.T) {
	for _, env := range [][]string{nil, {"ACCORD_PLAIN=1"}} {
		for name, c := range map[string]struct {
			end  func(d *dwelling, cancel context.CancelFunc)
			want error
		}{
			"agent":    {func(d *dwelling, _ context.CancelFunc) { close(d.events) }, ErrAgentGone},
			"terminal": {func(d *dwelling, _ context.CancelFunc) { _ = d.keys.Close() }, ErrLeft},
			"context":  {func(_ *dwelling, cancel context.CancelFunc) { cancel() }, context.Canceled},
		} {
			// The bubble fails if a goroutine of it stays behind for ever.
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					d := dwellOn(ctx, env...)
					d.events <- Asking{livePrompt()}
					d.events <- Idle{Device: "laptop-7"}
					c.end(d, cancel)
					if err := <-d.ended; !errors.Is(err, c.want) {
						t.Errorf("%v, want %v", err, c.want)
					}
					if a := (<-d.actions).(AnswerTo); a.Answer.Choice != None || a.ID != "nonce-1" {
						t.Errorf("%+v", a)
					}
					<-time.After(quietTime) // a timer of Bubble Tea can't be stopped
				})
			})
		}
	}
}
