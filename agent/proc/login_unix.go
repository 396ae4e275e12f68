//go:build linux || darwin || freebsd

package proc

import "time"

// login is one entry of utmp(5).
type login struct {
	pid        int
	line       string // the terminal, without /dev/
	user, host string // empty once it is over
	at         time.Time
}
