package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// now reads both clocks. CLOCK_MONOTONIC_RAW goes on while the machine sleeps, and
// nobody sets it (clock_gettime(3) of macOS); Go's own monotonic clock stops.
func now() instant {
	var ts unix.Timespec
	wall := time.Now().Round(0) // without Go's monotonic reading, which would hide a clock that was set
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &ts); err != nil {
		panic("read CLOCK_MONOTONIC_RAW: " + err.Error()) // there since macOS 10.12
	}
	return instant{wall, time.Duration(ts.Nano())}
}
