//go:build linux || darwin || freebsd

package surface

// Note is a notification. All text is clean.
type Note struct {
	Summary, Body string
	// Stop is the label of the action that stops the visit; empty: it offers none.
	Stop string
	// Stays: it is shown until it is taken back.
	Stays bool
}
