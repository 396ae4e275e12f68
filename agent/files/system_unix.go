//go:build unix

package files

import "golang.org/x/sys/unix"

const (
	// waitsForNothing opens without waiting, and makes no terminal the process's own.
	waitsForNothing = unix.O_NONBLOCK | unix.O_NOCTTY
	foldersOnly     = unix.O_DIRECTORY
)
