package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// asRoot is what to do about what only its owner can see.
const asRoot = "run accord doctor as root, or as the account of the service"

// Unseen reports whether an error means that this account may not look, and
// notes it then.
func (r *Report) Unseen(area, what string, err error) bool {
	if !errors.Is(err, fs.ErrPermission) {
		return false
	}
	r.Look(area, asRoot, "%s can't be seen by the account %s.", what, whoAmI())
	return true
}

// Private looks at a file that its owner alone may read, such as a key. It
// reports whether it is there.
func (r *Report) Private(area, what, path, ifGone string) bool {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Bad(area, ifGone, "%s, %s, is gone.", path, what)
	case r.Unseen(area, path, err):
	case err != nil:
		r.Bad(area, "look at its disk", "%s, %s, can't be looked at: %s.", path, what, err)
	case !info.Mode().IsRegular():
		r.Bad(area, ifGone, "%s, %s, is no file.", path, what)
	default:
		if err := private(path, info); err != nil {
			r.Bad(area, todoPrivate(path), "%s, %s, can be read by others (%s).", path, what, err)
		}
		return true
	}
	return err == nil
}

// Folder looks at a folder that only its owner may write; with private nobody
// else may read it either. owner is its owner's uid; -1 where there is none to
// look at.
func (r *Report) Folder(what, path string, private bool) (owner int, there bool) {
	const area = "folders"
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return -1, false
	case r.Unseen(area, path, err):
		return -1, false
	case err != nil:
		r.Bad(area, "look at its disk", "%s, %s, can't be looked at: %s.", path, what, err)
		return -1, false
	case !info.IsDir():
		r.Bad(area, "move it away, or name another folder", "%s, %s, is no folder.", path, what)
		return -1, false
	}
	return r.closed(what, path, info, private), true
}

// Disk looks at the room where a folder is. floor, in bytes, is where the
// service stops, as full says in a sentence. Of what is less than four times
// that, or 5 % and less than 1 GiB, a person hears.
func (r *Report) Disk(path string, floor int64, full string) {
	const area, some = "disk", 1 << 30
	room, err := RoomAt(path)
	if r.Unseen(area, path, err) || errors.Is(err, fs.ErrNotExist) {
		return
	}
	said := fmt.Sprintf("%s of %s are free at %s", Bytes(room.Free), Bytes(room.All), path)
	todo := "make room on that disk"
	switch {
	case err != nil:
		r.Bad(area, "look at its disk", "The room at %s can't be seen: %s.", path, err)
	case room.ReadOnly:
		r.Bad(area, "mount it for writing, and look at the system's log for why it is not", "The disk at %s can't be written, and so %s", path, full)
	case room.Free < max(floor, 1<<20) || room.NoFiles:
		r.Bad(area, todo, "%s. Now %s", said, full)
	case room.Free < 4*floor, room.Free < room.All/20 && room.Free < some:
		r.Look(area, todo, "%s; when it fills up: %s", said, full)
	default:
		r.OK(area, "%s; when it fills up: %s", said, full)
	}
}

// Room is what a file system has.
type Room struct {
	Free, All int64 // bytes; Free is what is left for accounts that aren't root
	NoFiles   bool  // there is no room for one more file, whatever its size
	ReadOnly  bool
}

// Bytes is a size for people, in binary units.
func Bytes(n int64) string {
	switch {
	case n >= 10<<30:
		return strconv.FormatInt(n>>30, 10) + " GiB"
	case n >= 1<<30:
		return strconv.FormatFloat(float64(n)/(1<<30), 'f', 1, 64) + " GiB"
	case n >= 1<<20:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatInt(n>>10, 10) + " KiB"
}
