package proc

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ownExe is this binary, also when the file it came from was replaced.
const ownExe = "/proc/self/exe"

func selfPath() (string, error) { return ownExe, nil }

// nameSelf is how the process is listed: otherwise as "exe", after the link it
// came from.
func nameSelf() { _ = os.WriteFile("/proc/self/comm", []byte(os.Args[0]), 0) }

// pipesHaveOwners: /dev/fd opens a pipe anew, which its mode may forbid.
const pipesHaveOwners = true

func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// sealDescriptors keeps every descriptor but the standard ones from the next
// program, also those that whoever started the agent forgot to close.
func sealDescriptors() {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return // without /proc this role can't have been started
	}
	names, _ := dir.Readdirnames(-1)
	_ = dir.Close()
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
