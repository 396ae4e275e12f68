package agent

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"accord/wire"
)

// machine is what is to be said of this machine, whoever uses it.
func machine() wire.Facts {
	f := wire.Facts{CPUs: int64(runtime.NumCPU()), Load: load()}
	f.System = osRelease()
	f.Kernel = kernel()
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err == nil {
		f.Up = int64(s.Uptime) //nolint:unconvert // 32 bits on some machines
	}
	return f
}

// load is that of 1, 5 and 15 minutes, in hundredths; nil where it is not known.
func load() []int64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil
	}
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return nil
	}
	list := make([]int64, 0, 3)
	for _, field := range fields[:3] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil
		}
		list = append(list, int64(n*100+0.5))
	}
	return list
}
