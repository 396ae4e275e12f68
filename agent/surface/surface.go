// Package surface reaches the device's user where no screen of ours is open: a
// popup in the user's tmux, a window on the user's display, or a line on the
// terminals the user sits at. It only shows; no answer ever comes from here.
//
// It knows terminals and processes by what Linux tells in /proc, and by
// agent/census on macOS and FreeBSD.
package surface

import (
	"cmp"
	"errors"
	"time"
)

// ErrNobody reports that there is no such surface to be had; the text says why.
var ErrNobody = errors.New("the user can't be reached that way")

// User is the person to reach.
type User struct {
	UID, GID int
	Groups   []int // supplementary
	Name     string
	Home     string
}

// Screen is a display of the user's that a window can be opened on.
type Screen struct {
	Name    string
	Wayland bool
	Env     []string // what programs need to use it, NAME=value
	Habits  Habits   // of the user's programs there
}

// Habits are how a user's programs are used to speak to them. What is empty isn't
// known.
type Habits struct {
	Locale string // by the rules of POSIX
	Plain  string // as ACCORD_PLAIN has it
}

// Or fills in what isn't known.
func (h Habits) Or(o Habits) Habits {
	return Habits{Locale: cmp.Or(h.Locale, o.Locale), Plain: cmp.Or(h.Plain, o.Plain)}
}

// Environment is what tells a program of them, NAME=value. Without a locale it has
// none, whatever the agent's own is.
func (h Habits) Environment() []string {
	env := []string{"LC_ALL=" + h.Locale}
	if h.Plain != "" {
		env = append(env, "ACCORD_PLAIN="+h.Plain)
	}
	return env
}

// Desktop is how the screen of a session is.
type Desktop struct {
	// Locked: it is locked, or asleep. That it is not is nothing that is known.
	Locked bool
	Idle   time.Duration // since somebody touched it; -1: not known
}

// Seat is a place where somebody sits.
type Seat struct {
	UID   int
	Place string        // "tty1", "pts/3", ":0"
	Idle  time.Duration // -1: not known
}
