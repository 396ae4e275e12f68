package proc

import "golang.org/x/sys/unix"

// maskCall changes what this thread blocks.
const maskCall = unix.SYS___PTHREAD_SIGMASK
