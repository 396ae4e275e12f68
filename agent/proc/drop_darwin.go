package proc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernelGroups is NGROUPS_MAX of macOS.
const kernelGroups = 16

// setGroups has the kernel ask the system's directory for the groups beyond the
// first ones, which many accounts of macOS have: initgroups(2), which names the
// account. A plain setgroups(2) would cut them off for good.
func setGroups(groups []int, uid int) error {
	var list [kernelGroups]uint32
	n := 0
	for ; n < min(len(groups), kernelGroups); n++ {
		list[n] = uint32(groups[n]) //nolint:gosec // a gid, which check has seen
	}
	_, _, errno := unix.Syscall(unix.SYS_INITGROUPS, uintptr(n), uintptr(unsafe.Pointer(&list)), uintptr(uid)) //nolint:staticcheck // no library that this program is linked with has it
	if errno != 0 {
		return errno
	}
	return nil
}
