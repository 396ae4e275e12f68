package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// othersWrite are the mode bits that let somebody else change a file.
const othersWrite fs.FileMode = 0o022

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
		// In a sticky folder such as /tmp only its owner replaces a file.
		if info.Mode()&fs.ModeSticky == 0 {
			if err := ownedByUs(dir, info); err != nil {
				return err
			}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func ownedByUs(path string, info fs.FileInfo) error {
	if info.Mode()&othersWrite != 0 {
		return fmt.Errorf("%s grants access, and others may write it: run chmod go-w %s", path, path)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || (st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid())) {
		return fmt.Errorf("%s grants access, and belongs to another account: run chown on it, as root or as the account that starts accord", path)
	}
	return nil
}
