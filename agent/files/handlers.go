package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pkg/sftp"
)

// openMost is how many files and folders may be open on one connection.
const openMost = 256

// server serves one SFTP connection.
type server struct {
	area *area
	open atomic.Int32
}

var errTooMany = errors.New("too many files are open; close some")

// errSpecial reports what is neither a file nor a folder: to open a pipe could
// wait for ever, to open a device could do anything.
var errSpecial = errors.New("this is no regular file")

// openRegular opens a file and refuses all else. It waits for nothing.
func openRegular(t tree, name string, flag int, mode os.FileMode) (*os.File, error) {
	f, err := t.OpenFile(name, flag|waitsForNothing, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errSpecial}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// counted is an open file that counts.
type counted struct {
	*os.File
	of   *server
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.of.open.Add(-1) })
	return c.File.Close()
}

func (s *server) count(f *os.File, err error) (*counted, error) {
	if err != nil {
		return nil, said(err)
	}
	if s.open.Add(1) > openMost {
		s.open.Add(-1)
		_ = f.Close()
		return nil, errTooMany
	}
	return &counted{File: f, of: s}, nil
}

// Fileread opens a file to be read.
func (s *server) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	t, name, err := within(s.area.read, r.Filepath)
	if err != nil {
		return nil, said(err)
	}
	return s.count(openRegular(t, name, os.O_RDONLY, 0))
}

// Filewrite opens a file to be written.
func (s *server) Filewrite(r *sftp.Request) (io.WriterAt, error) { return s.OpenFile(r) }

// OpenFile opens a file to be written, and read too if that is asked for.
func (s *server) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	t, name, err := within(s.area.write, r.Filepath)
	if err != nil {
		return nil, said(err)
	}
	p := r.Pflags()
	flag := os.O_WRONLY
	if p.Read {
		if _, _, err := within(s.area.read, r.Filepath); err != nil {
			return nil, said(err)
		}
		flag = os.O_RDWR
	}
	for _, f := range []struct {
		set bool
		is  int
	}{{p.Creat, os.O_CREATE}, {p.Trunc, os.O_TRUNC}, {p.Excl, os.O_EXCL}} {
		if f.set {
			flag |= f.is
		}
	}
	// Not O_APPEND: each piece says where it belongs, and they come at once.
	mode := os.FileMode(0o666)
	// The library has put the flags of the open in the place of those that say
	// which attributes come. Clients send no other than permissions here.
	if len(r.Attrs) == 4 {
		mode = os.FileMode(binary.BigEndian.Uint32(r.Attrs)).Perm()
	}
	return s.count(openRegular(t, name, flag, mode))
}

// Filecmd changes something.
func (s *server) Filecmd(r *sftp.Request) error { return said(s.change(r)) }

func (s *server) change(r *sftp.Request) error {
	switch r.Method {
	case "Rename":
		t, from, to, err := s.area.pair(r.Filepath, r.Target)
		if err != nil {
			return err
		}
		if _, err := t.Lstat(to); !errors.Is(err, fs.ErrNotExist) { // version 3 never replaces
			return &fs.PathError{Op: "rename to", Path: r.Target, Err: fs.ErrExist}
		}
		return t.Rename(from, to)
	case "Link":
		t, from, to, err := s.area.pair(r.Filepath, r.Target)
		if err != nil {
			return err
		}
		return t.Link(from, to)
	case "Symlink":
		t, name, err := within(s.area.write, r.Target)
		if err != nil {
			return err
		}
		if _, all := t.(whole); !all && leadsOut(name, r.Filepath) {
			return errLeadsOut
		}
		return t.Symlink(r.Filepath, name)
	}
	t, name, err := within(s.area.write, r.Filepath)
	if err != nil {
		return err
	}
	switch r.Method {
	case "Mkdir":
		return t.Mkdir(name, 0o777)
	case "Rmdir":
		return s.remove(t, name, true)
	case "Remove":
		return s.remove(t, name, false)
	case "Setstat":
		return setAttributes(t, name, r)
	}
	return sftp.ErrSSHFxOpUnsupported
}

// remove removes a folder, or what is none.
func (s *server) remove(t tree, name string, folder bool) error {
	info, err := t.Lstat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir() && !folder:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EISDIR}
	case !info.IsDir() && folder:
		return &fs.PathError{Op: "rmdir", Path: name, Err: syscall.ENOTDIR}
	}
	return t.Remove(name)
}

// setAttributes sets what a client names, its size first.
func setAttributes(t tree, name string, r *sftp.Request) error {
	flags, a := r.AttrFlags(), r.Attributes()
	if a == nil {
		return sftp.ErrSSHFxBadMessage
	}
	if flags.Size {
		f, err := openRegular(t, name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		err = f.Truncate(int64(min(a.Size, 1<<62)))
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if flags.Permissions {
		if err := t.Chmod(name, fileMode(a.Mode)); err != nil {
			return err
		}
	}
	if flags.Acmodtime {
		if err := t.Chtimes(name, time.Unix(int64(a.Atime), 0), time.Unix(int64(a.Mtime), 0)); err != nil {
			return err
		}
	}
	if flags.UidGid {
		return t.Lchown(name, int(a.UID), int(a.GID))
	}
	return nil
}

// fileMode is a mode of Unix as Go has it.
func fileMode(mode uint32) os.FileMode {
	m := os.FileMode(mode & 0o777)
	for _, bit := range []struct {
		unix uint32
		is   os.FileMode
	}{{0o4000, os.ModeSetuid}, {0o2000, os.ModeSetgid}, {0o1000, os.ModeSticky}} {
		if mode&bit.unix != 0 {
			m |= bit.is
		}
	}
	return m
}

// PosixRename renames, also in the place of what is there.
func (s *server) PosixRename(r *sftp.Request) error {
	t, from, to, err := s.area.pair(r.Filepath, r.Target)
	if err != nil {
		return said(err)
	}
	return said(t.Rename(from, to))
}

// StatVFS tells of the file system of a path.
func (s *server) StatVFS(r *sftp.Request) (*sftp.StatVFS, error) {
	t, name, err := s.area.look(r.Filepath)
	if err != nil {
		return nil, said(err)
	}
	st, err := statVFS(t, name)
	if err != nil {
		return nil, said(err)
	}
	return st, nil
}

// said is an error as a client is told of it. A sentence goes as it is; for what
// is usual the protocol has a code.
func said(err error) error {
	switch {
	case err == nil, errors.Is(err, sftp.ErrSSHFxPermissionDenied), errors.Is(err, errSpecial):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, fs.ErrPermission):
		return sftp.ErrSSHFxPermissionDenied
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}
