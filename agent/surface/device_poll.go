//go:build linux || freebsd

package surface

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// deviceOf is the number of the device that a file stands for.
func deviceOf(st *syscall.Stat_t) uint64 { return st.Rdev }

// await waits a moment, or until one of them takes something.
func await(open []*terminal) error {
	fds := make([]unix.PollFd, len(open))
	for i, t := range open {
		fds[i] = unix.PollFd{Fd: int32(t.fd), Events: unix.POLLOUT} //nolint:gosec // a descriptor
	}
	if _, err := unix.Poll(fds, int(awaitSlice.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for a terminal: %w", err)
	}
	return nil
}
