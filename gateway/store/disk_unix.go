//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// private refuses a file that others can read.
func private(file string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others; run: chmod 600 %s", file, file)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockDir keeps a second gateway out of the folder for as long as the file is
// open. The lock dies with the process.
func lockDir(dir string) (*os.File, error) {
	file := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another gateway uses the state folder %s: stop it first, or use another folder", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return f, nil
}
