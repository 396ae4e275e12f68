//go:build linux || darwin || freebsd

package proc

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalNames are the signals of RFC 4254 section 6.10.
var signalNames = map[string]unix.Signal{
	"ABRT": unix.SIGABRT, "ALRM": unix.SIGALRM, "FPE": unix.SIGFPE, "HUP": unix.SIGHUP, "ILL": unix.SIGILL,
	"INT": unix.SIGINT, "KILL": unix.SIGKILL, "PIPE": unix.SIGPIPE, "QUIT": unix.SIGQUIT, "SEGV": unix.SIGSEGV,
	"TERM": unix.SIGTERM, "USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2,
}

// exitOf tells a wait status in SSH's words.
func exitOf(s syscall.WaitStatus) Exit {
	if !s.Signaled() {
		return Exit{Status: s.ExitStatus()}
	}
	name := strings.TrimPrefix(unix.SignalName(s.Signal()), "SIG")
	switch {
	case name == "":
		name = "RT@accord" // a real-time signal
	case signalNames[name] == 0:
		name += "@accord" // a name of our own, RFC 4250 section 4.6.1
	}
	return Exit{Status: 128 + int(s.Signal()), Signal: name, CoreDumped: s.CoreDump()}
}
