package census

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// All lists the processes of this machine, one entry each, whatever its threads.
func All() ([]Process, error) {
	list, err := ask("kern.proc.proc", 0)
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	return list, nil
}

// Of is one process.
func Of(pid int) (Process, error) {
	list, err := ask("kern.proc.pid", pid)
	if err == nil && (len(list) == 0 || list[0].PID != pid) {
		err = os.ErrProcessDone
	}
	if err != nil {
		return Process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return list[0], nil
}

// askAgain is how often a list is asked for that grew meanwhile.
const askAgain = 8

func ask(name string, arg int) ([]Process, error) {
	var raw []byte
	for range askAgain {
		var err error
		if raw, err = unix.SysctlRaw(name, arg); err == nil {
			break
		} else if err != unix.ENOMEM {
			return nil, err
		}
	}
	boot, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return nil, fmt.Errorf("ask for the time of boot: %w", err)
	}
	return freebsd(raw, int64(boot.Sec)*1e6+int64(boot.Usec)) //nolint:unconvert // 32 bits on some machines
}

// Environment is that which a program was started with; none where the kernel
// doesn't tell.
func Environment(pid int) []string {
	raw, err := unix.SysctlRaw("kern.proc.env", pid)
	if err != nil {
		return nil
	}
	return variables(raw)
}

// Program is the path of a process's program, "" where it isn't told.
func Program(pid int) string {
	path, err := unix.SysctlRaw("kern.proc.pathname", pid)
	if err != nil {
		return ""
	}
	return text(path)
}
