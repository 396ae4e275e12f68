package gateway

import (
	"context"
	"errors"
	"strings"
	"time"

	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// Exit statuses of what the gateway itself says. 255 is ssh's own.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3 // the policy or the user said no
	exitNobody  = 4 // there was no answer, or the device is away
)

// reserved are user names that never name a device.
func reserved(name string) bool {
	return name == "accord" || name == "gw" || name == "list" || name == userJoin || name == userHold
}

// target is where the SSH user name points: [LOGIN+]DEVICE.
type target struct {
	login, device string
	override      int // the number of the one to use; 0 uses what fits, if any
}

// run is the story of one session: where to, then there, then how it went.
func (s *session) run(ctx context.Context) (status int) {
	if s.subsystem != "" && s.subsystem != subsystemSFTP {
		s.say(s.phrases().Say("GwNoSubsystem", "Name", wire.Clean(s.subsystem, wire.MaxName)))
		return exitUsage
	}
	if s.pty != nil {
		defer s.watchAlerts(ctx)()
	}
	if s.user == userJoin || s.user == userHold {
		s.say(s.phrases().Say("GwKeyOfPerson", "Person", s.person.Name))
		return exitUsage
	}
	t, unknown, err := s.where(ctx)
	if err != nil {
		s.say("The gateway can't read its list of devices; its admin finds why in its log.")
		s.gateway.log.Error("list of devices", "error", err)
		return exitFailed
	}
	if s.pty != nil && (s.isShell() || s.forScreen()) {
		if status, on := s.welcome(ctx); !on {
			return status
		}
	}
	switch {
	case t.device != "":
		return s.goTo(ctx, t)
	case s.command != "":
		return s.manage(ctx, unknown)
	case s.pty == nil, !s.isShell():
		return s.lost(ctx, unknown)
	}
	return s.browse(ctx, unknown)
}

// isShell says whether a login shell was asked for.
func (s *session) isShell() bool { return s.command == "" && s.subsystem == "" }

// lost answers an `ssh -T gw`, which has no terminal to show the list in.
func (s *session) lost(ctx context.Context, unknown string) int {
	if unknown != "" {
		s.say(s.gateway.missing(ctx, unknown).in(s.phrases()))
	}
	s.say("Name a device (ssh DEVICE@gateway) or a command (ssh gateway help), or leave out -T to see the list.")
	return exitUsage
}

// browse shows the list, goes to the device that is picked, and comes back.
func (s *session) browse(ctx context.Context, unknown string) int {
	list := tui.DeviceList{Organisation: s.gateway.cfg.Organisation, Person: s.person.Name}
	if s.offers(policy.Enroll) {
		list.Enroll = "ssh … enroll"
	}
	// The name of an account that ssh sends by itself is said to be none only where
	// a device was surely meant.
	if unknown != "" {
		if e := s.gateway.missing(ctx, unknown); e.near != "" || strings.Contains(s.user, "+") {
			list.Notice = e.in(s.phrases())
		}
	}
	for {
		list.Visits = s.offers(policy.Visits)
		picked, err := s.pick(ctx, list)
		if err != nil {
			return s.leaving(err)
		}
		list.Notice = ""
		if picked.Visits {
			err = s.browseVisits(ctx)
		} else {
			list.Cursor = picked.Device
			err = s.visitFromList(ctx, target{device: picked.Device})
		}
		if no, ok := errors.AsType[*notAllowed](err); ok { // any more
			list.Notice, err = no.why, nil
		}
		if err != nil && !errors.Is(err, tui.ErrBack) {
			return s.leaving(err)
		}
	}
}

// leaving is the status of a screen that ended, and says why where nobody left it.
func (s *session) leaving(err error) int {
	if errors.Is(err, tui.ErrLeft) || errors.Is(err, errGone) {
		return exitOK
	}
	if why, ok := errors.AsType[ending](err); ok && why.by == byGateway {
		s.say(why.cause)
	}
	return exitFailed
}

// goTo is `ssh DEVICE@gw`: one visit, then the client's own exit.
func (s *session) goTo(ctx context.Context, t target) int {
	switch {
	case s.pty != nil && (s.isShell() || s.forScreen()):
		return s.goToTerminal(ctx, t)
	case s.forScreen():
		return s.goToScreen(ctx, t)
	}
	if asksForMosh(s.command) {
		s.say(s.phrases().Say("GwNoMosh", "Device", t.device))
		return exitRefused
	}
	want := s.wantedFromEnv()
	want.capabilities = s.obtainableOf(ctx, t, want.capabilities)
	v, err := s.obtain(ctx, t, want, func(v *visit) error { return s.waitQuietly(ctx, v) })
	if err != nil {
		s.say(s.sentence(err))
		if a, ok := errors.AsType[*answered](err); ok && s.mayOffer(t, a) {
			s.say(s.phrases().Say("GwOverrideHint", "Device", t.device))
		}
		return statusOf(err)
	}
	s.exit = outcome{}
	if _, copies := s.copies(); copies {
		err = s.relayFiles(ctx, v)
	} else {
		err = s.relayed(ctx, v)
	}
	v.release()
	if err != nil && v.ctx.Err() == nil {
		s.say(s.sentence(err))
		return exitFailed
	}
	s.sayCut(ctx, v)
	return s.exit.status
}

