package agent

import (
	"time"

	"golang.org/x/sys/windows"
)

// now reads both clocks. The time since boot, GetTickCount64, goes on while the
// machine sleeps; Go's own monotonic clock does not.
func now() instant {
	// Round takes Go's monotonic reading away, which would hide a clock that was set.
	return instant{time.Now().Round(0), windows.DurationSinceBoot()}
}
