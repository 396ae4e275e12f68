//go:build darwin || freebsd

package surface

import (
	"os"
	"path/filepath"
	"syscall"

	"accord/agent/census"
)

// processes lists those that have a terminal, and tmux servers.
func processes() ([]process, error) {
	all, err := census.All()
	if err != nil {
		return nil, err
	}
	var list []process
	for _, c := range all {
		p := process{
			pid: c.PID, parent: c.Parent, group: c.Group, session: c.Session, tty: c.TTY, foreground: c.Foreground,
			name: tmuxName(c.Name, c.TTY), uid: c.UIDs.Real,
		}
		if !c.Over && (p.tty != 0 || p.name == tmuxServer) {
			list = append(list, p)
		}
	}
	return list, nil
}

// tmuxName tells tmux's server from its clients, which both have the name of the
// program here: only a client has a terminal.
func tmuxName(name string, tty uint64) string {
	switch {
	case name != "tmux":
		return name
	case tty == 0:
		return tmuxServer
	}
	return tmuxClient
}

// terminalPath is where a terminal with this device number lies, or "" for a
// kind that nobody sits at.
func terminalPath(dev uint64) string {
	for _, kind := range []string{"/dev/ttys*", "/dev/pts/*", "/dev/ttyv*", "/dev/ttyu*"} {
		paths, err := filepath.Glob(kind)
		if err != nil {
			continue
		}
		for _, path := range paths {
			if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeCharDevice != 0 {
				if st, ok := info.Sys().(*syscall.Stat_t); ok && deviceOf(st) == dev {
					return path
				}
			}
		}
	}
	return ""
}
