package agent

import (
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/windows"
)

// bootNumber is where Windows 10 and later count their boots, in what the kernel
// shares with every process (KUSER_SHARED_DATA.BootId in ntddk.h).
const bootNumber = 0x7FFE0000 + 0x2C4

// bootID is what the kernel calls this boot. Where it doesn't count, all boots
// have one name, and a time since boot that went back is taken for a clock that
// was set back.
func bootID() (string, error) {
	var n uint32
	err := windows.ReadProcessMemory(windows.CurrentProcess(), bootNumber, (*byte)(unsafe.Pointer(&n)), unsafe.Sizeof(n), nil)
	if err != nil {
		return "", fmt.Errorf("read the number of this boot: %w", err)
	}
	return strconv.FormatUint(uint64(n), 10), nil
}
