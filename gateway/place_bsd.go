//go:build darwin || freebsd

package gateway

import (
	"os"
	"syscall"
)

// placeOf tells one file from another at the same path, and when its mode or its
// place last changed; zeros where that isn't known.
func placeOf(info os.FileInfo) (inode uint64, moved int64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino, st.Ctimespec.Nano()
	}
	return 0, 0
}
