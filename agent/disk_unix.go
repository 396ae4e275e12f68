//go:build unix

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ours refuses a file that another than root or the agent's account can have
// written, or, where it is secret, read.
func ours(path string, info fs.FileInfo, secret bool) error {
	forbidden := fs.FileMode(0o022)
	if secret {
		forbidden = 0o077
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&forbidden != 0 {
		return fmt.Errorf("others can read or change %s: chown it to the agent's account, then chmod 600", path)
	}
	return nil
}

// ownerOf names the account that a file belongs to; empty where that isn't known.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return accountOf(int(st.Uid))
	}
	return ""
}

// keepFolder has nothing to do: what is secret in the state has a mode that says so.
func keepFolder(string) error { return nil }

// defaultState is the folder of an installed agent's state.
func defaultState() string { return "/var/lib/accord/agent" }
