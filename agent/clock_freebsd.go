package agent

import (
	"time"

	"golang.org/x/sys/unix"
)

// now reads both clocks. No clock of FreeBSD's goes on while the machine is
// suspended but the wall's, by which a visit ends then.
func now() instant {
	var ts unix.Timespec
	wall := time.Now().Round(0) // without Go's monotonic reading, which would hide a clock that was set
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("read CLOCK_MONOTONIC: " + err.Error()) // always there
	}
	return instant{wall, time.Duration(ts.Nano())}
}
