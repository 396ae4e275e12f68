package tui

import (
	"context"
	"errors"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
)

// ErrAgentGone is returned by [Resident] when its events ended: the agent has
// stopped, and with it every visit.
var ErrAgentGone = errors.New("the agent has stopped; start it, then open this screen again")

// ResidentEvent is what the agent tells the resident screen.
type ResidentEvent interface{ residentEvent() }

type (
	// Idle tells of the device itself; it may come at any time.
	Idle struct {
		Device, Organisation string
		Connected            bool      // to the gateway
		Since                time.Time // of being connected or away; zero is not known
		Hint                 []string  // lines of whoever opened the screen, shown below
		Agentless            bool      // no agent is here: the screen is in the session that holds the link
		Unattended           bool      // the owner's rules let technicians in; nobody need be asked
	}
	// Asking shows a request. The agent shows one at a time; another takes
	// the place of the one shown, and starts the guard again unless it differs
	// in nothing but its deadline.
	Asking struct{ Prompt Prompt }
	// AskGone takes a request down that was not answered here. Why is a
	// sentence in the user's language, or "".
	AskGone struct{ ID, Why string }
	// Told is a sentence in the user's language that is to be noticed.
	Told struct{ Text string }
	// Began tells of a visit that is open, or of a change of it.
	Began struct{ Visit Visit }
	// Ended tells that a visit has ended and shows its card.
	Ended struct{ Card Card }
	// Closing ends the screen as soon as there is nothing to look at: no request,
	// no visit, no card.
	Closing struct{}
)

func (Idle) residentEvent()    {}
func (Asking) residentEvent()  {}
func (AskGone) residentEvent() {}
func (Told) residentEvent()    {}
func (Began) residentEvent()   {}
func (Ended) residentEvent()   {}
func (Closing) residentEvent() {}

// ResidentAction is what the user does on the resident screen.
type ResidentAction interface{ residentAction() }

type (
	// AnswerTo answers a request. Without an answer the choice is [None].
	AnswerTo struct {
		ID     string
		Answer Answer
	}
	// Seen tells that the user has touched the keyboard in a request.
	Seen struct{ ID string }
	// Extend asks for more time to answer. The agent answers with [Asking].
	Extend struct{ ID string }
	// Stop ends a visit at once.
	Stop struct{ Visit string }
)

func (AnswerTo) residentAction() {}
func (Seen) residentAction()     {}
func (Extend) residentAction()   {}
func (Stop) residentAction()     {}

// Resident is the screen that stays open on a device: it shows that nobody is
// connected, asks, shows who is connected with the key that stops it, and what
// a visit came to. It ends when the user leaves it (nil), events is closed
// ([ErrAgentGone]), the terminal ends ([ErrLeft]) or ctx does (its cause).
//
// act is called for one action at a time, in order, from another goroutine
// than the screen's, and not after Resident has returned; it should not block
// for long, as a stop may wait behind it. Leaving answers an open request with
// [None].
func Resident(ctx context.Context, t *Terminal, events <-chan ResidentEvent, act func(ResidentAction)) error {
	t.In.Discard()
	if t.Plain() {
		return residentPlain(ctx, t, events, act)
	}
	// The screen waits for events in a command of its own, which ends with it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var out outbox
	m := &resident{page: newPage(t), ended: ctx.Done(), events: events, stopping: make(map[string]bool)}
	m.now = time.Now()
	m.act = func(a ResidentAction) tea.Cmd { return out.send(func() { act(a) }) }
	err := run(ctx, t, m)
	if m.asking != nil {
		m.asking.give(Answer{Choice: None}, ErrLeft)
		m.act(AnswerTo{m.asking.prompt.ID, m.asking.answer})
	}
	out.flush()
	if err == nil {
		err = m.err
	}
	return err
}

// resident is the resident screen.
type resident struct {
	page
	events <-chan ResidentEvent
	ended  <-chan struct{}
	act    func(ResidentAction) tea.Cmd
	at     time.Time // when the key being handled arrived

	idle     Idle
	asking   *asking // nil while nothing is asked
	visits   []Visit
	stopping map[string]bool // visits that the user has stopped
	cards    []Card          // of ended visits, not yet looked at
	notice   string          // why the last request is gone

	which    int // of the visits, for keys that mean one
	mirror   *mirrors
	reducing *reducing
	telling  *telling
	said     []Said // the last lines that others said
	fresh    bool   // the newest has not been noticed by a key yet

	help   bool
	helpAt int   // the first line of it that is shown
	leave  *menu // whether to leave while a visit goes on
	closes bool  // it ends when there is nothing to look at
	done   bool
	err    error
}

// eventMsg is the next event; without one the agent is gone.
type eventMsg struct{ event ResidentEvent }

func (m *resident) Init() tea.Cmd { return m.listen }
func (m *resident) Done() bool    { return m.done }

// listen waits for the next event.
func (m *resident) listen() tea.Msg {
	select {
	case e, ok := <-m.events:
		if !ok {
			return eventMsg{}
		}
		return eventMsg{e}
	case <-m.ended:
		return nil
	}
}

