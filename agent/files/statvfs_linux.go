package files

import (
	"io/fs"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

// statVFS tells of the file system of a name; it need not be readable.
func statVFS(t tree, name string) (*sftp.StatVFS, error) {
	f, err := t.OpenFile(name, unix.O_PATH, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return nil, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	return &sftp.StatVFS{
		Bsize: uint64(st.Bsize), Frsize: uint64(st.Frsize), Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail,
		Files: st.Files, Ffree: st.Ffree, Favail: st.Ffree, Flag: uint64(st.Flags) & 3, Namemax: uint64(st.Namelen),
	}, nil
}
