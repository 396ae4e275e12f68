//go:build linux || darwin || freebsd

package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"accord/agent/proc"
)

// dialLimit bounds connecting: a socket's queue may be full.
const dialLimit = 5 * time.Second

// Serve does a task and hands the socket to the agent. It is called in a process
// that is the account by then.
func Serve(encoded []byte) int {
	t, err := decode(encoded)
	if err != nil {
		return 1
	}
	file, done, err := t.open()
	proc.Hand(file, err)
	if err != nil {
		return 1
	}
	done()
	return 0
}

// open makes or connects the socket; done is for its end.
func (t Task) open() (file *os.File, done func(), err error) {
	if t.Listen {
		return t.listen()
	}
	conn, err := net.DialTimeout("unix", t.Path, dialLimit)
	if err != nil {
		return nil, nil, plain("connect to", t.Path, err)
	}
	file, err = conn.(*net.UnixConn).File()
	return file, func() {}, err
}

// listen makes a socket that its account alone may connect to. What is there
// already stays, but for a socket on which nobody listens any more: one that a
// device left when it lost its power.
func (t Task) listen() (file *os.File, done func(), err error) {
	syscall.Umask(0o177)
	l, err := net.Listen("unix", t.Path)
	if errors.Is(err, syscall.EADDRINUSE) && left(t.Path) && os.Remove(t.Path) == nil {
		l, err = net.Listen("unix", t.Path)
	}
	if err != nil {
		return nil, nil, plain("listen on", t.Path, err)
	}
	ul := l.(*net.UnixListener) //nolint:forcetypeassert // of the network unix
	ul.SetUnlinkOnClose(false)  // by its name it may be another one by then
	made, err := os.Lstat(t.Path)
	if err == nil {
		file, err = ul.File()
	}
	if err != nil {
		return nil, nil, plain("listen on", t.Path, err)
	}
	_ = ul.Close()
	return file, func() {
		if now, err := os.Lstat(t.Path); err == nil && os.SameFile(now, made) {
			_ = os.Remove(t.Path)
		}
	}, nil
}

// left reports a socket of this account's that nobody listens on.
func left(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() {
		return false
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// plain is an error in the operating system's words, for the technician.
func plain(what, path string, err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		err = number
	}
	return fmt.Errorf("the device can't %s %s: %w", what, path, err)
}
