// Package surface reaches the device's user where no screen of ours is open: a
// popup in the user's tmux, or a line on the terminals the user sits at. It
// only shows; no answer ever comes from here.
//
// It knows terminals and processes by what Linux tells in /proc. Everywhere
// else nobody is reached.
package surface

import "errors"

// ErrNobody reports that there is no popup to be had; the text says why.
var ErrNobody = errors.New("no popup can reach the user")

// User is the person to reach.
type User struct {
	UID, GID int
	Groups   []int // supplementary
	Name     string
	Home     string
}
