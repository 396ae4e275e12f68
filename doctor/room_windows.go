package doctor

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// RoomAt looks at the volume that a folder is on. NTFS makes room for files as
// they come.
func RoomAt(path string) (Room, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Room{}, &fs.PathError{Op: "look for free space in", Path: path, Err: err}
	}
	var free, all uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, &all, nil); err != nil {
		return Room{}, &fs.PathError{Op: "look for free space in", Path: path, Err: err}
	}
	return Room{Free: int64(min(free, 1<<62)), All: int64(min(all, 1<<62))}, nil
}
