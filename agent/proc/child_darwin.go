package proc

import "golang.org/x/sys/unix"

// maskCall changes what this thread blocks.
const maskCall = unix.SYS___PTHREAD_SIGMASK //nolint:staticcheck // no library that this program is linked with has it
