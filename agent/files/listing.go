package files

import (
	"errors"
	"io"
	"os"

	"github.com/pkg/sftp"
)

// Filelist lists a folder, or tells of one name.
func (s *server) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	t, name, err := s.area.look(r.Filepath)
	if err != nil {
		return nil, said(err)
	}
	if r.Method == "List" {
		f, err := s.count(t.OpenFile(name, os.O_RDONLY|foldersOnly, 0))
		if err != nil {
			return nil, err
		}
		return &folder{file: f}, nil
	}
	info, err := t.Stat(name)
	if err != nil {
		return nil, said(err)
	}
	return one{info}, nil
}

// Lstat tells of a name itself, if it is a link.
func (s *server) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	t, name, err := s.area.look(r.Filepath)
	if err != nil {
		return nil, said(err)
	}
	info, err := t.Lstat(name)
	if err != nil {
		return nil, said(err)
	}
	return one{info}, nil
}

// Readlink tells where a link leads to.
func (s *server) Readlink(full string) (string, error) {
	t, name, err := s.area.look(s.area.full(full))
	if err != nil {
		return "", said(err)
	}
	target, err := t.Readlink(name)
	return target, said(err)
}

// RealPath is the absolute form of a path. Links stay what they are: where they
// lead to is looked at when something is done there.
func (s *server) RealPath(name string) (string, error) { return s.area.full(name), nil }

// LookupUserName and LookupGroupName leave the numbers as they are: names would
// come from a directory that can be slow.
func (s *server) LookupUserName(uid string) string { return uid }

// LookupGroupName is LookupUserName for groups.
func (s *server) LookupGroupName(gid string) string { return gid }

// one is a single name.
type one struct{ info os.FileInfo }

func (o one) ListAt(list []os.FileInfo, offset int64) (int, error) {
	if offset > 0 || len(list) == 0 {
		return 0, io.EOF
	}
	list[0] = o.info
	return 1, io.EOF
}

// folder is read as it is asked for, however many names it has. It is asked in
// order.
type folder struct{ file *counted }

func (f *folder) ListAt(list []os.FileInfo, _ int64) (int, error) {
	infos, err := f.file.Readdir(len(list))
	n := copy(list, infos)
	if errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, said(err)
}

func (f *folder) Close() error { return f.file.Close() }
