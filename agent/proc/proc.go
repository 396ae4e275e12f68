// Package proc runs the processes of a visit on the device.
//
// Each shell or command has two keepers, processes of this same binary, above
// it: the agent starts a warden, the warden a keeper, the keeper the login
// child, which becomes the account and then the shell. Both keepers are
// subreapers (prctl(2)), on FreeBSD reapers (procctl(2)), so whatever the shell starts, also a daemon that forks
// twice in a session of its own, stays below them and is found through its
// parents. Each holds a socket to the agent: when that closes, because the
// agent says so or because it is no more, the keeper kills all that is below
// it until the kernel says that nothing is left. There are two because an
// agent that isn't root runs its keepers as the technician's own account:
// whichever is killed or stopped, the other one does its work. The agent
// itself is no subreaper and reaps nothing but the warden, so that its other
// children and what those leave behind are none of this package's business.
//
// macOS hands every orphan to launchd. There a keeper looks again and again who
// is below it, so that it knows its own when they have lost their parents; what
// it misses is in the agent's coalition, which nobody leaves but by launchd, and
// is killed at the visit's end. See docs/platforms.md for what that can't do.
//
// What is out of reach: work that the technician hands to a service of the
// device that is no descendant of the shell (at, cron, systemd-run, a tmux
// server that was there before), and, when the agent isn't root, processes
// that became another account by sudo. The latter are counted by
// [Process.Leftover].
package proc

import "errors"

// ErrSystem is what Start returns where shells can't be opened.
var ErrSystem = errors.New("shells need Linux at this time")

// Spec is one shell or command.
type Spec struct {
	// Visit is the visit's number, shown in the device's list of processes.
	Visit   string
	Account Account
	// Command runs as SHELL -c COMMAND; empty means a login shell.
	Command string
	// Args, where there are any, are a program, by its absolute path, and its
	// arguments. They run as they are, without a shell; Command is ignored.
	Args []string
	// Inside, where it is set, is work that this program does itself, by its name
	// in [Inside], with Input. No other program is started: what the account has
	// put on its disk can't take its place.
	Inside string
	Input  []byte
	// Hands gives such work a Unix socket as its standard input, by which it
	// hands files to the agent: see [Process.Handed].
	Hands bool
	// Env is the whole environment, see [Environment].
	Env []string
	// PTY is the terminal to make, nil for three pipes.
	PTY *PTY
	// Record makes it a login, which is listed if it has a terminal, see
	// [Accounting]; nil for none.
	Record *Record
	// Group holds the processes of the visit, and its limits; nil for none.
	Group *Group
}

// Record is a login in utmp(5). User is set by [Start].
type Record struct {
	User, Host string
	Utmp, Wtmp string // the files; one that is not there is not made
}

// Limits are the most that all processes of a visit may use together; 0 is as
// much as there is.
type Limits struct {
	Tasks  int   // processes and threads
	Memory int64 // bytes
}

// Inside is work that this program itself can do as an account, by name: it gets
// [Spec.Input] and returns the exit status. Its streams are those of a command.
type Inside map[string]func(input []byte) int

// PTY is a terminal as RFC 4254 section 6.2 asks for it. TERM travels in the
// environment.
type PTY struct {
	Term             string
	Width, Height    int // cells
	XPixels, YPixels int
	// Modes are the encoded terminal modes of RFC 4254 section 8.
	Modes []byte
}

// Exit is how a main process ended.
type Exit struct {
	// Status is the exit status, 128 and the signal's number after a signal.
	Status int
	// Signal is the name for "exit-signal", without SIG; empty after a normal
	// exit. A signal that RFC 4254 has no name for reads NAME@accord.
	Signal     string
	CoreDumped bool
}
