package recordings

import (
	"cmp"
	"os"

	"golang.org/x/sys/unix"
)

// syncData puts a file's bytes on disk, and of what is known of it what is needed
// to read them.
func syncData(f *os.File, name string) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return wrapSyscall("fdatasync", name, err)
	}
	var synced error
	err = raw.Control(func(fd uintptr) { // unlike Fd, it holds the file open meanwhile
		for synced = unix.EINTR; synced == unix.EINTR; {
			synced = unix.Fdatasync(int(fd))
		}
	})
	return wrapSyscall("fdatasync", name, cmp.Or(err, synced))
}

// preallocate holds blocks of the disk back; false where the file system can't.
func preallocate(f *os.File, size int64) (done bool, err error) {
	switch err := unix.Fallocate(int(f.Fd()), 0, 0, size); err {
	case nil:
		return true, nil
	case unix.EOPNOTSUPP, unix.ENOSYS:
		return false, nil
	default:
		return false, err
	}
}
