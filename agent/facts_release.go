//go:build linux || freebsd

package agent

import (
	"os"
	"strconv"
	"strings"
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
