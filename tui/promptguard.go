package tui

import "time"

// quietTime is how long the keyboard must be silent before a key counts: long
// enough to end a word that was being typed when the prompt appeared.
const quietTime = 1500 * time.Millisecond

// guard keeps what was typed for something else from deciding a prompt. A key
// counts only once the keyboard has been silent for quietTime since the prompt
// appeared; a key before that starts the silence again.
type guard struct {
	last  time.Time // when the silence began
	open  bool      // a key has counted since
	quiet time.Duration
	early int
}

// restart begins a new silence at a time.
func (g *guard) restart(at time.Time) {
	g.open = false
	g.last = later(g.last, at)
}

// key reports whether a key that arrived at a time counts.
func (g *guard) key(at time.Time) bool {
	if g.open {
		return true
	}
	if quiet := at.Sub(g.last); quiet >= quietTime {
		g.open, g.quiet = true, quiet
		return true
	}
	g.early++
	g.last = later(g.last, at)
	return false
}

// ready reports whether a key would count now, and if not, how long until then.
func (g *guard) ready(now time.Time) (bool, time.Duration) {
	left := quietTime - now.Sub(g.last)
	return g.open || left <= 0, left
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
