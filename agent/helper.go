package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"accord/agent/proc"
	"accord/agent/surface"
	"accord/tui"
	"accord/wire"
)

// The helper of a user is started by their own session, or by the agent for a
// while. It has that session's environment and rights, and no others: it opens
// prompts where the agent asks it to, and shows notifications. What is answered
// goes from the prompt to the agent, never through it.

// errTakenOver reports that a newer helper of the same account is there.
var errTakenOver = errors.New("another helper of this account has taken over")

// helperAgain is how long a helper waits at most before it looks for the agent
// again.
const helperAgain = time.Minute

// Helper is what [Helper.Run] needs.
type Helper struct {
	Socket string   // of the agent
	Self   []string // the command that runs this program
	Locale string
	Log    *slog.Logger
	// NotesOnly: it shows notifications and no prompts, and ends as soon as there
	// is nothing to show.
	NotesOnly bool
}

// Run helps until ctx ends, or another helper takes over.
func (h Helper) Run(ctx context.Context) error {
	wait := time.Second
	for {
		began := time.Now()
		err := h.serve(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, errTakenOver):
			return nil
		case h.NotesOnly:
			return err
		}
		h.Log.Debug("the agent isn't there", "error", err)
		if time.Since(began) > helperAgain {
			wait = time.Second
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, helperAgain)
	}
}

// helping is one connection to the agent.
type helping struct {
	Helper
	l       *local
	ph      *tui.Phrases
	user    surface.User
	account proc.Account // the same
	windows *surface.Windows
	notes   *surface.Notifier    // nil where there is no desktop
	shown   map[string]shownNote // by request or visit
	visits  map[string]tui.Visit
	opening string // the request that a prompt is opened for
	cancel  context.CancelFunc
	seen    chan struct{} // closed when a screen shows that
	looking atomic.Bool
}

// shownNote is a notification that is shown.
type shownNote struct {
	id   uint32
	note surface.Note
}

// serve is one connection, until it ends.
func (h Helper) serve(ctx context.Context) error {
	l, err := dialLocal(ctx, h.Socket)
	if err != nil {
		return err
	}
	defer func() { _ = l.conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	defer stop()
	s := &helping{Helper: h, l: l, ph: tui.PhrasesFor(h.Locale), shown: map[string]shownNote{}, visits: map[string]tui.Visit{}, cancel: func() {}}
	who, err := proc.Self()
	if err != nil {
		return err
	}
	user := surface.User{UID: who.UID, GID: who.GID, Groups: who.Groups, Name: who.Name, Home: who.Home}
	s.account = who
	s.user, s.windows = user, surface.NewWindows(user)
	defer s.windows.Close()
	if s.notes, err = surface.NewNotifier(); err != nil {
		if h.NotesOnly {
			return err
		}
		h.Log.Info("no notifications", "why", err)
	} else {
		defer s.notes.Close()
	}
	op := opHelper
	if h.NotesOnly {
		op = opNotes
	}
	if err := l.write(fromClient{Op: op, Locale: h.Locale}); err != nil {
		return err
	}
	return s.run(ctx)
}

// run hears the agent and the desktop until either is gone.
func (s *helping) run(ctx context.Context) error {
	heard, failed, gone := make(chan toClient), make(chan error, 1), make(chan struct{})
	defer func() {
		close(gone)
		s.cancel()
		_ = s.l.conn.Close()
		for _, n := range s.shown {
			s.notes.Hide(n.id)
		}
	}()
	go func() {
		for {
			m, err := s.l.read()
			if err != nil {
				failed <- err
				return
			}
			select {
			case heard <- m:
			case <-gone:
				return
			}
		}
	}()
	var stops <-chan uint32
	var ended <-chan struct{}
	if s.notes != nil {
		stops, ended = s.notes.Stops(), s.notes.Done()
	}
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		select {
		case m := <-heard:
			if over := s.hear(ctx, m); over && s.NotesOnly {
				return nil
			}
		case err := <-failed:
			if err.Error() == errTakenOver.Error() {
				return errTakenOver
			}
			return err
		case id := <-stops:
			s.stop(id)
		case <-tick.C:
			s.remind()
		case <-ended:
			return errors.New("the session's D-Bus has ended")
		}
	}
}

