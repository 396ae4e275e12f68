package agent

import (
	"io/fs"
	"path/filepath"

	"accord/acl"
)

// syncDir has nothing to do: NTFS journals names, and no folder can be flushed
// that is opened to be read.
func syncDir(string) error { return nil }

// ours refuses a file that another than the system, its administrators or the
// agent's account can change, or, where it is secret, read.
func ours(path string, _ fs.FileInfo, secret bool) error {
	if secret {
		return acl.Unread(path)
	}
	return acl.Unchanged(path)
}

// ownerOf is not known by the folder: administrators own what any of them makes.
func ownerOf(string) string { return "" }

// keepFolder lets nobody else use the state: files have no modes of their own here.
// A folder that somebody else has made before would stay theirs to open again.
func keepFolder(dir string) error {
	if err := acl.Keep(dir); err != nil {
		return err
	}
	return acl.Unchanged(dir)
}

// defaultState is the folder of an installed agent's state, below that of its
// configuration, which others may read.
func defaultState() string { return filepath.Join(acl.ProgramData(), "Accord", "agent") }
