package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

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

// withEnv are the processes that were started with one of these variables,
// NAME=value.
func withEnv(variables ...string) []int {
	return running(func(folder string) bool {
		env, err := os.ReadFile(filepath.Join(folder, "environ"))
		return err == nil && slices.ContainsFunc(variables, func(v string) bool { return bytes.Contains(env, []byte(v+"\x00")) })
	})
}

// commandLines says what processes run.
func commandLines(pids []int) string {
	lines := make([]string, len(pids))
	for i, pid := range pids {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		lines[i] = fmt.Sprintf("%d %q", pid, bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
	}
	return strings.Join(lines, ", ")
}

// cmdAlive: alive COMMANDLINE
func cmdAlive(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	line := strings.Join(args, " ")
	if !until(patience, func() bool { return len(withLine(line)) > 0 }) {
		ts.Fatalf("no process runs %q%s", line, stageOf(ts).otherScreens(""))
	}
}

// cmdDead: dead COMMANDLINE. What a story has die would live on for years by itself.
// How long it takes is measured, not tested: see BenchmarkStop of package agent.
func cmdDead(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	line := strings.Join(args, " ")
	if !until(patience, func() bool { return len(withLine(line)) == 0 }) {
		ts.Fatalf("%v still run %q%s", withLine(line), line, stageOf(ts).otherScreens(""))
	}
}

// cmdKill9: kill9 NAME
func cmdKill9(ts *testscript.TestScript, neg bool, args []string) {
	sendSignal(ts, neg, args, syscall.SIGKILL)
}

// cmdFreeze: freeze NAME
func cmdFreeze(ts *testscript.TestScript, neg bool, args []string) {
	sendSignal(ts, neg, args, syscall.SIGSTOP)
}

// cmdThaw: thaw NAME
func cmdThaw(ts *testscript.TestScript, neg bool, args []string) {
	sendSignal(ts, neg, args, syscall.SIGCONT)
}

// sendSignal sends the program of a terminal a signal.
func sendSignal(ts *testscript.TestScript, neg bool, args []string, which syscall.Signal) {
	only(ts, neg, args, 1, 1)
	s, pid := stageOf(ts), 0
	if !until(patience, func() (begun bool) {
		var err error
		pid, err = s.pid(args[0])
		return err == nil
	}) {
		ts.Fatalf("%s has not begun:\n%s", args[0], s.screen(args[0]))
	}
	ts.Check(syscall.Kill(pid, which))
}

// strike ends the script's terminals, and sees that nothing is left of what
// ran in them or was opened through them.
func (s *stage) strike(t testscript.T) {
	// A visit that is still open would be announced on the terminals around.
	_, _ = runIn(s.dir, s.env, "accord", "stop")
	_, _ = s.tmux("kill-server")
	// A script that fails doesn't come to where it ends its own servers.
	servers, _ := filepath.Glob(filepath.Join(s.dir, "*.sock"))
	for _, socket := range servers {
		_, _ = runIn(s.dir, s.env, "tmux", "-S", socket, "kill-server")
	}
	defer func() {
		for _, c := range s.cleanups {
			if _, err := runIn(s.dir, s.env, c[0], c[1:]...); err != nil {
				t.Log(err)
			}
		}
	}()
	visits, _ := filepath.Glob(filepath.Join(s.dir, ".accord", "recordings", "*", "*", "*", "*"))
	marks := []string{"ACCORD_SCRIPT=" + s.dir}
	for _, v := range visits {
		marks = append(marks, "ACCORD_VISIT="+filepath.Base(v))
	}
	if until(patience, func() bool { return len(withEnv(marks...)) == 0 }) {
		return
	}
	left := withEnv(marks...)
	t.Log("left behind: " + commandLines(left))
	for _, pid := range left {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	t.FailNow()
}
