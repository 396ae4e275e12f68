package agent

import (
	"context"
	"errors"
	"time"

	"accord/agent/proc"
)

// consoleWindows is true where a window is a console of the system's own.
const consoleWindows = true

// windowWait is how long a console window has until the prompt in it shows.
const windowWait = 25 * time.Second

// consoleWindow opens one where the user is logged in, and returns when it is
// closed. After a yes it stays and shows the visit.
func (l *ladder) consoleWindow(ctx context.Context, answer []string, shown <-chan struct{}) error {
	until, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- proc.InWindow(l.account, answer, until) }()
	late := time.NewTimer(windowWait)
	defer late.Stop()
	var why error
	select {
	case <-shown:
		return l.leave(ctx, until, ended)
	case err := <-ended:
		return errors.Join(errors.New("the console window was closed before it showed anything"), err)
	case <-late.C:
		why = errors.New("the console window showed nothing")
	case <-ctx.Done():
		why = context.Cause(ctx)
	}
	close(until)
	<-ended
	return why
}

// leave waits until a window that shows something is closed or ctx ends. What it
// shows knows when it is over; with the ladder it ends too.
func (l *ladder) leave(ctx context.Context, until chan<- struct{}, ended <-chan error) error {
	closed := make(chan error, 1)
	l.notes.Go(func() {
		select {
		case err := <-ended:
			closed <- err
		case <-l.ends():
			close(until)
			<-ended
		}
	})
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ends is closed when the ladder is; a helper's ends with its process.
func (l *ladder) ends() <-chan struct{} {
	if l.life == nil {
		return nil
	}
	return l.life.Done()
}
