package display

import "context"

// Find finds none: the screen of macOS is no display that programs are told of.
func Find(int, func(pid int) bool) []Display { return nil }

// Servers finds none: Screen Sharing asks for an account and its password, which
// the device's configuration has to name, and its address with them.
func Servers(int, func(pid int) bool) []string { return nil }

// Inputs names nothing.
const Inputs = ""

// Hands feels nothing: the system lets no program feel the keyboard that its
// owner hasn't allowed to.
func Hands(ctx context.Context, _ string, _ func()) { <-ctx.Done() }
