//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// describe says when and on what this was measured.
func describe(out io.Writer) {
	version, _ := exec.Command("ssh", "-V").CombinedOutput()
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(out, "%s, %d cores of %s, Linux %s, %s, %s, load at the start %s\n",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), processor(), bytes.TrimSpace(kernel),
		strings.TrimSpace(string(version)), runtime.Version(), firstWord(string(load)))
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// tick is the unit of times in /proc/PID/stat (proc_pid_stat(5)): USER_HZ is
// 100 on all of Linux's platforms that Go knows.
const tick = 10 * time.Millisecond

// used is the processor time that a process, its living descendants, and the
// descendants that were waited for have spent.
func used(pid int) time.Duration {
	children := make(map[int][]int)
	spent := make(map[int]time.Duration)
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		// The name, in parentheses, may hold anything. Fields count from 1, the
		// first behind the name is 3.
		f := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
		number := func(field int) int {
			n, _ := strconv.Atoi(string(f[field-3]))
			return n
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		children[number(4)] = append(children[number(4)], id)
		spent[id] = time.Duration(number(14)+number(15)+number(16)+number(17)) * tick
	}
	var sum time.Duration
	for tree := []int{pid}; len(tree) > 0; tree = tree[1:] {
		sum += spent[tree[0]]
		tree = append(tree, children[tree[0]]...)
	}
	return sum
}

// memory is a line of /proc/PID/status, such as VmRSS, in KiB.
func memory(pid int, name string) int {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			n, _ := strconv.Atoi(strings.Fields(rest)[0])
			return n
		}
	}
	return 0
}
