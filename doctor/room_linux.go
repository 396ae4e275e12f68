package doctor

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// RoomAt looks at the file system that a folder is on.
func RoomAt(path string) (Room, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Room{}, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	block := s.Bsize
	return Room{
		Free: int64(s.Bavail) * int64(block), All: int64(s.Blocks) * int64(block), //nolint:gosec,unconvert // sizes of disks, 32 bits on some machines
		NoFiles: s.Files > 0 && s.Ffree == 0, ReadOnly: s.Flags&unix.MS_RDONLY != 0, // ST_RDONLY of statfs(2) is the same bit
	}, nil
}