// At takes the time at which the next message's key arrived.
func (m *resident) At(t time.Time) {
	m.at = t
	m.now = later(m.now, t)
	if m.asking != nil {
		m.asking.At(t)
	}
}

func (m *resident) Update(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.observe(msg)
		cmd = m.toAsking(m.askingSize())
	case tickMsg:
		m.now = later(m.now, time.Time(msg))
		cmd = m.toAsking(msg)
	case eventMsg:
		if msg.event == nil {
			m.done, m.err = true, ErrAgentGone
			return nil
		}
		cmd = tea.Batch(m.take(msg.event), m.listen)
	case tea.KeyPressMsg:
		cmd = m.press(msg)
	case tea.PasteMsg:
		cmd = m.paste(msg)
	default:
		cmd = m.toAsking(msg)
	}
	cmd = tea.Batch(cmd, m.answered())
	if m.closes && m.asking == nil && len(m.visits) == 0 && len(m.cards) == 0 {
		m.done = true
	}
	return cmd
}

func (m *resident) toAsking(msg tea.Msg) tea.Cmd {
	if m.asking == nil {
		return nil
	}
	return m.asking.Update(msg)
}

// askingSize is the part of the window that is left to a request: while a
// visit goes on, a line tells of it.
func (m *resident) askingSize() tea.WindowSizeMsg {
	return tea.WindowSizeMsg{Width: m.width, Height: m.height - len(m.bar())}
}

// answered hands the answer over once there is one.
func (m *resident) answered() tea.Cmd {
	if m.asking == nil || !m.asking.done {
		return nil
	}
	a := m.asking
	m.asking = nil
	m.notice = m.ph.outcome(a.answer, a.prompt)
	return m.act(AnswerTo{a.prompt.ID, a.answer})
}

// take takes an event.
func (m *resident) take(event ResidentEvent) tea.Cmd {
	switch e := event.(type) {
	case Idle:
		m.idle = e
	case Asking:
		return m.ask(e.Prompt)
	case AskGone:
		if m.asking != nil && m.asking.prompt.ID == e.ID {
			m.asking, m.notice = nil, or(e.Why, m.ph.Say("AskGone"))
		}
	case Told:
		m.notice = e.Text
		return tea.Raw("\a")
	case Began:
		m.ph = m.ph.With(e.Visit.Actions)
		return m.began(e.Visit)
	case Ended:
		m.over(e.Card)
		return m.toAsking(m.askingSize())
	case Closing:
		m.closes = true
	case Said:
		return m.hears(e)
	case Mirrored:
		if m.mirror != nil {
			m.mirror.take(e)
		}
	}
	return nil
}

// began shows a visit, or how it stands now, in its place.
func (m *resident) began(v Visit) tea.Cmd {
	m.stale(v)
	if i := slices.IndexFunc(m.visits, func(o Visit) bool { return o.ID == v.ID }); i >= 0 {
		m.visits[i] = v
		return nil
	}
	m.notice = ""
	m.visits = append(m.visits, v)
	var watch tea.Cmd
	if m.mirror != nil {
		watch = m.act(Watch{v.ID})
	}
	return tea.Batch(watch, m.toAsking(m.askingSize()))
}

// over takes a visit off the screen and keeps its card.
func (m *resident) over(c Card) {
	m.visits = without(m.visits, c.ID)
	delete(m.stopping, c.ID)
	m.cards = append(m.cards, c)
	m.said = slices.DeleteFunc(m.said, func(s Said) bool { return s.Visit == c.ID })
	m.which = 0
	if m.reducing != nil && m.reducing.visit == c.ID {
		m.reducing = nil
	}
	if m.telling != nil && m.telling.visit == c.ID {
		m.telling = nil
	}
	if m.mirror != nil {
		m.mirror.drop(c.ID)
	}
	if len(m.visits) == 0 {
		m.leave, m.mirror = nil, nil
	}
}

// ask shows a request, or another version of the one shown.
func (m *resident) ask(p Prompt) tea.Cmd {
	if !p.answerable() {
		return m.act(AnswerTo{p.ID, Answer{Choice: None}})
	}
	m.notice, m.help, m.leave, m.reducing, m.telling = "", false, nil, nil, nil
	if m.mirror != nil {
		m.mirror.typing = false
	}
	if m.asking != nil && m.asking.prompt.ID == p.ID {
		return m.asking.change(p, m.now)
	}
	on := m.page
	size := m.askingSize()
	on.width, on.height = size.Width, size.Height
	m.asking = newAsking(on, p, m.now,
		func() tea.Cmd { return m.act(Seen{p.ID}) },
		func() tea.Cmd { return m.act(Extend{p.ID}) })
	return tea.Batch(m.asking.Init(), tea.Raw("\a"))
}

// stop ends visits. It may be said again: once too often does no harm.
func (m *resident) stop(visits ...Visit) tea.Cmd {
	var all []tea.Cmd
	for _, v := range visits {
		m.stopping[v.ID] = true
		all = append(all, m.act(Stop{v.ID}))
	}
	return tea.Batch(all...)
}

// without returns the visits but one.
func without(visits []Visit, id string) []Visit {
	var rest []Visit
	for _, v := range visits {
		if v.ID != id {
			rest = append(rest, v)
		}
	}
	return rest
}
