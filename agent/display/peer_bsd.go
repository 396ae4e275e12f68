//go:build darwin || freebsd

package display

import (
	"fmt"
	"net"

	"accord/agent/census"
)

// PeerOf is the account of whoever listens at the other end of a connection over
// a Unix socket.
func PeerOf(conn net.Conn) (uid int, err error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return -1, fmt.Errorf("%T has no peer on this machine", conn)
	}
	uid, _, err = census.Peer(c)
	if err != nil {
		return -1, fmt.Errorf("ask who listens: %w", err)
	}
	return uid, nil
}
