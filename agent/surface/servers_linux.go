package surface

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// servers finds the tmux servers of a user that are not part of a visit.
func servers(list []process, u User, visits func(pid int) bool) []server {
	var found []server
	for _, p := range list {
		if p.name != tmuxServer || p.uid != u.UID || visits(p.pid) || len(found) == maxServers {
			continue
		}
		socket, err := listensAt(p.pid)
		if err != nil {
			continue // it has just ended, or is no tmux
		}
		if slices.ContainsFunc(found, func(s server) bool { return s.socket == socket }) {
			continue // a child that it has just forked, for a program that it starts
		}
		found = append(found, server{user: u, pid: p.pid, program: programOf(p.pid), socket: socket})
	}
	return found
}

// programOf is the program file of a process: a client must be of the same
// version as its server. Where that was replaced, it is the tmux of the path.
func programOf(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if _, missing := os.Stat(path); err != nil || missing != nil {
		return "tmux"
	}
	return path
}

// listensAt finds the Unix socket that a process listens on. That is surer
// than its arguments, which it can change, and its environment.
func listensAt(pid int) (string, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	inodes := map[string]bool{}
	for _, fd := range fds {
		if link, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil {
			if inode, ok := strings.CutPrefix(link, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(table)) {
		if inode, path := parseUnix(strings.TrimSuffix(line, "\n")); inodes[inode] && path != "" {
			return path, nil
		}
	}
	return "", errors.New("it listens on no socket")
}

// parseUnix reads a line of /proc/net/unix: "Num RefCount Protocol Flags Type
// St Inode Path". The path is "" unless the socket listens at an absolute one.
func parseUnix(line string) (inode, path string) {
	const listens = 1 << 16 // SO_ACCEPTCON
	fields := strings.SplitN(strings.Join(strings.Fields(line), " "), " ", 8)
	if len(fields) < 8 || !strings.HasPrefix(fields[7], "/") {
		return "", ""
	}
	flags, err := strconv.ParseUint(fields[3], 16, 64)
	if err != nil || flags&listens == 0 {
		return "", ""
	}
	return fields[6], line[strings.IndexByte(line, '/'):] // with its spaces as they are
}
