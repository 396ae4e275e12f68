package surface

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// keeperName is what the process is called that has a console: argv[0] of this
// program.
const keeperName = "accord-console"

// The keeper of a console is a process of its own, as root, so that the console is
// given back whatever becomes of the agent. Its input ends when the prompt is to be
// taken down, also by the agent's death; the prompt dies with it.
const (
	// promptEnds is how long a prompt has to end by itself when it was answered.
	promptEnds = 300 * time.Millisecond
	// watchEvery is how often it is looked whether whoever the prompt is for is
	// still logged in.
	watchEvery = time.Second
)

// errors of a keeper that is no keeper.
var errNoKeeper = errors.New("this is a part of accord that only accord itself starts")

// consoleJob is what a keeper is to do.
type consoleJob struct {
	User   User
	Was    int // the console in front
	Leader int // the session that the prompt is for
	Line   []string
	Env    []string
}

// consoleNews is what it tells: first the loan, then that all is over.
type consoleNews struct {
	Loan     *loan
	Over     bool
	Answered bool   // the prompt ended as one does that was answered
	Problem  string // why there is no console
}

// Main must be called at the very begin of main. In a process that this package
// started for itself it does that process's work and exits; in any other it returns
// at once.
func Main() {
	if os.Args[0] != keeperName {
		return
	}
	_ = os.WriteFile("/proc/self/comm", []byte(keeperName), 0) // else it is listed as "exe"
	// What is to die with a parent dies with the thread that started it.
	runtime.LockOSThread()
	if err := keepConsole(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, keeperName+":", err)
		syscall.Exit(1)
	}
	syscall.Exit(0)
}

// keepConsole shows one prompt on a console of its own.
func keepConsole(in io.Reader, out io.Writer) error {
	var job consoleJob
	if err := gob.NewDecoder(in).Decode(&job); err != nil || len(job.Line) == 0 {
		return errNoKeeper
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE)
	end := make(chan struct{})
	go func() {
		defer close(end)
		closed := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, in)
			close(closed)
		}()
		select {
		case <-closed:
		case <-told:
		}
	}()
	news := gob.NewEncoder(out)
	b, err := borrow(job.Was, job.User.UID)
	if err != nil {
		return news.Encode(consoleNews{Over: true, Problem: err.Error()})
	}
	is := consoleNews{Over: true}
	if err := news.Encode(consoleNews{Loan: &b.loan}); err == nil {
		is.Answered, err = job.run(b, end)
		if err != nil {
			is.Problem = err.Error()
		}
	}
	b.giveBack()
	return news.Encode(is)
}

// run puts the console in front and runs the prompt there until that ends, end
// does, or its person is gone.
func (j *consoleJob) run(b *borrowed, end <-chan struct{}) (answered bool, err error) {
	if !j.there() {
		return false, errors.New("they have just logged out")
	}
	if err := b.show(); err != nil {
		return false, err
	}
	cmd := j.User.command(context.Background(), slices.Concat([]string{
		"USER=" + j.User.Name, "LOGNAME=" + j.User.Name, "SHELL=/bin/sh", "TERM=linux",
	}, j.Env), j.Line[0], j.Line[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = b.tty, b.tty, b.tty
	cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return false, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	for {
		select {
		case err := <-done:
			return err == nil, nil
		case <-watch.C:
			if j.there() {
				continue
			}
		case <-end:
			select {
			case err := <-done:
				return err == nil, nil
			case <-time.After(promptEnds):
			}
		}
		killSession(cmd)
		return <-done == nil, nil
	}
}

// there reports whether whoever the prompt is for is still logged in where they
// were, and has not locked that: somebody else may be at the keyboard by now.
func (j *consoleJob) there() bool {
	f := front{number: j.Was, owner: -1}
	err := f.lookTerminal(func(int) bool { return false })
	return err == nil && f.owner == j.User.UID && f.leader.pid == j.Leader && f.leader.uid == j.User.UID && f.locker == ""
}

// killSession ends a prompt and what it started.
func killSession(cmd *exec.Cmd) {
	if cmd.Process.Signal(syscall.Signal(0)) == nil { // its id is still its own
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}
