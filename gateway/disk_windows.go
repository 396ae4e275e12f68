package gateway

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"

	"accord/acl"
)

// closedFolder refuses a folder that other accounts can look into.
func closedFolder(folder string) error {
	if err := acl.Unread(folder); err != nil {
		return fmt.Errorf("%s is open to other accounts, and the gateway's keys would be in it: %w", folder, err)
	}
	return nil
}

// lockFile locks a file as long as it is open, or fails at once.
func lockFile(f *os.File) error {
	const exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), exclusive, 0, 1, 0, new(windows.Overlapped))
}

// withoutWaiting has no meaning here: pipes have other names than files.
const withoutWaiting = 0

// readableByOthers reports whether other accounts can read a file.
func readableByOthers(path string, _ os.FileInfo) bool { return acl.Unread(path) != nil }

// placeOf is not known: a file's size and the time of its last change tell.
func placeOf(os.FileInfo) (inode uint64, moved int64) { return 0, 0 }
