package tui

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// LiveShell is one shell of a visit that is watched. Its name must be clean.
type LiveShell struct {
	ID    string
	Name  string // what runs there
	Ended bool
	// Told is no shell but lines of what happens; nobody types there. Second: it
	// is shown only to who chooses it.
	Told, Second bool
	// Follow opens it for reading; the screen closes what it gets.
	Follow func() (Tail, error)
}

// Spoken is a line that somebody said in a visit, clean.
type Spoken struct{ From, Text string }

// Scene is how a visit is that is watched. All its text must be clean.
type Scene struct {
	Technician, Device string
	Full               string // the technician's name in full, "" where not known
	Reason, Ticket     string
	Capabilities       []string
	Until              time.Time
	Paused             bool // by the user: nothing comes and goes
	Held               bool // nobody who counts watches
	Watchers           []Watcher
	Shells             []LiveShell // oldest first
	Screen             bool        // the device's screen can be seen
	Said               []Spoken    // oldest first
	Over               string      // why the visit is over; "" while it goes on
}

// Watching is what [WatchVisit] shows, and what its reader may do.
type Watching struct {
	Scene Scene
	// Updates brings whole new scenes; the last has Over, and then it is closed.
	Updates <-chan Scene
	// Act does what the reader wants. Its error is a sentence for them. It is
	// called for one action at a time, in order, from another goroutine than
	// the screen's, and not after WatchVisit has returned.
	Act func(WatchAction) error
	// MayEnd and MayType: without the latter, WhyNot says why.
	MayEnd, MayType bool
	WhyNot          string
}

// WatchAction is what a watcher does.
type WatchAction interface{ watchAction() }

type (
	// SayLine says a line to both.
	SayLine struct{ Text string }
	// StepIn begins and ends the typing of the watcher's own.
	StepIn struct{ On bool }
	// TypeInto types into a shell.
	TypeInto struct {
		Shell string
		Keys  []byte
	}
	// EndVisit ends the visit at once.
	EndVisit struct{}
)

func (SayLine) watchAction()  {}
func (StepIn) watchAction()   {}
func (TypeInto) watchAction() {}
func (EndVisit) watchAction() {}

// ScreenWanted is the answer of a reader who wants to see the device's screen,
// and perhaps to have hands on it. It is shown by [ShowScreen], in place of this
// screen.
type ScreenWanted struct{ Hands bool }

func (ScreenWanted) Error() string { return errScreenWanted.Error() }

var errScreenWanted = errors.New("the device's screen is wanted")

// WatchVisit shows a visit that goes on until its reader leaves: nil, or [ErrLeft]
// on Ctrl-C and for a lost terminal; or [ScreenWanted]. In the line mode it prints
// what comes as lines.
func WatchVisit(ctx context.Context, t *Terminal, w Watching) error {
	if t.Plain() {
		return plainWatch(ctx, t, w)
	}
	inner, cancel := context.WithCancel(ctx)
	var out outbox
	var p projector
	defer p.close()
	defer cancel()
	s := newWatchScreen(newPage(t), w)
	s.next = func() tea.Msg { return received(inner, w.Updates) }
	s.show = func(shell LiveShell) tea.Cmd { return func() tea.Msg { return p.show(inner, shell) } }
	s.wait = func(l *live) tea.Cmd { return func() tea.Msg { return sightMsg(l.next(inner)) } }
	s.act = func(a WatchAction) tea.Cmd {
		var err error
		do := out.send(func() { err = w.Act(a) })
		return func() tea.Msg { do(); return actedMsg{a, err} }
	}
	err := run(ctx, t, s)
	if s.typing {
		s.act(StepIn{On: false})
	}
	out.flush()
	switch {
	case err == nil && s.left:
		err = ErrLeft
	case err == nil && s.wants != nil:
		err = *s.wants
	}
	return err
}

// sightMsg is nothing where there is no picture.
func sightMsg(s *sight) tea.Msg {
	if s == nil {
		return nil
	}
	return *s
}

// actedMsg is what came of an action.
type actedMsg struct {
	action WatchAction
	err    error
}

// shownMsg says which shell is followed now, or why it is not.
type shownMsg struct {
	shell string
	live  *live
	err   error
}

// projector keeps one shell followed.
type projector struct {
	mu   sync.Mutex
	live *live
	over bool
}

// show follows a shell in place of the one before.
func (p *projector) show(ctx context.Context, shell LiveShell) tea.Msg {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || ctx.Err() != nil {
		return nil
	}
	p.stop()
	tail, err := shell.Follow()
	if err != nil {
		return shownMsg{shell: shell.ID, err: err}
	}
	p.live = follow(tail)
	return shownMsg{shell: shell.ID, live: p.live}
}

func (p *projector) stop() {
	if p.live != nil {
		p.live.close()
		p.live = nil
	}
}

func (p *projector) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.stop()
}
