package agent

import (
	"encoding/hex"

	"golang.org/x/sys/unix"
)

// bootID is what the kernel calls this boot: random bytes, since FreeBSD 13.
func bootID() (string, error) {
	id, err := unix.SysctlRaw("kern.boot_id")
	return hex.EncodeToString(id), err
}
