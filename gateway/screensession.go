package gateway

import (
	"context"
	"errors"
	"io"
	"slices"

	gossh "golang.org/x/crypto/ssh"

	"accord/tui"
	"accord/wire"
)

// The screen in a session: drawn in its terminal, or, where it has none, as RFB
// on its standard input and output, for a program that feeds a viewer.

// forScreen says whether the session is for the device's screen: its command is
// one of the names that a forward to the screen has.
func (s *session) forScreen() bool { return s.command == hostScreen || s.command == hostScreenView }

// wantedOfScreen is what a session for the screen asks for.
func (s *session) wantedOfScreen() []string {
	if s.command == hostScreenView {
		return []string{string(wire.ScreenView)}
	}
	return []string{string(wire.ScreenView), string(wire.ScreenControl)}
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
	if _, err = v.shown(ctx); err != nil { // said as a sentence, not as RFB
		s.say(s.sentence(err))
		return exitFailed
	}
	err = v.showTo(ctx, &piped{in, s.ch}, s.command == hostScreenView)
	if err != nil && ctx.Err() == nil {
		s.say(s.sentence(err))
		return exitFailed
	}
	return exitOK
}

// piped is a session's input and output as one connection. The session's channel
// is closed by its story, with how it went.
type piped struct {
	in *tui.RawInput
	ch gossh.Channel
}

func (p *piped) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *piped) Write(b []byte) (int, error) { return p.ch.Write(b) }
func (p *piped) Close() error {
	return errors.Join(p.in.Close(), p.ch.CloseWrite())
}

var _ io.ReadWriteCloser = (*piped)(nil)
