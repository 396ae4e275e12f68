package census

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// atPeerPID is where cr_pid lies in struct xucred on 64 bits (sys/ucred.h, since
// FreeBSD 13). Before, nothing lay there, and it reads 0.
const atPeerPID = 80

func peerPID(_ int, cred *unix.Xucred) (int, error) {
	raw := unsafe.Slice((*byte)(unsafe.Pointer(cred)), unix.SizeofXucred)
	if len(raw) < atPeerPID+8 {
		return 0, errors.New("this program knows who is there on 64 bits alone")
	}
	return int(int32(binary.LittleEndian.Uint32(raw[atPeerPID:]))), nil //nolint:gosec // a pid_t
}
