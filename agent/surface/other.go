//go:build !linux && !darwin && !freebsd

package surface

import (
	"context"
	"time"
)

// Popup can't exist here.
type Popup struct{}

// FindPopup finds none.
func FindPopup(context.Context, User, func(pid int) bool) (*Popup, error) { return nil, ErrNobody }

// Show shows nothing.
func (*Popup) Show(context.Context, []string, []string) error { return ErrNobody }

// Line reaches nobody.
func Line(context.Context, User, string, func(pid int) bool) (int, error) { return 0, nil }

// OwnHabits finds none.
func OwnHabits(User, func(pid int) bool) Habits { return Habits{} }

// Windows are none here.
type Windows struct{}

// NewWindows opens none.
func NewWindows(User) *Windows { return &Windows{} }

// Show shows nothing.
func (*Windows) Show(context.Context, []Screen, []string, <-chan struct{}) error { return ErrNobody }

// Close has nothing to end.
func (*Windows) Close() {}

// Seats finds none.
func Seats(func(pid int) bool, func(uid int) time.Duration) ([]Seat, error) { return nil, nil }

// Run runs nothing.
func Run(context.Context, User, []string, ...string) error { return ErrNobody }

// Note is what a notification would say.
type Note struct {
	Summary, Body, Stop string
	Stays               bool
}

// Notifier shows nothing.
type Notifier struct{}

// NewNotifier finds no desktop.
func NewNotifier() (*Notifier, error) { return nil, ErrNobody }

// Show shows nothing.
func (*Notifier) Show(uint32, Note) (uint32, error) { return 0, ErrNobody }

// Stops has none.
func (*Notifier) Stops() <-chan uint32 { return nil }

// Hide hides nothing.
func (*Notifier) Hide(uint32) {}

// Done is never closed.
func (*Notifier) Done() <-chan struct{} { return nil }

// Close closes nothing.
func (*Notifier) Close() {}

// Edge finds no tmux.
func Edge(context.Context, User, string, func(pid int) bool) (int, error) { return 0, nil }
