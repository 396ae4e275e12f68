package census

import "golang.org/x/sys/unix"

func peerPID(fd int, _ *unix.Xucred) (int, error) {
	return unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
}
