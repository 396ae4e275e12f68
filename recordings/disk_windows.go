package recordings

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// syncData puts a file's bytes on disk, by FlushFileBuffers.
func syncData(f *os.File, name string) error { return wrapSyscall("sync", name, f.Sync()) }

// preallocate is false: bytes are written, so that blocks are taken.
func preallocate(*os.File, int64) (done bool, err error) { return false, nil }

// lockFile is locked in the place of the folder, which can't be.
const lockFile = ".lock"

// lockFolder locks the folder; [ErrInUse] when another process has. The lock goes
// with the file that is returned.
func lockFolder(root *os.Root, dir string) (*os.File, error) {
	f, err := root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	const exclusive = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	switch err := windows.LockFileEx(windows.Handle(f.Fd()), exclusive, 0, 1, 0, new(windows.Overlapped)); err {
	case nil:
		return f, nil
	case windows.ERROR_LOCK_VIOLATION, windows.ERROR_IO_PENDING:
		f.Close()
		return nil, ErrInUse
	default:
		f.Close()
		return nil, wrapSyscall("lock", dir, err)
	}
}

// freeSpace is how many bytes of the volume this account may still use.
func freeSpace(_ *os.File, dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(filepath.Clean(dir))
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}

// errNoSpace is the system's word for a full disk.
const errNoSpace = windows.ERROR_DISK_FULL

// syncDir has nothing to do: NTFS journals names, and no folder can be flushed
// that is opened to be read.
func syncDir(*os.Root, string) error { return nil }
