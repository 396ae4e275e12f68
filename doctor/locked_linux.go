package doctor

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Locked reports whether a program holds a lock of flock(2) on a file or folder,
// if that can be known, without asking for one itself: that could keep the program that wants it from
// starting.
func Locked(path string) (is, known bool) {
	info, err := os.Stat(path)
	if err != nil {
		return false, errors.Is(err, fs.ErrNotExist)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false, false
	}
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return false, false
	}
	// "1: FLOCK  ADVISORY  WRITE 1234 fd:00:5678 0 EOF" (proc_locks(5)). What it
	// says of the device is not what stat says on every file system.
	inode := strconv.FormatUint(st.Ino, 10)
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 5 && f[1] == "FLOCK" && f[5][strings.LastIndexByte(f[5], ':')+1:] == inode {
			return true, true
		}
	}
	return false, true
}
