//go:build darwin || freebsd

package surface

import (
	"syscall"
	"time"
)

// usedAt is when something was last typed on a terminal.
func usedAt(st *syscall.Stat_t) time.Time { return time.Unix(st.Atimespec.Unix()) }
