package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Trusted is the judgement of [ReadTrusted] alone, on the file as it is now.
func Trusted(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("can't look at the configuration: %w", err)
	}
	return onlyOurs(path, info)
}

// onlyOurs refuses a file that another account could change or replace. The
// folders above it are followed through links, as the kernel did at open.
func onlyOurs(path string, info fs.FileInfo) error {
	if err := ownedByUs(path, info); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return fmt.Errorf("can't find the folder of %s: %w", path, err)
	}
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("can't look at the folder of %s: %w", path, err)
		}
		if err := folderOfOurs(dir, info); err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
