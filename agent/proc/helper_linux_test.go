package proc

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// The test binary plays the agent in tests that kill it or start it oddly.
const (
	roleVar    = "PROC_TEST_ROLE"
	commandVar = "PROC_TEST_COMMAND"
	waitVar    = "PROC_TEST_WAIT" // for a line, before the command
	recordVar  = "PROC_TEST_UTMP" // file to list the login in
)

func TestMain(m *testing.M) {
	Main(Inside{"report": reportSelf})
	switch os.Getenv(roleVar) {
	case "agent":
		os.Exit(playAgent())
	case "rooted":
		// A program that is root for good, as sudo makes it.
		if err := syscall.Setresuid(0, 0, 0); err != nil {
			os.Exit(1)
		}
		fmt.Println("root")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "confined agent":
		os.Exit(playConfined())
	case "sudo agent":
		os.Exit(playSudoAgent())
	case "blocked agent":
		// Every signal blocked, as a careless supervisor may leave it.
		runtime.LockOSThread()
		all := unix.Sigset_t{}
		for i := range all.Val {
			all.Val[i] = ^all.Val[i]
		}
		_ = unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil)
		_ = os.Setenv(roleVar, "agent")
		fmt.Println(syscall.Exec(ownExe, os.Args[:1], os.Environ()))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// playAgent runs one command with a terminal and shows its output.
func playAgent() int {
	if os.Getenv(waitVar) != "" {
		_, _ = fmt.Scanln()
	}
	a, err := Self()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	a.Shell, a.Home = "/bin/sh", "/" // also where the account has none
	var r *Record
	if utmp := os.Getenv(recordVar); utmp != "" {
		r = &Record{Host: "accord:alice", Utmp: utmp}
	}
	p, err := Start(Spec{Account: a, Command: os.Getenv(commandVar), Env: os.Environ(), PTY: &PTY{}, Record: r})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer p.Close()
	_, _ = io.Copy(os.Stdout, p.Stdout())
	return p.Wait().Status
}

// playSudoAgent kills a shell that became a process it may not kill.
func playSudoAgent() int {
	a, err := Self()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	a.Shell = os.Getenv(commandVar)
	p, err := Start(Spec{Account: a, Env: []string{roleVar + "=rooted"}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_, _ = p.Stdout().Read(make([]byte, 1)) // it is root
	p.Kill()
	fmt.Println("left over:", p.Leftover(), Belongs(p.main))
	_ = p.Stdin().Close() // lets it go
	<-p.gone
	fmt.Println("left over:", p.Leftover(), Belongs(p.main))
	return 0
}

const markVar = "PROC_TEST_MARK"

// spec is a command of the account that runs the tests, by the plainest shell.
// Its processes carry the test's mark in their environment.
func spec(t *testing.T, command string) Spec {
	t.Helper()
	a, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	a.Shell, a.Home = "/bin/sh", "/" // also where the account has none
	env := append(Environment(a, "v1", "ann", "T-1", "", "", nil), markVar+"="+mark(t))
	return Spec{Visit: "v1", Account: a, Command: command, Env: env}
}

func withPTY(s Spec) Spec {
	s.PTY = &PTY{Term: "xterm-256color", Width: 80, Height: 24}
	return s
}

func mark(t *testing.T) string { return fmt.Sprintf("%s-%d", t.Name(), os.Getpid()) }

// begin starts s and closes it when the test ends.
func begin(t *testing.T, s Spec) *Process {
	t.Helper()
	p, err := Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// finish reads all output, apart, as an honest caller does.
func finish(t *testing.T, p *Process) (stdout, stderr string, e Exit) {
	t.Helper()
	done := make(chan error, 1)
	var errput bytes.Buffer
	go func() {
		if p.Stderr() == nil {
			done <- nil
			return
		}
		_, err := io.Copy(&errput, p.Stderr())
		done <- err
	}()
	out, err := io.ReadAll(p.Stdout())
	if err != nil {
		t.Errorf("read the output: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("read the errors: %v", err)
	}
	return string(out), errput.String(), p.Wait()
}

// run is begin and finish with a terminal's line ends undone.
func run(t *testing.T, s Spec) (stdout string, e Exit) {
	t.Helper()
	stdout, stderr, e := finish(t, begin(t, s))
	if stderr != "" {
		t.Errorf("on stderr: %s", stderr)
	}
	return strings.ReplaceAll(stdout, "\r\n", "\n"), e
}

// eventually waits for a fact about other processes, which nothing announces.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(limit)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

const patience = time.Minute

// marked are the living processes that carry the mark.
func marked(t *testing.T, mark string) []int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range paths {
		env, _ := os.ReadFile(path) // others' are not readable, and none of ours
		if !slices.Contains(strings.Split(string(env), "\x00"), markVar+"="+mark) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if p, err := readProcess(pid); err == nil && !p.over() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func awaitMarked(t *testing.T, n int) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d processes run", n), func() bool { return len(marked(t, mark(t))) >= n })
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start shells of other accounts")
	}
}

func nobody(t *testing.T) Account {
	t.Helper()
	a, err := LookupAccount("nobody")
	if err != nil {
		t.Skip(err)
	}
	a.Shell, a.Home = "/bin/sh", "/"
	return a
}
