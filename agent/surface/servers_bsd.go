//go:build darwin || freebsd

package surface

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"accord/agent/census"
)

// servers finds the tmux servers of a user that are not part of a visit: those
// that listen where tmux does by itself, in a folder of the user's in /tmp. Who
// listens there is the kernel's word.
func servers(list []process, u User, visits func(pid int) bool) []server {
	theirs := func(p process) bool { return p.name == tmuxServer && p.uid == u.UID && !visits(p.pid) }
	if !slices.ContainsFunc(list, theirs) {
		return nil
	}
	sockets, err := filepath.Glob(fmt.Sprintf("/tmp/tmux-%d/*", u.UID))
	if err != nil {
		return nil
	}
	var found []server
	for _, socket := range sockets[:min(len(sockets), maxServers)] {
		pid, err := listener(socket, u.UID)
		if err == nil && slices.ContainsFunc(list, func(p process) bool { return p.pid == pid && theirs(p) }) {
			found = append(found, server{user: u, pid: pid, program: programOf(pid), socket: socket})
		}
	}
	return found
}

// listener is the process that listens at a socket of an account's.
func listener(socket string, uid int) (pid int, err error) {
	if info, err := os.Lstat(socket); err != nil || info.Mode().Type() != fs.ModeSocket {
		return 0, fmt.Errorf("%s is no socket", socket)
	}
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	owner, pid, err := census.Peer(conn.(*net.UnixConn)) //nolint:forcetypeassert // of the network unix
	if err == nil && owner != uid {
		err = fmt.Errorf("account %d listens at %s", owner, socket)
	}
	return pid, err
}

// programOf is the program file of a process: a client must be of the same
// version as its server. Where that was replaced, it is the tmux of the path.
func programOf(pid int) string {
	path := census.Program(pid)
	if info, err := os.Stat(path); err != nil || !filepath.IsAbs(path) || !info.Mode().IsRegular() {
		return "tmux"
	}
	return path
}
