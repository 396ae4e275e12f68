//go:build !linux

package surface

import "context"

// Main returns at once: no process is started here that would be one of its own.
func Main() {}

// Consoles are none here.
type Consoles struct{}

// NewConsoles takes none.
func NewConsoles(User, string) *Consoles { return &Consoles{} }

// FindConsole finds none.
func FindConsole(User, func(pid int) bool) (string, error) { return "", ErrNobody }

// Show shows nothing.
func (*Consoles) Show(context.Context, []string, []string, <-chan struct{}, func(pid int) bool) error {
	return ErrNobody
}

// Restore has nothing to give back.
func (*Consoles) Restore() error { return nil }

// Close has nothing to end.
func (*Consoles) Close() {}

// SessionLocked knows nothing.
func SessionLocked(context.Context, User) bool { return false }

// ConsoleLocked knows nothing.
func ConsoleLocked(context.Context, User, func(pid int) bool) bool { return false }
