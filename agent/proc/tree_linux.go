package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// processes lists those that are not over.
func processes() (list []process) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	names, _ := dir.Readdirnames(-1) // what was read before an error is worth having
	_ = dir.Close()
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, err := readProcess(pid); err == nil && !p.over() {
			list = append(list, p)
		}
	}
	return list
}

// readProcess reads /proc/PID/stat, see proc_pid_stat(5). Times are clock ticks.
func readProcess(pid int) (process, error) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, err
	}
	// The second field is the program's name in parentheses and may hold
	// anything, parentheses too. Fields are counted from 1, the state is 3.
	f := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return process{}, fmt.Errorf("/proc/%d/stat makes no sense", pid)
	}
	number := func(field int) int {
		n, _ := strconv.Atoi(string(f[field-3])) // the kernel writes numbers
		return n
	}
	start, err := strconv.ParseUint(string(f[22-3]), 10, 64)
	return process{pid: pid, ppid: number(4), group: number(5), session: number(6), threads: number(20), state: f[0][0], start: start}, err
}
