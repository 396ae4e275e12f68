//go:build unix

package releases

import (
	"errors"
	"os"
)

// program is what the program of a release that is kept is called.
const program = "accord"

// syncDir puts the names in a folder on disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
