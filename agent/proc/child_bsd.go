//go:build darwin || freebsd

package proc

import (
	"os"
	"os/signal"
	"unsafe"

	"golang.org/x/sys/unix"
)

// logIn names who has logged in, for getlogin(2): the session had root's name
// else. It fails for who isn't root, and is then right already.
func logIn(a Account) { _ = unix.Setlogin(a.Name) }

// setMask is SIG_SETMASK of both systems' signal.h.
const setMask = 3

// resetSignals gives every signal its default meaning and blocks none. What
// the agent's starter ignored or blocked would reach the shell otherwise, and
// Ctrl-C be dead in it. A signal that is caught has its default meaning again in
// the next program; one that is ignored stays so.
func resetSignals() {
	signal.Notify(make(chan os.Signal, 1))
	var none [4]uint32 // sigset_t, the larger of the two
	_, _, _ = unix.RawSyscall(maskCall, setMask, uintptr(unsafe.Pointer(&none)), 0)
}
