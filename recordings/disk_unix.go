//go:build unix

package recordings

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFolder opens the folder and locks it; [ErrInUse] when another process has.
// The lock goes with the file that is returned.
func lockFolder(root *os.Root, dir string) (*os.File, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
	case nil:
		return f, nil
	case unix.EWOULDBLOCK:
		f.Close()
		return nil, ErrInUse
	default:
		f.Close()
		return nil, wrapSyscall("lock", dir, err)
	}
}

// freeSpace is how many bytes the file system of a folder has left.
func freeSpace(folder *os.File, _ string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(folder.Fd()), &s); err != nil {
		return 0, err
	}
	//nolint:unconvert // their types differ from system to system
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// errNoSpace is the system's word for a full disk.
const errNoSpace = unix.ENOSPC

func syncDir(root *os.Root, name string) error {
	dir, err := root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
