//go:build unix

package gateway

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// closedFolder refuses a folder that other accounts can look into.
func closedFolder(folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("look at the folder for the backup: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is open to other accounts, and the gateway's keys would be in it: chmod 700 %s", folder, folder)
	}
	return nil
}

// lockFile locks a file as long as it is open, or fails at once.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// withoutWaiting opens what may be a pipe: without it one would hang the login.
const withoutWaiting = syscall.O_NONBLOCK

// readableByOthers reports whether other accounts can read a file.
func readableByOthers(_ string, info os.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
