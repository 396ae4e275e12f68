package surface

import (
	"syscall"
	"time"
)

// deviceOf is the number of the device that a file stands for.
func deviceOf(st *syscall.Stat_t) uint64 { return uint64(uint32(st.Rdev)) } //nolint:gosec // the bits of a dev_t

// await waits a moment: poll(2) of macOS knows no terminals.
func await(_ []*terminal) error {
	<-time.After(awaitSlice)
	return nil
}
