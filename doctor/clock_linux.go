package doctor

import "golang.org/x/sys/unix"

// Synchronised reports whether the kernel says that its clock is kept by a
// server of time (adjtimex(2)); it takes no right to ask.
func Synchronised() (known, is bool) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, false
	}
	return true, t.Status&unix.STA_UNSYNC == 0
}
