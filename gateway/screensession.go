package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/hub"
	"accord/tui"
	"accord/wire"
)

// The screen in a session: drawn in its terminal, or, where it has none, as RFB
// on its standard input and output, for a program that feeds a viewer.

// forScreen says whether the session is for the device's screen: its command is
// one of the names that a forward to the screen has.
func (s *session) forScreen() bool {
	_, is := parseScreen(s.command)
	return is
}

// goToScreen is `ssh DEVICE@gw screen` without a terminal.
func (s *session) goToScreen(ctx context.Context, t target) int {
	want := s.wantedFromEnv()
	offered := s.obtainable(ctx, t)
	want.capabilities = slices.DeleteFunc(want.capabilities, func(c string) bool {
		return c != string(wire.ScreenView) && !slices.Contains(offered, c)
	})
	v, err := s.obtain(ctx, t, want, func(v *visit) error { return s.waitQuietly(ctx, v) })
	if err != nil {
		s.say(s.sentence(err))
		return statusOf(err)
	}
	defer v.release()
	in := s.in.Raw()
	w, _ := parseScreen(s.command)
	h, err := v.shown(ctx)
	if err == nil {
		err = w.shows(h, v.home.device.Name)
	}
	if err != nil { // said as a sentence, not as RFB
		s.say(s.sentence(err))
		return exitFailed
	}
	err = v.showTo(ctx, &piped{in, s.ch}, w)
	if err != nil && ctx.Err() == nil {
		s.say(s.sentence(err))
		return exitFailed
	}
	return exitOK
}

// piped is a session's input and output as one connection. The session's channel
// is closed by its story, when it has said why.
type piped struct {
	in *tui.RawInput
	ch gossh.Channel
}

func (p *piped) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *piped) Write(b []byte) (int, error) { return p.ch.Write(b) }
func (p *piped) Close() error                { return p.in.Close() }

var _ io.ReadWriteCloser = (*piped)(nil)

// drawn shows the visit's screen in the session's terminal until its reader
// leaves ([tui.ErrBack], [tui.ErrLeft]) or it ends, which is an error that says
// why.
func (s *session) drawn(ctx context.Context, v *visit, h *hub.Hub, l looker, monitor int) error {
	if !v.enterRelay() {
		return v.why()
	}
	// A terminal that is not read holds up the end of the visit for a moment only.
	left := sync.OnceFunc(v.relays.Done)
	defer left()
	defer context.AfterFunc(v.ctx, func() { time.AfterFunc(stalled, left) })()
	over, err := v.looks(l)
	if err != nil {
		return err
	}
	defer over()
	seat, err := h.Sit(v.seat(l))
	if err != nil {
		return err
	}
	defer seat.Leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(h.Context(), func() { cancel(context.Cause(h.Context())) })()
	return tui.ShowScreen(ctx, s.terminal(), tui.ScreenShow{
		Screen: h.Screen(), Device: v.home.device.Name, Monitor: monitor,
		Control: seat.Controls, Key: seat.Key, Pointer: seat.Pointer,
		Frozen: func() string { return v.frozen(s.phrases()) },
	})
}

// frozen says why nothing comes from the device, "" while something may.
func (v *visit) frozen(ph *tui.Phrases) string {
	switch {
	case v.audience.isPaused():
		return ph.Say("ScreenFrozen", "Device", v.home.device.Name)
	case v.audience.held():
		return ph.Say("WatchHeldLong")
	}
	return ""
}

// onScreen is the technician's part of a visit that is the device's screen. One
// that can't be shown is told of, and is no error.
func (s *session) onScreen(ctx context.Context, v *visit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)()
	if err := s.awaitColleague(ctx, v); err != nil {
		return err
	}
	w, _ := parseScreen(s.command)
	h, err := v.screen()
	if err == nil {
		v.touch()
		err = s.drawn(ctx, v, h, looker{person: v.person, kind: byTerminal, hands: func() bool { return !w.viewOnly }}, w.monitor)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, tui.ErrBack) && !errors.Is(err, tui.ErrLeft) {
		return s.notice(ctx, err)
	}
	return err
}

// work is what a technician does in an open visit, on a terminal: the shell, the
// screen, or one after the other. It returns when they are done with it, or the
// visit is over.
func (s *session) work(ctx context.Context, v *visit) error {
	shell, screen := s.hasShell(v), v.grants(wire.ScreenView)
	switch {
	case s.forScreen() || screen && !shell:
		s.exit = outcome{known: true}
		return s.onScreen(ctx, v)
	case !screen:
		return s.relayed(ctx, v)
	}
	for ctx.Err() == nil && v.ctx.Err() == nil {
		what, err := s.pickWork(ctx, v)
		if err != nil {
			return err
		}
		switch what {
		case tui.WorkScreen:
			err = s.onScreen(ctx, v)
		case tui.WorkShell:
			err = s.relayed(ctx, v)
			if errors.Is(err, errNotStarted) {
				err = s.notice(ctx, err)
			}
		}
		if errors.Is(err, tui.ErrLeft) {
			return err
		}
	}
	return nil
}

// hasShell says whether a session of the visit can run something.
func (s *session) hasShell(v *visit) bool {
	_, action := allows(v.program(s.command)).Action()
	return v.grants(wire.Shell) || action
}

// pickWork asks what the technician wants next, as long as the visit is open.
func (s *session) pickWork(ctx context.Context, v *visit) (tui.Work, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)()
	return tui.PickWork(ctx, s.terminal(), v.home.device.Name)
}

// watchScreen shows the screen of a visit to who watches it.
func (s *session) watchScreen(ctx context.Context, v *visit, w *watcher, hands bool) error {
	h := v.screens.live()
	if h == nil {
		return errors.New(s.phrases().Say("WatchNoScreen"))
	}
	if hands {
		if err := s.stepIn(v, w, true); err != nil {
			return err
		}
		defer func() { _ = v.typesToo(w, false) }() // a recording that failed has ended the visit
	}
	return s.drawn(ctx, v, h, looker{person: w.person, kind: byWatcher, hands: func() bool { return hands && v.audience.typing(w) }}, 0)
}
