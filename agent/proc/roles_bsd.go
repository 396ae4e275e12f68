//go:build darwin || freebsd

package proc

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// selfPath is where this binary lies. A file that has replaced it since is
// another version, whose roles may not understand this one: an agent is started
// anew after an upgrade.
func selfPath() (string, error) { return os.Executable() }

// nameSelf has nothing to do: processes are listed by their arguments.
func nameSelf() {}

// pipesHaveOwners is false: /dev/fd hands out a pipe that is open already, and
// fchmod(2) of one is an error.
const pipesHaveOwners = false

// socketPair makes one that no other program gets which is started meanwhile.
func socketPair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	return fds, err
}

// mostDescriptors is how far sealDescriptors looks: /dev/fd doesn't list all of
// them on FreeBSD.
const mostDescriptors = 4096

// sealDescriptors keeps every descriptor but the standard ones from the next
// program, also those that whoever started the agent forgot to close.
func sealDescriptors() {
	for fd := 3; fd < mostDescriptors; fd++ {
		unix.CloseOnExec(fd)
	}
}
