//go:build darwin || freebsd

package agent

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"accord/wire"
)

// machine is what is to be said of this machine, whoever uses it.
func machine() wire.Facts {
	f := wire.Facts{CPUs: int64(runtime.NumCPU()), System: systemName(), Kernel: kernel()}
	if raw, err := unix.SysctlRaw("vm.loadavg"); err == nil {
		f.Load = loadAverage(raw)
	}
	if boot, err := unix.SysctlTimeval("kern.boottime"); err == nil {
		f.Up = max(0, time.Now().Unix()-int64(boot.Sec)) //nolint:unconvert // 32 bits on some machines
	}
	return f
}
