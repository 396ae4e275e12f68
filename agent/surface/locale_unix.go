//go:build linux || darwin || freebsd

package surface

import (
	"slices"
	"strings"
)

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
	vars := environment(pid)
	first := func(names ...string) string {
		for _, name := range names {
			for _, v := range vars {
				if value, ok := strings.CutPrefix(v, name); ok && value != "" {
					return value
				}
			}
		}
		return ""
	}
	return Habits{Locale: first("LC_ALL=", "LC_MESSAGES=", "LANG="), Plain: first("ACCORD_PLAIN=")}
}
