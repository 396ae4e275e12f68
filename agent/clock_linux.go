package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// now reads both clocks. CLOCK_BOOTTIME goes on while the machine is
// suspended; Go's own monotonic clock does not.
func now() instant {
	var ts unix.Timespec
	wall := time.Now().Round(0) // without Go's monotonic reading, which would hide a clock that was set
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("read CLOCK_BOOTTIME: " + err.Error()) // there since Linux 2.6.39
	}
	return instant{wall, time.Duration(ts.Nano())}
}
