package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"

	wire "accord/wire/files"
)

// tree is what both a folder that nothing leads out of (os.Root) and the whole
// file system can do. Names are relative for the first.
type tree interface {
	OpenFile(name string, flag int, mode os.FileMode) (*os.File, error)
	Stat(name string) (os.FileInfo, error)
	Lstat(name string) (os.FileInfo, error)
	Readlink(name string) (string, error)
	Mkdir(name string, mode os.FileMode) error
	Remove(name string) error
	Rename(from, to string) error
	Link(from, to string) error
	Symlink(target, name string) error
	Chmod(name string, mode os.FileMode) error
	Lchown(name string, uid, gid int) error
	Chtimes(name string, access, change time.Time) error
}

// whole is the account's whole file system: the kernel alone says what it may.
type whole struct{}

func (whole) OpenFile(name string, flag int, mode os.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, mode)
}
func (whole) Stat(name string) (os.FileInfo, error)     { return os.Stat(name) }
func (whole) Lstat(name string) (os.FileInfo, error)    { return os.Lstat(name) }
func (whole) Readlink(name string) (string, error)      { return os.Readlink(name) }
func (whole) Mkdir(name string, mode os.FileMode) error { return os.Mkdir(name, mode) }
func (whole) Remove(name string) error                  { return os.Remove(name) }
func (whole) Rename(from, to string) error              { return os.Rename(from, to) }
func (whole) Link(from, to string) error                { return os.Link(from, to) }
func (whole) Symlink(target, name string) error         { return os.Symlink(target, name) }
func (whole) Chmod(name string, mode os.FileMode) error { return os.Chmod(name, mode) }
func (whole) Lchown(name string, uid, gid int) error    { return os.Lchown(name, uid, gid) }
func (whole) Chtimes(name string, access, change time.Time) error {
	return os.Chtimes(name, access, change)
}

// root is one folder below which files may be reached.
type root struct {
	dir  string // absolute and clean
	tree tree
}

// name is a path as the root's tree wants it; ok is false outside of it.
func (r root) name(full string) (name string, ok bool) {
	if r.dir == "/" {
		return full, true
	}
	if full == r.dir {
		return ".", true
	}
	return strings.CutPrefix(full, r.dir+"/")
}

// area is what the owner's configuration and the visit allow.
type area struct {
	start       string // where relative paths begin
	read, write []root
}

// errOutside reports a path that the owner's configuration leaves out.
var errOutside = fmt.Errorf("%w: the device's owner allows files of other folders only", sftp.ErrSSHFxPermissionDenied)

// newArea opens the roots; a folder that isn't there is left out. Only what is
// granted is reachable.
func newArea(t Task) (*area, error) {
	a := &area{start: t.Home}
	var err error
	if t.grants(wire.Get) {
		if a.read, err = openRoots(t.Read, t.Home); err != nil {
			return nil, err
		}
	}
	if t.grants(wire.Put) {
		if a.write, err = openRoots(t.Write, t.Home); err != nil {
			return nil, err
		}
	}
	all := slices.Concat(a.read, a.write)
	if len(all) == 0 {
		return nil, errors.New("none of the folders that the device's owner allows is there for this account")
	}
	if _, _, err := a.look(a.start); err != nil {
		a.start = all[0].dir
	}
	return a, nil
}

func openRoots(dirs []string, home string) ([]root, error) {
	var list []root
	for _, dir := range dirs {
		if dir = expand(dir, home); dir == "/" {
			return []root{{dir, whole{}}}, nil
		}
		r, err := os.OpenRoot(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, root{dir, r})
	}
	// The innermost first: it is the one that is meant.
	slices.SortStableFunc(list, func(a, b root) int { return len(b.dir) - len(a.dir) })
	return list, nil
}

// expand puts the account's home in the place of a ~.
func expand(dir, home string) string {
	if dir == "~" {
		return path.Clean(home)
	}
	if rest, ok := strings.CutPrefix(dir, "~/"); ok {
		return path.Join(home, rest)
	}
	return path.Clean(dir)
}

// full is a client's path as an absolute one.
func (a *area) full(name string) string {
	if !path.IsAbs(name) {
		name = path.Join(a.start, name)
	}
	return path.Clean(name)
}

func within(roots []root, full string) (tree, string, error) {
	for _, r := range roots {
		if name, ok := r.name(full); ok {
			return r.tree, name, nil
		}
	}
	return nil, "", errOutside
}

// look finds a path whose name and attributes may be seen: those of all that
// may be read or written.
func (a *area) look(full string) (tree, string, error) {
	t, name, err := within(a.read, full)
	if err != nil {
		return within(a.write, full)
	}
	return t, name, nil
}

// errLeadsOut reports a link that would lead out of its root.
var errLeadsOut = fmt.Errorf("%w: the link would lead out of the folders that the device's owner allows", sftp.ErrSSHFxPermissionDenied)

// leadsOut says whether a link at a name in a root would lead out of it, or
// nowhere that can be told.
func leadsOut(name, target string) bool {
	return path.IsAbs(target) || !fs.ValidPath(path.Join(path.Dir(name), target))
}

// pair finds two names in one root that may both be written.
func (a *area) pair(from, to string) (t tree, f, o string, err error) {
	t, f, err = within(a.write, from)
	if err != nil {
		return nil, "", "", err
	}
	other, o, err := within(a.write, to)
	if err == nil && other != t {
		err = fmt.Errorf("%w: both names must be below the same of the folders that the device's owner allows", sftp.ErrSSHFxPermissionDenied)
	}
	return t, f, o, err
}
