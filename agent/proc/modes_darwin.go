package proc

import "golang.org/x/sys/unix"

type flags = uint64 // tcflag_t

const inputUTF8 = unix.IUTF8
