package gateway

import (
	"context"

	"accord/tui"
)

// waitOnScreen shows the state of the prompt. Leaving the screen withdraws the
// request.
func (s *session) waitOnScreen(ctx context.Context, v *visit) error {
	states, stop := v.follow(ctx)
	defer stop()
	return tui.Wait(ctx, s.terminal(), tui.Waiting{
		Device: v.home.device.Name, Organisation: v.req.Organisation, Reason: v.req.Reason, Ticket: v.req.Ticket,
		Capabilities: texts(v.req.Capabilities), Minutes: v.req.Minutes, Began: v.asked,
	}, states)
}

// waitQuietly waits with a line on standard error, for tools.
func (s *session) waitQuietly(ctx context.Context, v *visit) error {
	select {
	case <-v.decided:
		return nil
	default:
	}
	states, stop := v.follow(ctx)
	defer stop()
	said := ""
	for st := range states {
		if line := quietLine(v, st.Phase); line != said {
			said = line
			s.say(line)
		}
	}
	if ctx.Err() != nil {
		return errGone
	}
	return nil
}

func quietLine(v *visit, phase string) string {
	device := v.home.device.Name
	switch phase {
	case tui.PhaseQueued:
		return "waiting: the user of " + device + " is answering another request first"
	case tui.PhaseShown:
		return "waiting: the user of " + device + " is being asked"
	case tui.PhaseRead:
		return "waiting: the user of " + device + " is reading the request"
	case tui.PhaseUnreachable:
		return "waiting: nobody is reached at " + device + "; it keeps trying"
	}
	return "waiting for the consent of the user of " + device + "; recorded from its start; Ctrl-C withdraws the request"
}

// follow gives the states of the prompt, closed when there is an answer or the
// visit is over.
func (v *visit) follow(ctx context.Context) (<-chan tui.WaitState, func()) {
	ctx, cancel := context.WithCancel(ctx)
	out, done := make(chan tui.WaitState), make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		for {
			state, changed := v.state()
			select {
			case out <- state:
			case <-v.decided:
				return
			case <-v.done:
				return
			case <-ctx.Done():
				return
			}
			select {
			case <-changed:
			case <-v.decided:
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
