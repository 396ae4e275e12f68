package gateway

import (
	"context"
	"time"

	"accord/tui"
)

// waitOnScreen shows the state of the prompt. Leaving the screen withdraws the
// request. There is no screen where there is nothing to wait for: it would take
// keys that are meant for the shell.
func (s *session) waitOnScreen(ctx context.Context, v *visit) error {
	if v.override != nil {
		return v.judgement(ctx)
	}
	select {
	case <-v.decided:
		return nil
	default:
	}
	states, stop := v.follow(ctx, v.prompts, v.decided)
	defer stop()
	return tui.Wait(ctx, s.terminal(), tui.Waiting{
		Device: v.home.device.Name, Organisation: v.req.Organisation, Reason: v.req.Reason, Ticket: v.req.Ticket,
		Capabilities: texts(v.req.Capabilities), Actions: v.home.actions(), Minutes: v.req.Minutes, Began: v.asked,
	}, states)
}

// waitQuietly waits with a line on standard error, for tools.
func (s *session) waitQuietly(ctx context.Context, v *visit) error {
	if v.override != nil {
		return v.judgement(ctx)
	}
	select {
	case <-v.decided:
		return nil
	default:
	}
	return s.followQuietly(ctx, v, v.prompts, v.decided)
}

// followQuietly tells each state of a prompt as a line.
func (s *session) followQuietly(ctx context.Context, v *visit, p *prompting, answer <-chan struct{}) error {
	states, stop := v.follow(ctx, p, answer)
	defer stop()
	// First how to get out of it, even where the prompt is shown already.
	said := s.quietLine(v, tui.WaitState{Phase: tui.PhaseAsking})
	s.say(said)
	for st := range states {
		if line := s.quietLine(v, st); line != said {
			said = line
			s.say(line)
		}
	}
	if ctx.Err() != nil {
		return errGone
	}
	return nil
}

// waitFurther sees the technician through the waiting for more, as they were
// seen through the one for the visit: on a screen, or with lines for tools.
func (s *session) waitFurther(ctx context.Context) func(*visit, *further) error {
	return func(v *visit, f *further) error {
		if s.pty == nil || s.command != "" {
			return s.followQuietly(ctx, v, f.prompts, f.done)
		}
		states, stop := v.follow(ctx, f.prompts, f.done)
		defer stop()
		return tui.Wait(ctx, s.terminal(), tui.Waiting{
			Device: v.home.device.Name, Organisation: v.req.Organisation, Reason: v.req.Reason, Ticket: v.req.Ticket,
			Capabilities: texts(f.caps), Actions: v.home.actions(), Minutes: int(time.Until(v.until).Minutes()), Began: f.asked,
		}, states)
	}
}

// judgement waits for a device that judges an override: nobody is asked, so
// there is nothing to be shown, and keys are meant for the shell.
func (v *visit) judgement(ctx context.Context) error {
	select {
	case <-v.decided:
		return nil
	case <-v.done:
		return nil
	case <-ctx.Done():
		return errGone
	}
}

func (s *session) quietLine(v *visit, st tui.WaitState) string {
	key := "GwWaitAsking"
	switch st.Phase {
	case tui.PhaseQueued:
		key = "GwWaitQueued"
	case tui.PhaseShown:
		key = "GwWaitShown"
		if st.Locked {
			key = "GwWaitLocked"
		}
	case tui.PhaseRead:
		key = "GwWaitRead"
	case tui.PhaseUnreachable:
		key = "GwWaitNobody"
	}
	return s.phrases().Say(key, "Device", v.home.device.Name)
}

// follow gives the states of a prompt, closed when there is an answer or the
// visit is over.
func (v *visit) follow(ctx context.Context, p *prompting, answer <-chan struct{}) (<-chan tui.WaitState, func()) {
	ctx, cancel := context.WithCancel(ctx)
	out, done := make(chan tui.WaitState), make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		for {
			state, changed := p.now()
			select {
			case out <- state:
			case <-answer:
				return
			case <-v.done:
				return
			case <-ctx.Done():
				return
			}
			select {
			case <-changed:
			case <-answer:
				return
			case <-v.done:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, func() { cancel(); <-done }
}
