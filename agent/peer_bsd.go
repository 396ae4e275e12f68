//go:build darwin || freebsd

package agent

import (
	"net"

	"accord/agent/census"
)

// peerOf is who is at the other end, by the kernel's word.
func peerOf(conn *net.UnixConn) (uid, pid int, err error) { return census.Peer(conn) }
