package recordings

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData puts a file's bytes on disk. Go's Sync is F_FULLFSYNC here, which has
// the disk empty its cache too (fcntl(2)).
func syncData(f *os.File, name string) error { return wrapSyscall("sync", name, f.Sync()) }

// preallocate holds blocks of the disk back; false where the file system can't.
func preallocate(f *os.File, size int64) (done bool, err error) {
	want := unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: size}
	switch err := unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, &want); err {
	case nil:
		return true, f.Truncate(size)
	case unix.ENOTSUP, unix.EOPNOTSUPP, unix.EINVAL:
		return false, nil
	default:
		return false, err
	}
}
