package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// running lists the processes that a look at their /proc folder picks.
func running(pick func(folder string) bool) []int {
	var pids []int
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil && pid != os.Getpid() && pick(folder) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// withLine are the processes with just this command line.
func withLine(line string) []int {
	return running(func(folder string) bool {
		text, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		return err == nil && strings.TrimSpace(string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))) == line
	})
}

// cmdAlive: alive COMMANDLINE
func cmdAlive(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	line := strings.Join(args, " ")
	if !until(patience, func() bool { return len(withLine(line)) > 0 }) {
		ts.Fatalf("no process runs %q%s", line, stageOf(ts).otherScreens(""))
	}
}

// cmdDead: dead COMMANDLINE: promise P7's two seconds.
func cmdDead(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	line := strings.Join(args, " ")
	if !until(2*time.Second, func() bool { return len(withLine(line)) == 0 }) {
		ts.Fatalf("after two seconds %v still run %q%s", withLine(line), line, stageOf(ts).otherScreens(""))
	}
}

// cmdKill9: kill9 NAME
func cmdKill9(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	text, err := os.ReadFile(stageOf(ts).terminal(args[0]) + ".pid")
	ts.Check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGKILL))
}

// strike ends the script's terminals, and sees that nothing is left of what
// ran in them or was opened through them.
func (s *stage) strike(t testscript.T) {
	// A visit that is still open would be announced on the terminals around.
	_, _ = runIn(s.dir, s.env, "accord", "stop")
	_, _ = s.tmux("kill-server")
	defer func() {
		for _, c := range s.cleanups {
			if _, err := runIn(s.dir, s.env, c[0], c[1:]...); err != nil {
				t.Log(err)
			}
		}
	}()
	visits, _ := filepath.Glob(filepath.Join(s.dir, ".accord", "recordings", "*", "*", "*", "*"))
	marks := [][]byte{[]byte("ACCORD_SCRIPT=" + s.dir + "\x00")}
	for _, v := range visits {
		marks = append(marks, []byte("ACCORD_VISIT="+filepath.Base(v)+"\x00"))
	}
	left := func() []int {
		return running(func(folder string) bool {
			env, err := os.ReadFile(filepath.Join(folder, "environ"))
			for _, m := range marks {
				if err == nil && bytes.Contains(env, m) {
					return true
				}
			}
			return false
		})
	}
	if until(10*time.Second, func() bool { return len(left()) == 0 }) {
		return
	}
	var lines []string
	for _, pid := range left() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		lines = append(lines, fmt.Sprintf("%d %q", pid, bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	t.Log("left behind: " + strings.Join(lines, ", "))
	t.FailNow()
}
