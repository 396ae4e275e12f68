//go:build darwin || freebsd

package census

import (
	"cmp"
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// Peer is who is at the other end of a connection over a Unix socket, by the
// kernel's word (LOCAL_PEERCRED): who called, or who listens. One whose process it
// doesn't name is nobody: it could be any.
func Peer(conn *net.UnixConn) (uid, pid int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var cred *unix.Xucred
	var cerr error
	if err := raw.Control(func(fd uintptr) {
		if cred, cerr = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); cerr == nil {
			pid, cerr = peerPID(int(fd), cred)
		}
	}); cmp.Or(err, cerr) != nil {
		return 0, 0, cmp.Or(err, cerr)
	}
	if cred.Version != 0 || pid <= 0 { // XUCRED_VERSION
		return 0, 0, errors.New("the kernel doesn't tell who is there")
	}
	return int(cred.Uid), pid, nil
}
