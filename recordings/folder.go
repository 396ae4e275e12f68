package recordings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// folder is the place of one recording. All access to its files goes through
// it, and no name in it leads outside.
type folder struct{ root *os.Root }

func openFolder(dir string) (folder, error) {
	root, err := os.OpenRoot(dir)
	return folder{root}, err
}

func (d folder) close() error { return d.root.Close() }

// create makes a file that must not exist, for appending and reading back.
func (d folder) create(name string) (*os.File, error) {
	return d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
}

// reopen opens an existing file for appending and reading back.
func (d folder) reopen(name string) (*os.File, error) {
	return d.openRegular(name, os.O_RDWR|os.O_APPEND)
}

// open opens an existing file for reading.
func (d folder) open(name string) (*os.File, error) { return d.openRegular(name, os.O_RDONLY) }

// openRegular refuses what is no regular file before it opens it: opening a
// FIFO would wait for ever, and a link could lead to other evidence.
func (d folder) openRegular(name string, flag int) (*os.File, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	f, err := d.root.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		f.Close()
		return nil, fmt.Errorf("%s was exchanged while it was opened", name)
	}
	return f, nil
}

// read reads a small file whole.
func (d folder) read(name string, limit int64) ([]byte, error) {
	f, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return b, err
}

// write makes a file that must not exist, with its content on disk.
func (d folder) write(name string, content []byte) error {
	f, err := d.create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// fresh is the ending of a file that is not in its place yet.
const fresh = ".new"

// replace puts a file in its place whole or not at all, whatever was there.
func (d folder) replace(name string, content []byte) error {
	if err := d.remove(name + fresh); err != nil {
		return err
	}
	if err := d.write(name+fresh, content); err != nil {
		return err
	}
	if err := d.root.Rename(name+fresh, name); err != nil {
		return err
	}
	return d.sync()
}

// remove removes a file; one that isn't there is no error.
func (d folder) remove(name string) error {
	if err := d.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// exists reports whether there is anything of that name. An error counts as
// yes, so that nothing is taken for missing that can't be seen.
func (d folder) exists(name string) bool {
	_, err := d.root.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// names lists what is in the folder, sorted.
func (d folder) names() ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// sync puts the names of the folder on disk.
func (d folder) sync() error { return syncDir(d.root, ".") }
