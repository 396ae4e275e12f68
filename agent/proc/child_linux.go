package proc

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// logIn does as pam_loginuid(8): last(1) takes a session without it for one that
// is gone, and auditd tells by it who did what. A kernel that has it set for good
// refuses; that is no reason to let nobody in.
func logIn(a Account) {
	_ = os.WriteFile("/proc/thread-self/loginuid", []byte(strconv.Itoa(a.UID)), 0)
}

// lastSignal is Linux's highest (_NSIG is 64, but for MIPS).
const lastSignal = 64

// resetSignals gives every signal its default meaning and blocks none. What
// the agent's starter ignored or blocked would reach the shell otherwise, and
// Ctrl-C be dead in it. The Go runtime resets only what it handles itself.
func resetSignals() {
	// A kernel sigaction of zeros is SIG_DFL without flags on every platform;
	// the largest is shorter than this.
	var action [64]byte
	for s := uintptr(1); s <= lastSignal; s++ {
		// SIGKILL and SIGSTOP refuse; they are what they are.
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, s, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &unix.Sigset_t{}, nil)
}
