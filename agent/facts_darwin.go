package agent

import "golang.org/x/sys/unix"

func systemName() string {
	if version, err := unix.Sysctl("kern.osproductversion"); err == nil {
		return "macOS " + version
	}
	return "macOS"
}
