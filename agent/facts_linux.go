package agent

import (
	"net"
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
	for _, path := range []string{"/etc/os-release", "/usr/lib/os-release"} { // os-release(5)
		if text, err := os.ReadFile(path); err == nil {
			f.System = prettyName(string(text))
			break
		}
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		f.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err == nil {
		f.Up = int64(s.Uptime) //nolint:unconvert // 32 bits on some machines
	}
	return f
}

func prettyName(text string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			if plain, err := strconv.Unquote(value); err == nil {
				return plain
			}
			return strings.Trim(value, `"'`)
		}
	}
	return ""
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

// addresses are those by which others may reach this machine.
func addresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []string
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if ok && n.IP.IsGlobalUnicast() && len(list) < wire.MaxAddresses {
			list = append(list, n.IP.String())
		}
	}
	return list
}
