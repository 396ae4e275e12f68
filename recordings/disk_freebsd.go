package recordings

import "os"

// syncData puts a file's bytes on disk, by fsync(2).
func syncData(f *os.File, name string) error { return wrapSyscall("sync", name, f.Sync()) }

// preallocate is false: ZFS holds no blocks back (posix_fallocate(2) fails there
// with EINVAL), so bytes are written.
func preallocate(*os.File, int64) (done bool, err error) { return false, nil }
