//go:build !linux && !darwin && !freebsd

package proc

import (
	"context"
	"io"
	"os"
	"sync"
	"time"
)

// Main must be the first call of main; here it has nothing to do.
func Main(Inside) {}

// Process can't exist here: see [ErrSystem].
type Process struct{}

// Start fails with ErrSystem.
func Start(Spec) (*Process, error) { return nil, ErrSystem }

// Belongs is false: there are no shells.
func Belongs(int) bool { return false }

// Terminal is nil.
func (*Process) Terminal() *os.File { return nil }

// TerminalName is empty.
func (*Process) TerminalName() string { return "" }

// Take locks hold and fails with ErrSystem.
func (*Process) Take(_ []byte, hold sync.Locker) (int, error) {
	hold.Lock()
	return 0, ErrSystem
}

// Skim takes nothing.
func (*Process) Skim(func([]byte)) {}

// Echo is false.
func (*Process) Echo() bool { return false }

// Redraw has nothing to draw.
func (*Process) Redraw(<-chan struct{}) {}

// Stdin is nil.
func (*Process) Stdin() io.WriteCloser { return nil }

// Handed fails with ErrSystem.
func (*Process) Handed(time.Time) (*os.File, error) { return nil, ErrSystem }

// Stdout is nil.
func (*Process) Stdout() io.Reader { return nil }

// Stderr is nil.
func (*Process) Stderr() io.Reader { return nil }

// Resize fails with ErrSystem.
func (*Process) Resize(_, _, _, _ int) error { return ErrSystem }

// Signal fails with ErrSystem.
func (*Process) Signal(string) error { return ErrSystem }

// Wait is the zero Exit.
func (*Process) Wait() Exit { return Exit{} }

// Done is nil.
func (*Process) Done() <-chan struct{} { return nil }

// Kill has nothing to kill.
func (*Process) Kill() {}

// Leftover is 0.
func (*Process) Leftover() int { return 0 }

// Close has nothing to close.
func (*Process) Close() {}

// Gone is nil.
func (*Process) Gone() <-chan struct{} { return nil }

// Notice is empty.
func (*Process) Notice() string { return "" }

// MayLogIn fails with ErrSystem.
func MayLogIn(context.Context, Account, bool) error { return ErrSystem }

// Accounting is nil: logins are listed nowhere.
func Accounting(string) *Record { return nil }

// EndStale has nothing to end.
func EndStale() error { return nil }

// Groups are none here.
type Groups struct{}

// Confine makes no groups.
func Confine(Limits) (*Groups, error) { return &Groups{}, ErrSystem }

// Visit makes no group.
func (*Groups) Visit(string) (*Group, error) { return &Group{}, nil }

// Group holds nothing here.
type Group struct{}

// Held is false.
func (*Group) Held() bool { return false }

// End has nothing to end.
func (*Group) End() {}

// Executable is false.
func Executable(string) bool { return false }
