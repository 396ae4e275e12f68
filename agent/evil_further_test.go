package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"accord/tui"
	"accord/wire"
)

// The evil gateway asks for more in a visit that is open.

// powered offers a declared action besides the shell.
func powered(o *Options) {
	o.Config.Actions = []Action{
		{Name: "beep", About: "beep", Command: []string{"/bin/true"}, Timeout: 10 * time.Second},
		{Name: "blink", About: "blink", Command: []string{"/bin/true"}, Timeout: 10 * time.Second},
	}
}

func moreOf(names ...string) *wire.More {
	m := &wire.More{}
	for _, n := range names {
		m.Capabilities = append(m.Capabilities, wire.Capability(n))
	}
	return m
}

// TestMoreIsAskedAndSigned: the prompt says what is added to what, and until
// when; the receipt is one of its own; only what was agreed to is granted.
func TestMoreIsAskedAndSigned(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.open(p)
	if err := l.run(v.req.Visit, "action:beep"); err == nil {
		t.Error("an action ran that nobody granted")
	}
	v.write(moreOf("action:beep", "action:blink"))
	asked := p.asked()
	if asked.Further == nil || !slices.Equal(asked.Further.Has, []string{"shell"}) || !slices.Equal(asked.Capabilities, []string{"action:beep", "action:blink"}) || asked.LaterLeft != 0 {
		t.Errorf("asked %+v", asked)
	}
	if err := l.run(v.req.Visit, "action:beep"); err == nil {
		t.Error("an action ran while the user was being asked")
	}
	p.give(asked.ID, approval("action:beep"))
	c := l.answer(v)
	if c.Choice != wire.Approve || !c.Further || c.Number != 2 || c.Request.Visit != v.req.Visit || c.UID != e.agent.user.UID ||
		!slices.Equal(c.Granted, []wire.Capability{"action:beep"}) || !slices.Equal(c.Request.Capabilities, []wire.Capability{"action:beep", "action:blink"}) ||
		!strings.Contains(c.Text, "asks for more in the open visit") {
		t.Errorf("signed %+v", c)
	}
	if err := l.run(v.req.Visit, "action:beep"); err != nil {
		t.Error(err)
	}
	if err := l.run(v.req.Visit, "action:blink"); err == nil {
		t.Error("an action ran that was asked for and not granted")
	}
	if !l.mark(v.req.Visit) {
		t.Error("the shell is gone")
	}
	shown := p.until("the visit as it is now", func(m toClient) bool { return m.Began != nil && len(m.Began.Capabilities) == 2 })
	if !slices.Equal(shown.Began.Capabilities, []string{"shell", "action:beep"}) {
		t.Errorf("shown %v", shown.Began.Capabilities)
	}
	if list, _, err := e.agent.ledger.list(10); err != nil || len(list) != 2 || list[0].Ending != nil {
		t.Errorf("receipts %+v, %v", list, err)
	}
}

// TestMoreIsNeverAYes: whatever the user does instead of a yes grants nothing,
// and the visit goes on.
func TestMoreIsNeverAYes(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.open(p)
	for name, a := range map[string]tui.Answer{
		"refuse": {Choice: tui.Refuse}, "none": {Choice: tui.None}, "nothing": {Choice: tui.Approve},
		"something else": approval("shell"), "more than that": approval("action:beep", "action:blink"),
	} {
		v.write(moreOf("action:beep"))
		p.give(p.asked().ID, a)
		if c := l.answer(v); c.Opens() || len(c.Granted) > 0 || c.Until != nil {
			t.Errorf("%s: signed %+v", name, c)
		}
		if err := l.run(v.req.Visit, "action:beep"); err == nil {
			t.Errorf("%s: the action ran", name)
		}
		if !l.mark(v.req.Visit) {
			t.Fatalf("%s: the shell is gone", name)
		}
	}
}

// TestMoreThatIsNotAsked: what the visit has, what the device does not offer, and
// anything while the user has paused the visit is no question for the user.
func TestMoreThatIsNotAsked(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.open(p)
	for _, m := range []*wire.More{moreOf("shell"), moreOf("action:beep", "shell"), moreOf("action:self-destruct"), moreOf("action:nothing", "action:beep")} {
		v.write(m)
		if c := l.answer(v); c.Opens() || c.UID != -1 || c.Why == "" {
			t.Errorf("%v: signed %+v", m.Capabilities, c)
		}
	}
	p.say(fromClient{Op: opPause})
	control(v, wire.Paused)
	v.write(moreOf("action:beep"))
	if c := l.answer(v); c.Opens() || !strings.Contains(c.Why, "paused") {
		t.Errorf("paused: signed %+v", c)
	}
	select {
	case m := <-p.out:
		if m.Asking != nil {
			t.Errorf("the user was asked %+v", m.Asking)
		}
	default:
	}
}

