package surface

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// processes lists those that have a terminal, and tmux servers. A process that
// ends meanwhile is left out.
func processes() ([]process, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var list []process
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		p, ok := readProcess(pid)
		if ok && (p.tty != 0 || p.name == tmuxServer) {
			if p.uid, ok = realUID(pid); ok {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

func readProcess(pid int) (process, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	return parseStat(pid, string(text))
}

// parseStat reads "PID (NAME) STATE PPID PGRP SESSION TTY TPGID …". A name may
// hold anything, brackets and line ends too.
func parseStat(pid int, text string) (process, bool) {
	first, last := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if first < 0 || last < first {
		return process{}, false
	}
	p := process{pid: pid, name: text[first+1 : last]}
	fields := strings.Fields(text[last+1:])
	if len(fields) < 6 {
		return process{}, false
	}
	var tty int
	for i, into := range []*int{&p.parent, &p.group, &p.session, &tty, &p.foreground} {
		var err error
		if *into, err = strconv.Atoi(fields[i+1]); err != nil {
			return process{}, false
		}
	}
	// tty is an int of 32 bits: the minor number in bits 31-20 and 7-0, the
	// major in 15-8.
	n := uint32(tty) //nolint:gosec // the kernel prints the bits with a sign
	if n != 0 {
		p.tty = unix.Mkdev(n>>8&0xfff, n&0xff|n>>12&0xfff00)
	}
	return p, true
}

// realUID is the uid of who started a process, which stays the user's when a
// program such as su has the rights of another.
func realUID(pid int) (int, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false
	}
	// The name, in a line before this one, has its line ends escaped.
	_, after, ok := strings.Cut(string(text), "\nUid:\t")
	if !ok {
		return 0, false
	}
	uid, err := strconv.Atoi(strings.Fields(after)[0])
	return uid, err == nil
}

// terminalPath is where a terminal with this device number lies, or "" for a
// kind that nobody sits at.
func terminalPath(dev uint64) string {
	major, minor := unix.Major(dev), unix.Minor(dev)
	switch {
	case major == 136: // Documentation/admin-guide/devices.txt of Linux
		return fmt.Sprintf("/dev/pts/%d", minor)
	case major == 4 && minor > 0 && minor < 64:
		return fmt.Sprintf("/dev/tty%d", minor)
	case major == 4 && minor >= 64:
		return fmt.Sprintf("/dev/ttyS%d", minor-64)
	}
	return ""
}
