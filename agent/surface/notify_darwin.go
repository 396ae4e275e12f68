package surface

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// noteWait bounds how long it takes to show a notification.
const noteWait = 5 * time.Second

// noteScript shows its arguments. Nothing is ever put into it.
const noteScript = `on run argv
display notification (item 2 of argv) with title (item 1 of argv)
end run`

// Notifier shows notifications on the desktop of the account that this process
// runs as. macOS takes none back from a program without a bundle, and has no
// actions for them: they only draw attention.
type Notifier struct {
	last  uint32
	stops chan uint32
	done  chan struct{}
}

// NewNotifier shows them to whoever sits at the screen; it must be this account.
func NewNotifier() (*Notifier, error) {
	if uid := AtScreen(); uid != os.Getuid() {
		return nil, fmt.Errorf("%w: this account isn't at the screen", ErrNobody)
	}
	return &Notifier{stops: make(chan uint32), done: make(chan struct{})}, nil
}

// Show shows a notification and returns its number. One that is to stand in the
// place of another is not shown again: it would only be a second one.
func (n *Notifier) Show(replaces uint32, note Note) (uint32, error) {
	if replaces != 0 {
		return replaces, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), noteWait)
	defer cancel()
	if err := exec.CommandContext(ctx, "/usr/bin/osascript", "-e", noteScript, note.Summary, note.Body).Run(); err != nil {
		return 0, fmt.Errorf("show a notification: %w", err)
	}
	n.last++
	return n.last, nil
}

// Stops has none: see [Notifier].
func (n *Notifier) Stops() <-chan uint32 { return n.stops }

// Hide hides nothing: see [Notifier].
func (*Notifier) Hide(uint32) {}

// Done is never closed but by Close.
func (n *Notifier) Done() <-chan struct{} { return n.done }

// Close ends nothing that is shown.
func (n *Notifier) Close() { close(n.done) }
