package display

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// environMost bounds what is read of a process's environment, in bytes.
const environMost = 128 << 10

// processesOf are those of an account, the newest first.
func processesOf(uid int) []int {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		if info, err := d.Info(); err == nil && ownerOf(info) == uid {
			pids = append(pids, pid)
		}
	}
	slices.SortFunc(pids, func(a, b int) int { return b - a })
	return pids
}

// ownerOf is whose a file is, -1 if that can't be told.
func ownerOf(info os.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

// environment is that which a program was started with, as far as it may be read.
func environment(pid int) [][]byte {
	f, err := os.Open(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, environMost))
	if err != nil {
		return nil
	}
	return bytes.Split(text, []byte{0})
}

// PeerOf is the account of whoever listens at the other end of a connection over
// a Unix socket.
func PeerOf(conn net.Conn) (uid int, err error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return -1, fmt.Errorf("%T has no peer on this machine", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return -1, fmt.Errorf("ask who listens: %w", cmp.Or(cerr, err))
	}
	return int(cred.Uid), nil
}

// sessionFiles is where systemd-logind notes sessions.
const sessionFiles = "/run/systemd/sessions"

// activeDisplay is the X11 display of an account's active session, as
// systemd-logind notes it (sd_session_get_display(3)), or "".
func activeDisplay(dir string, uid int) string {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return ""
	}
	for _, path := range files {
		// Beside a session's file lies a pipe, which a read would wait for as long
		// as the session lasts.
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it is gone
		}
		lines := strings.Split(string(text), "\n")
		if !slices.Contains(lines, "UID="+strconv.Itoa(uid)) || !slices.Contains(lines, "ACTIVE=1") {
			continue
		}
		for _, line := range lines {
			if display, ok := strings.CutPrefix(line, "DISPLAY="); ok && display != "" {
				return display
			}
		}
	}
	return ""
}
