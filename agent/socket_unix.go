//go:build unix

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"accord/agent/proc"
)

// listenLocal makes the socket. Anybody on the device may connect: receipts
// are for all its users, and what is not is decided by uid.
func listenLocal(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("an agent is already running here: it answers at %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("make the agent's socket: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make the agent's socket: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(fmt.Errorf("make the agent's socket: %w", err), l.Close())
	}
	return l, nil
}

// callLocal connects to the socket.
func callLocal(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

// peerAt is who is at the other end of a local connection.
func peerAt(conn net.Conn) (who proc.Identity, pid int, err error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return who, 0, errors.New("this is no local socket")
	}
	uid, pid, err := peerOf(c)
	return proc.Identity{UID: uid}, pid, err
}

// socketThere looks at the socket, which every account must be able to reach.
func (e *examination) socketThere(area, start string) bool {
	info, err := os.Lstat(e.cfg.Socket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Look(area, start, "The agent does not run: there is no %s.", e.cfg.Socket)
		return false
	case err != nil && e.Unseen("folders", e.cfg.Socket, err):
		return false
	case err != nil:
		e.Bad(area, "look at its disk", "The agent's socket can't be looked at: %s.", err)
		return false
	case info.Mode().Type() != fs.ModeSocket:
		e.Bad("folders", "remove it and restart the agent", "%s is no socket.", e.cfg.Socket)
		return false
	case info.Mode().Perm()&0o666 != 0o666:
		e.Bad("folders", "chmod 666 "+e.cfg.Socket+", or restart the agent", "%s can't be reached by all users of the device (%s).", e.cfg.Socket, info.Mode().Perm())
	}
	return true
}
