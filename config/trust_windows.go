package config

import (
	"fmt"
	"io/fs"

	"accord/acl"
)

// ownedByUs and folderOfOurs ask the lists of who may do what; mode bits say
// nothing here.
func ownedByUs(path string, _ fs.FileInfo) error { return granting(path, acl.Unchanged(path)) }

func folderOfOurs(dir string, _ fs.FileInfo) error { return granting(dir, acl.InPlace(dir)) }

func granting(path string, err error) error {
	if err != nil {
		return fmt.Errorf("%s grants access, and others may write it: %w", path, err)
	}
	return nil
}
