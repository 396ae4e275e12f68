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
