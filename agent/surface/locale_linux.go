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

// OwnHabits are how u's own programs are used to speak, by the environment of the
// newest of their processes that has a terminal and is not of a visit; what that
// doesn't say, the next one does. Only root can read it for others.
func OwnHabits(u User, visits func(pid int) bool) Habits {
	list, err := processes()
	if err != nil {
		return Habits{}
	}
	slices.SortFunc(list, func(a, b process) int { return b.pid - a.pid })
	var h Habits
	for _, p := range list {
		if p.uid != u.UID || p.tty == 0 || visits(p.pid) {
			continue
		}
		if h = h.Or(habitsOf(p.pid)); h.Locale != "" && h.Plain != "" {
			break
		}
	}
	return h
}

func habitsOf(pid int) Habits {
	f, err := os.Open(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return Habits{}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, environMost))
	if err != nil {
		return Habits{}
	}
	vars := bytes.Split(text, []byte{0})
	first := func(names ...string) string {
		for _, name := range names {
			for _, v := range vars {
				if value, ok := strings.CutPrefix(string(v), name); ok && value != "" {
					return value
				}
			}
		}
		return ""
	}
	return Habits{Locale: first("LC_ALL=", "LC_MESSAGES=", "LANG="), Plain: first("ACCORD_PLAIN=")}
}
