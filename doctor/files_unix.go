//go:build unix

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// private refuses what others can read.
func private(_ string, info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return errors.New(mode.String())
	}
	return nil
}

func todoPrivate(path string) string {
	return "chmod 600 " + path + "; and if others were on this machine, make another"
}

// closed looks at who may use a folder and returns its owner's uid.
func (r *Report) closed(what, path string, info fs.FileInfo, private bool) (owner int) {
	const area = "folders"
	owner = -1
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		owner = int(st.Uid)
	}
	closed := fs.FileMode(0o022)
	if private {
		closed = 0o077
	}
	switch mode := info.Mode().Perm(); {
	case mode&closed != 0:
		r.Bad(area, fmt.Sprintf("chmod %o %s", mode&^closed, path), "%s, %s, is open to others (%s).", path, what, mode)
	case mode&0o300 != 0o300:
		r.Bad(area, "chmod u+rwx "+path, "%s, %s, can't be written by its own account (%s).", path, what, mode)
	default:
		r.OK(area, "%s, %s, belongs to %s alone (%s).", path, what, account(owner), mode)
	}
	return owner
}

// account names a uid.
func account(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}

func whoAmI() string { return account(os.Geteuid()) }
