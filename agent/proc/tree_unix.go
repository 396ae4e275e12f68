//go:build linux || darwin || freebsd

package proc

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// process is what the kernel says of one.
type process struct {
	pid, ppid, group, session, threads int

	state byte
	start uint64 // since boot; with the pid it names one process for ever
}

// same reports that both are one process, whatever else changed.
func (p process) same(q process) bool { return p.pid == q.pid && p.start == q.start }

// over reports that p ended and only waits to be reaped. A process whose first
// thread left while others run looks like a zombie too, but isn't one.
func (p process) over() bool { return (p.state == 'Z' || p.state == 'X') && p.threads <= 1 }

// signal reaches p and no process that took its number since: the handle is
// opened first, then the number is seen to be p's still. A process that is
// gone is no error; [os.ErrPermission] is one that belongs to another account.
func (p process) signal(s unix.Signal) error {
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return fmt.Errorf("find process %d: %w", p.pid, err)
	}
	defer func() { _ = handle.Release() }()
	if now, err := readProcess(p.pid); err != nil || !now.same(p) {
		return nil
	}
	if err := handle.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.pid, err)
	}
	return nil
}

// maxFreezes bounds freeze against a tree that keeps being woken up.
const maxFreezes = 16

// killAll kills what find finds. All are stopped first, until no new one turns
// up: what stands still doesn't fork while its relatives die.
func killAll(find func() []process) {
	seen := make(map[int]uint64)
	for range maxFreezes {
		fresh := false
		for _, p := range find() {
			if start, ok := seen[p.pid]; !ok || start != p.start {
				seen[p.pid], fresh = p.start, true
				_ = p.signal(unix.SIGSTOP) // who can't be stopped can't be killed either
			}
		}
		if !fresh {
			break
		}
	}
	for _, p := range find() {
		_ = p.signal(unix.SIGKILL) // the caller sees what is left
	}
}
