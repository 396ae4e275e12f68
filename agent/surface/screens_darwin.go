package surface

import (
	"os"
	"syscall"
	"time"
)

// console is what loginwindow gives to whoever is logged in at the screen, and to
// root while nobody is.
const console = "/dev/console"

// AtScreen is the account at the screen; -1: nobody.
func AtScreen() (uid int) {
	info, err := os.Stat(console)
	if err != nil {
		return -1
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		return int(st.Uid)
	}
	return -1
}

// onScreens lists who is logged in at the screen. For how long they are idle
// is asked.
func onScreens(idle func(uid int) time.Duration) []Seat {
	if uid := AtScreen(); uid > 0 {
		return []Seat{{UID: uid, Place: "console", Idle: idle(uid)}}
	}
	return nil
}
