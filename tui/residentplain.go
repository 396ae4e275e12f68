package tui

import (
	"context"
	"strings"
	"sync"
	"time"
)

// plainResident is the resident screen in the line mode. A reader, one at a
// time, has the keyboard: for the request that is open, or for commands.
// Everything else belongs to the loop in run.
type plainResident struct {
	*lineMode
	out  outbox
	act  func(ResidentAction)
	stop chan struct{} // the stop command, given in answer to a request

	idle    Idle
	prompt  *plainAsking // nil while nothing is asked
	visits  []Visit
	leaving bool     // leaving was asked for once, while a visit goes on
	mirror  *mirrors // while the lines of shells are on their way

	halt   context.CancelFunc // ends the reader; nil without one
	result chan plainResult   // what it ended with
}

// plainResult is a command, or the answer to a request.
type plainResult struct {
	line   string
	answer Answer
	err    error
}

func residentPlain(ctx context.Context, t *Terminal, events <-chan ResidentEvent, act func(ResidentAction)) error {
	m := &plainResident{
		lineMode: t.lines(PhrasesFor(t.Locale())), act: act,
		stop: make(chan struct{}), result: make(chan plainResult, 1),
	}
	err := m.run(ctx, events)
	if r, was := m.halted(); was && m.prompt != nil {
		r.answer.Choice = None
		m.answered(r)
	}
	return err
}

// do performs an action at once, in order with those of the reader.
func (m *plainResident) do(a ResidentAction) { m.out.send(func() { m.act(a) })() }

func (m *plainResident) run(ctx context.Context, events <-chan ResidentEvent) error {
	for {
		m.read(ctx)
		select {
		case e, ok := <-events:
			if !ok {
				return ErrAgentGone
			}
			m.take(e)
			if _, closing := e.(Closing); closing && m.prompt == nil && len(m.visits) == 0 {
				return nil
			}
		case <-m.stop:
			m.stopAll()
		case r := <-m.result:
			m.halt()
			m.halt = nil
			switch {
			case m.prompt != nil:
				m.answered(r) // where the terminal ended, the next reader says so
			case r.err != nil:
				return r.err
			case m.command(r.line):
				return nil
			}
		}
	}
}

// read starts a reader where none is.
func (m *plainResident) read(ctx context.Context) {
	if m.halt != nil {
		return
	}
	var inner context.Context
	inner, m.halt = context.WithCancel(ctx)
	if p := m.prompt; p != nil {
		go func() {
			a, err := p.run(inner)
			m.result <- plainResult{answer: a, err: err}
		}()
		return
	}
	go func() {
		var line typedLine
		err := m.lineMode.read(inner, &line)
		m.result <- plainResult{line: strings.TrimSpace(line.text), err: err}
	}()
}

// halted ends the reader, if there is one, and returns what it ended with.
func (m *plainResident) halted() (r plainResult, was bool) {
	if m.halt == nil {
		return plainResult{}, false
	}
	m.halt()
	m.halt = nil
	for {
		select {
		case <-m.stop:
			m.stopAll()
		case r := <-m.result:
			return r, true
		}
	}
}

// answered hands an answer over.
func (m *plainResident) answered(r plainResult) {
	asked := m.prompt.prompt
	m.prompt = nil
	m.say(m.ph.outcome(r.answer, asked))
	m.do(AnswerTo{asked.ID, r.answer})
}

// command obeys a line. It reports whether the user leaves.
func (m *plainResident) command(line string) (leave bool) {
	leaving := m.leaving
	m.leaving = false
	word, rest, _ := strings.Cut(line, " ")
	switch strings.ToLower(word) {
	case "m", "p", "r", "t":
		m.controls(strings.ToLower(word), strings.TrimSpace(rest))
	case "s":
		m.stopAll()
	case "q":
		if len(m.visits) == 0 || leaving {
			return true
		}
		m.leaving = true
		m.say(m.ph.Say(m.idle.word("LeaveAbout", "AgentlessLeaveAbout")) + " " + m.ph.Say("PlainLeave"))
	default:
		m.status()
	}
	return false
}

func (m *plainResident) stopAll() {
	for _, v := range m.visits {
		m.do(Stop{v.ID})
	}
	if len(m.visits) == 0 {
		m.say(m.ph.Say("NobodyConnected"))
		return
	}
	m.say(m.ph.Say("VisitStopping"))
}

// status says how things stand.
func (m *plainResident) status() {
	key := "LinkAway"
	if m.idle.Connected {
		key = "LinkUp"
	}
	m.say(m.ph.Say("PlainDevice", "Device", m.idle.Device) + " " + m.ph.Say(key))
	if m.idle.Agentless && m.idle.Connected {
		for _, line := range agentlessHints(m.ph) {
			m.say(line)
		}
	}
	if m.idle.Unattended {
		m.say(m.ph.Say("IdleUnattended"))
	}
	if len(m.visits) == 0 {
		m.say(m.ph.Say("NobodyConnected"))
	}
	for _, v := range m.visits {
		m.say(Indicator(m.ph, v, time.Now()))
	}
	m.say(m.ph.Say("PlainResident"))
	if len(m.visits) > 0 {
		m.say(m.ph.Say("PlainControl"))
	}
}

// take takes an event. Only those of requests change who has the keyboard.
func (m *plainResident) take(event ResidentEvent) {
	switch e := event.(type) {
	case Idle:
		was := m.idle
		m.idle = e
		if was.Connected != e.Connected || was.Device != e.Device {
			m.status()
		}
	case Asking:
		m.ask(e.Prompt)
	case AskGone:
		if m.prompt == nil || m.prompt.prompt.ID != e.ID {
			return
		}
		m.interrupt()
		if m.prompt != nil {
			m.prompt = nil
			m.say(or(e.Why, m.ph.Say("AskGone")))
		}
	case Told:
		m.say("\a" + e.Text)
	case Began:
		m.ph = m.ph.With(e.Visit.Actions)
		m.began(e.Visit)
	case Said:
		m.say("\a" + m.ph.Say("SaidLine", "From", e.From, "Text", e.Text))
	case Mirrored:
		m.mirrored(e)
	case Ended:
		m.visits = without(m.visits, e.Card.ID)
		m.say(e.Card.Text(m.ph))
	}
}

// interrupt takes the keyboard from the reader. An answer that was given in
// the meantime counts.
func (m *plainResident) interrupt() {
	r, was := m.halted()
	if was && m.prompt != nil && r.err == nil {
		m.answered(r)
	}
}

func (m *plainResident) ask(p Prompt) {
	if !p.answerable() {
		m.do(AnswerTo{p.ID, Answer{Choice: None}})
		return
	}
	m.interrupt()
	m.write("\a\n")
	next := &plainAsking{lineMode: m.t.lines(m.ph), prompt: p, shown: time.Now(), also: m.stops}
	var once sync.Once
	next.touched = func() { once.Do(func() { m.do(Seen{p.ID}) }) }
	next.prompt.Extend = func() (time.Time, bool) {
		m.do(Extend{p.ID})
		return time.Time{}, true
	}
	if was := m.prompt; was != nil && was.prompt.ID == p.ID {
		next.shown, next.touched, next.extended = was.shown, was.touched, was.extended
		next.guard.early = was.guard.early
		if p.Deadline.After(was.prompt.Deadline) {
			next.extended++
		}
	}
	m.prompt = next
}

// stops takes the stop command in the midst of a request.
func (m *plainResident) stops(line string) bool {
	if strings.ToLower(line) != "s" {
		return false
	}
	m.stop <- struct{}{}
	return true
}