// TestMoreWhileOneIsAsked: a gateway that asks again before it has an answer ends
// its visit, and a yes that comes then grants nothing.
func TestMoreWhileOneIsAsked(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.open(p)
	v.write(moreOf("action:beep"))
	asked := p.asked()
	v.write(moreOf("action:blink"))
	if end, ok := await[*wire.End](v); !ok || !strings.Contains(end.Cause, "before it had an answer") {
		t.Errorf("%+v", end)
	}
	p.give(asked.ID, approval("action:beep"))
	p.ended(v.req.Visit)
	if err := l.run(v.req.Visit, "action:beep"); err == nil {
		t.Error("the action ran")
	}
}

// TestMoreWithdrawn: the prompt goes away, a yes after it counts for nothing, and
// the same may be asked again.
func TestMoreWithdrawn(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.open(p)
	v.write(&wire.Withdraw{}) // nothing waits: nothing happens
	v.write(moreOf("action:beep"))
	asked := p.asked()
	v.write(&wire.Withdraw{})
	p.until("the prompt goes away", func(m toClient) bool { return m.Gone != nil && m.Gone.ID == asked.ID })
	p.give(asked.ID, approval("action:beep"))
	if c := l.answer(v); c.Opens() || !strings.Contains(c.Why, "withdrawn") {
		t.Errorf("signed %+v", c)
	}
	if err := l.run(v.req.Visit, "action:beep"); err == nil {
		t.Error("the action ran")
	}
	v.write(moreOf("action:beep"))
	p.give(p.asked().ID, approval("action:beep"))
	if c := l.answer(v); !c.Opens() {
		t.Errorf("signed %+v", c)
	}
}

// TestMoreEndsWithTheVisit: a visit that ends takes its prompt with it.
func TestMoreEndsWithTheVisit(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.open(p)
	v.write(moreOf("action:beep"))
	asked := p.asked()
	p.say(fromClient{Op: opStop})
	p.ended(v.req.Visit)
	p.give(asked.ID, approval("action:beep"))
	if err := l.run(v.req.Visit, "action:beep"); err == nil {
		t.Error("the action ran")
	}
	l.mustNot(v.req.Visit, "after its end")
}

// TestTakenBackIsAskedAgain: what was taken back needs a yes of its own again,
// and has it then.
func TestTakenBackIsAskedAgain(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.open(p)
	grant := func() {
		t.Helper()
		v.write(moreOf("action:beep"))
		p.give(p.asked().ID, approval("action:beep"))
		if c := l.answer(v); !c.Opens() {
			t.Fatalf("signed %+v", c)
		}
		if err := l.run(v.req.Visit, "action:beep"); err != nil {
			t.Fatal(err)
		}
	}
	grant()
	p.say(fromClient{Op: opReduce, Take: []wire.Capability{"action:beep"}})
	if c := control(v, wire.Reduced); !slices.Equal(c.Granted, []wire.Capability{wire.Shell}) {
		t.Errorf("left: %v", c.Granted)
	}
	if err := l.run(v.req.Visit, "action:beep"); err == nil {
		t.Error("the action ran after it was taken back")
	}
	grant()
}

// TestMoreBeforeTheVisitIsOpen: out of order, it ends the visit and asks nobody.
func TestMoreBeforeTheVisitIsOpen(t *testing.T) {
	e := newEvil(t, powered)
	l, p := e.link(), e.sit()
	v := l.ask(request())
	p.give(p.asked().ID, approval())
	l.answer(v)
	v.write(moreOf("action:beep"))
	v.gone()
	l.mustNot(v.req.Visit, "after a question out of order")
}

// TestMoreFromAStandingConsent: the owner's consent in advance covers what it
// says, unless the rules want the user asked.
func TestMoreFromAStandingConsent(t *testing.T) {
	e := newEvil(t, func(o *Options) {
		powered(o)
		o.Config.Class = wire.Unattended
		o.Config.Standing = []Standing{{Name: "beeps", Groups: []string{"ops"}, Capabilities: []string{"shell", "action:beep"}}}
	})
	l, p := e.link(), e.sit()
	req := request()
	req.Technician.Groups = []string{"ops"}
	v := l.ask(req)
	l.answer(v)
	v.write(&wire.Open{Head: zeroHead()})
	if _, ok := await[*wire.Ready](v); !ok {
		t.Fatal("the visit does not open")
	}
	v.write(&wire.More{Capabilities: []wire.Capability{"action:beep"}, AskUser: true})
	p.give(p.asked().ID, tui.Answer{Choice: tui.Refuse})
	if c := l.answer(v); c.Opens() {
		t.Errorf("signed %+v", c)
	}
	v.write(moreOf("action:beep"))
	if c := l.answer(v); !c.Opens() || c.Standing != "beeps" || c.UID != -1 {
		t.Errorf("signed %+v", c)
	}
	if err := l.run(v.req.Visit, "action:beep"); err != nil {
		t.Error(err)
	}
}