// sayCut says why a program did not come to its own end: its visit did.
func (s *session) sayCut(ctx context.Context, v *visit) {
	if _, gone := s.gateway.stands(s.gateway.law(), s.person); s.exit.known || v.isOpen() || gone != "" {
		return // or it is said with the end of the session
	}
	select {
	case <-v.done:
		s.say(s.sentence(v.why()))
	case <-ctx.Done():
	}
}

func (s *session) goToTerminal(ctx context.Context, t target) int {
	err := s.visitFromList(ctx, t)
	if err != nil {
		return s.leaving(err)
	}
	return s.exit.status
}

// visitFromList asks for a visit on the technician's terminal, goes through
// with it and shows how it ended. An error means that the session is over.
func (s *session) visitFromList(ctx context.Context, t target) error {
	s.exit = outcome{status: exitRefused}
	v, err := s.obtain(ctx, t, nil, func(v *visit) error { return s.waitOnScreen(ctx, v) })
	switch {
	case errors.Is(err, tui.ErrBack):
		return nil
	case errors.Is(err, tui.ErrLeft), ctx.Err() != nil:
		return err
	case err != nil:
		return s.failed(ctx, t, err)
	}
	werr := s.work(ctx, v)
	v.release()
	switch {
	case ctx.Err() != nil:
		return errGone
	case errors.Is(werr, errNotStarted):
		return s.notice(ctx, werr)
	}
	return s.close(ctx, v)
}

// close is the last screen of a visit: how it ended, and the technician's
// closing note. Where other sessions of the visit go on, it says so.
func (s *session) close(ctx context.Context, v *visit) error {
	if v.isOpen() {
		ph := s.phrases()
		return tui.Notice(ctx, s.terminal(), tui.Note{
			Title: ph.Say("GwGoesOnTitle"), Lines: []string{ph.Say("GwGoesOn", "Device", v.home.device.Name)},
		})
	}
	select {
	case <-v.done:
	case <-ctx.Done():
		return errGone
	}
	why := v.why()
	note, err := tui.ClosingNote(ctx, s.terminal(), tui.Summary{
		Device: v.home.device.Name, Visit: v.req.Visit, Began: v.openedAt, Ended: time.Now(),
		By: why.by, Cause: why.in(s.phrases()), Recording: v.req.Visit,
	})
	if note = wire.Clean(note, wire.MaxReason); note != "" {
		if nerr := s.gateway.visitNoted(v, note); nerr != nil {
			s.gateway.log.Error("a closing note was not kept", "visit", v.req.Visit, "error", nerr)
		}
	}
	if errors.Is(err, tui.ErrBack) {
		return nil
	}
	return err
}

// notice tells why there was no visit, and waits for a key.
func (s *session) notice(ctx context.Context, err error) error {
	n := tui.Note{Title: s.sentence(err), Kind: tui.NoteBad}
	if a, ok := errors.AsType[*answered](err); ok {
		n = s.noteOf(a)
	}
	return tui.Notice(ctx, s.terminal(), n)
}

// noteOf is an answer other than yes, as a note.
func (s *session) noteOf(a *answered) tui.Note {
	n := tui.Note{Title: s.sentence(a), Kind: tui.NoteBad}
	if a.Choice == wire.Later {
		n.Kind, n.Appointment = tui.NoteInfo, *a.Later
	}
	return n
}

// failed tells why there was no visit; where the user did not let them in, the
// technician can ask for an override.
func (s *session) failed(ctx context.Context, t target, err error) error {
	if a, ok := errors.AsType[*answered](err); ok {
		if told, oerr := s.offer(ctx, t, a); told {
			return oerr
		}
	}
	return s.notice(ctx, err)
}

// statusOf is the exit status for an error of obtain.
func statusOf(err error) int {
	if a, ok := errors.AsType[*answered](err); ok {
		if a.Choice == wire.None {
			return exitNobody
		}
		return exitRefused
	}
	if _, ok := errors.AsType[*deniedByPolicy](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[*ruledOut](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[*awayError](err); ok {
		return exitNobody
	}
	return exitFailed
}
