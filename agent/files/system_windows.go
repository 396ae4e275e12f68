package files

import (
	"github.com/pkg/sftp"
)

const (
	// waitsForNothing has no meaning here: pipes have other names than files.
	waitsForNothing = 0
	// foldersOnly neither: what is none has no names to list.
	foldersOnly = 0
)

// statVFS is refused: the extension's numbers are those of Unix.
func statVFS(tree, string) (*sftp.StatVFS, error) { return nil, sftp.ErrSSHFxOpUnsupported }
