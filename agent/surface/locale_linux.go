package surface

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// environMost bounds what is read of a process's environment, in bytes.
const environMost = 128 << 10

// Locale is the locale that the user's own programs run in, by the rules of
// POSIX, or "" when it can't be known: that of the newest of their processes
// that has a terminal and is not of a visit. Only root can read it for others.
func Locale(u User, visits func(pid int) bool) string {
	list, err := processes()
	if err != nil {
		return ""
	}
	slices.SortFunc(list, func(a, b process) int { return b.pid - a.pid })
	for _, p := range list {
		if p.uid != u.UID || p.tty == 0 || visits(p.pid) {
			continue
		}
		if locale := localeOf(p.pid); locale != "" {
			return locale
		}
	}
	return ""
}

func localeOf(pid int) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, environMost))
	if err != nil {
		return ""
	}
	vars := bytes.Split(text, []byte{0})
	for _, name := range []string{"LC_ALL=", "LC_MESSAGES=", "LANG="} {
		for _, v := range vars {
			if value, ok := strings.CutPrefix(string(v), name); ok && value != "" {
				return value
			}
		}
	}
	return ""
}
