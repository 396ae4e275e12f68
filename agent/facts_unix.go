//go:build linux || darwin || freebsd

package agent

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// osRelease is what the system calls itself, os-release(5).
func osRelease() string {
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if text, err := os.ReadFile(path); err == nil {
			return prettyName(string(text))
		}
	}
	return ""
}

func prettyName(text string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			if plain, err := strconv.Unquote(value); err == nil {
				return plain
			}
			return strings.Trim(value, `"'`)
		}
	}
	return ""
}

// kernel is its name and release.
func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
