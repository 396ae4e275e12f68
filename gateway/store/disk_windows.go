package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"

	"accord/acl"
)

// private refuses a file that others can read.
func private(file string, _ fs.FileInfo) error { return acl.Unread(file) }

// syncDir has nothing to do: NTFS journals names, and no folder can be flushed
// that is opened to be read.
func syncDir(string) error { return nil }

// lockDir keeps a second gateway out of the folder for as long as the file is
// open. The lock dies with the process.
func lockDir(dir string) (*os.File, error) {
	file := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	const exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	if err := windows.LockFileEx(windows.Handle(f.Fd()), exclusive, 0, 1, 0, new(windows.Overlapped)); err != nil {
		f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, fmt.Errorf("another gateway uses the state folder %s: stop it first, or use another folder", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return f, nil
}
