//go:build darwin || freebsd

package files

import (
	"io/fs"
	"os"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

// nameMost is the longest name of a file, in bytes, where the system doesn't say.
const nameMost = 255

// statVFS tells of the file system of a name, which must be readable.
func statVFS(t tree, name string) (*sftp.StatVFS, error) {
	f, err := t.OpenFile(name, os.O_RDONLY|waitsForNothing, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return nil, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	//nolint:unconvert // their types differ from system to system
	return &sftp.StatVFS{
		Bsize: uint64(st.Bsize), Frsize: uint64(st.Bsize), Blocks: st.Blocks, Bfree: st.Bfree, Bavail: uint64(max(0, int64(st.Bavail))),
		Files: st.Files, Ffree: uint64(max(0, int64(st.Ffree))), Favail: uint64(max(0, int64(st.Ffree))), Flag: uint64(st.Flags) & 3, Namemax: nameMost,
	}, nil
}