// hear takes what the agent says. It reports whether there is nothing to show.
func (s *helping) hear(ctx context.Context, m toClient) (over bool) {
	switch {
	case m.Open != nil:
		s.open(ctx, *m.Open)
	case m.Shown != "":
		if m.Shown == s.opening && s.seen != nil {
			close(s.seen)
			s.seen = nil
		}
	case m.Look:
		s.look(ctx)
	case m.Asking != nil:
		title, body := tui.NoteAsking(s.ph, *m.Asking)
		s.note(m.Asking.ID, surface.Note{Summary: title, Body: body, Stays: true})
	case m.Withdrawn != "":
		if m.Withdrawn == s.opening {
			s.cancel()
		}
	case m.Gone != nil:
		s.hide(m.Gone.ID)
		return len(s.shown) == 0
	case m.Began != nil:
		s.visits[m.Began.ID] = *m.Began
		s.visit(*m.Began)
	case m.Ended != nil:
		delete(s.visits, m.Ended.ID)
		title, body := tui.NoteEnded(s.ph, *m.Ended)
		s.note(m.Ended.ID, surface.Note{Summary: title, Body: body})
		delete(s.shown, m.Ended.ID) // it goes by itself
		return len(s.shown) == 0
	}
	return false
}

// open opens a prompt and tells the agent if that can't be.
func (s *helping) open(ctx context.Context, o opening) {
	s.cancel()
	ctx, s.cancel = context.WithCancel(ctx)
	s.opening, s.seen = o.ID, make(chan struct{})
	l := &ladder{log: s.Log, self: s.Self, socket: s.Socket, user: s.user, account: s.account, windows: s.windows, uses: o.Surfaces}
	seen := s.seen
	go func() { // ends with the connection, which cancels it
		if err := l.Open(ctx, o.ID, seen); err != nil && ctx.Err() == nil {
			_ = s.l.write(fromClient{Op: opFailed, ID: o.ID, Text: wire.Clean(err.Error(), wire.MaxReason)})
		}
	}()
}

// look tells how the session is. What takes longer than the agent asks again is
// told once.
func (s *helping) look(ctx context.Context) {
	if !s.looking.CompareAndSwap(false, true) {
		return
	}
	go func() { // ends within a moment, and has nothing of the connection's but its end
		defer s.looking.Store(false)
		is := surface.LookDesktop(ctx)
		m := fromClient{Op: opLooked, Locked: is.Locked}
		if is.Idle >= 0 {
			seconds := int64(is.Idle / time.Second)
			m.Idle = &seconds
		}
		_ = s.l.write(m)
	}()
}

// visit shows who is connected, how long, and how to stop it.
func (s *helping) visit(v tui.Visit) {
	title, body, stop := tui.NoteVisit(s.ph, v)
	s.note(v.ID, surface.Note{Summary: title, Body: body, Stop: stop, Stays: true})
}

// remind shows a visit again when five minutes, and when one, are left: also to who
// has put the notification away.
func (s *helping) remind() {
	for _, v := range s.visits {
		left := time.Until(v.Until)
		for _, at := range []time.Duration{5 * time.Minute, time.Minute} {
			if left <= at && left > at-20*time.Second {
				was := s.shown[v.ID]
				was.note = surface.Note{} // so that it is shown again
				s.shown[v.ID] = was
				s.visit(v)
			}
		}
	}
}

// note shows a notification, in the place of the one of before; not one that is
// shown already.
func (s *helping) note(of string, n surface.Note) {
	was := s.shown[of]
	if s.notes == nil || was.note == n {
		return
	}
	id, err := s.notes.Show(was.id, n)
	if err != nil {
		s.Log.Warn("notification", "error", err)
		return
	}
	s.shown[of] = shownNote{id, n}
}

func (s *helping) hide(of string) {
	if n, was := s.shown[of]; was {
		s.notes.Hide(n.id)
		delete(s.shown, of)
	}
}

// stop ends the visit that a notification is about.
func (s *helping) stop(id uint32) {
	for of, n := range s.shown {
		if _, open := s.visits[of]; n.id == id && open {
			_ = s.l.write(fromClient{Op: opStop, ID: of})
		}
	}
}
