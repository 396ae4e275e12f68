//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// othersWrite are the mode bits that let somebody else change a file.
const othersWrite fs.FileMode = 0o022

// folderOfOurs refuses a folder in which another account could put something in
// the place of what is there.
func folderOfOurs(dir string, info fs.FileInfo) error {
	// In a sticky folder such as /tmp only its owner replaces a file.
	if info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	return ownedByUs(dir, info)
}

func ownedByUs(path string, info fs.FileInfo) error {
	if info.Mode()&othersWrite != 0 {
		return fmt.Errorf("%s grants access, and others may write it: run chmod go-w %s", path, path)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || (st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid())) {
		return fmt.Errorf("%s grants access, and belongs to another account: run chown on it, as root or as the account that starts accord", path)
	}
	return nil
}
