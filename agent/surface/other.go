//go:build !linux

package surface

import "context"

// Popup can't exist here.
type Popup struct{}

// FindPopup finds none.
func FindPopup(context.Context, User, func(pid int) bool) (*Popup, error) { return nil, ErrNobody }

// Show shows nothing.
func (*Popup) Show(context.Context, []string, []string) error { return ErrNobody }

// Line reaches nobody.
func Line(context.Context, User, string, func(pid int) bool) (int, error) { return 0, nil }

// Locale finds none.
func Locale(User, func(pid int) bool) string { return "" }

// Windows are none here.
type Windows struct{}

// NewWindows opens none.
func NewWindows(User) *Windows { return &Windows{} }

// Show shows nothing.
func (*Windows) Show(context.Context, []Screen, []string, <-chan struct{}) error { return ErrNobody }

// Close has nothing to end.
func (*Windows) Close() {}

// Seats finds none.
func Seats(func(pid int) bool) ([]Seat, error) { return nil, nil }
