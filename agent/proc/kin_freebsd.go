package proc

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waitAll: there are no others.
const waitAll = 0

// procctl(2), sys/procctl.h.
const (
	idPID       = 0 // P_PID
	reapAcquire = 2
	reapKill    = 6
)

// reaperKill is struct procctl_reaper_kill.
type reaperKill struct {
	signal  int32
	flags   uint32
	subtree int32
	killed  uint32
	failed  int32
	_       [15]uint32
}

// procctl is for 64 bits alone; on others the number of a process takes two
// registers.
func procctl(command int, argument unsafe.Pointer) error {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		return unix.ENOSYS
	}
	_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, idPID, uintptr(os.Getpid()), uintptr(command), uintptr(argument), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// adopt makes this process the one that orphans below it come to.
func adopt() error { return os.NewSyscallError("become a reaper", procctl(reapAcquire, nil)) }

// kin is what is below a keeper: its descendants, since none can leave it.
type kin struct{ keeper process }

func follow(keeper process) *kin { return &kin{keeper} }

// alive are those who live.
func (k *kin) alive() []process { return below(k.keeper) }

// gone has nothing to wait for: a keeper without a child has no descendant.
func (*kin) gone() {}

// kill has the kernel kill all descendants, those of reapers among them too. What
// it may not kill it says, and whoever looks for the living finds it.
func (*kin) kill() {
	order := reaperKill{signal: int32(unix.SIGKILL)}
	_ = procctl(reapKill, unsafe.Pointer(&order))
}

// stray is false: orphans stay below their keepers.
func stray(process) bool { return false }
