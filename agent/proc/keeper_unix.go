//go:build linux || darwin || freebsd

package proc

import (
	"encoding/gob"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// launch is what the agent sends to the keeper, and the keeper to the child.
type launch struct {
	Account  Account
	Command  string
	Args     []string
	Inside   string
	Input    []byte
	Env      []string
	Terminal bool
	Cgroup   cgroup
	Held     bool // nothing may start outside of Cgroup
	Tasks    int  // see limitTasks
	Login    bool // it is one for whoever asks the kernel
	Line     string
	Record   *Record // nil: the login is listed nowhere
}

// started is the keeper's first message to the agent: the shell runs, or why
// it doesn't. The second is its [Exit].
type started struct {
	Keeper      int
	KeeperStart uint64 // as in process
	Main        int
	Problem     string
	Notice      string // what went wrong and keeps no shell from starting
}

// keeperGrace is what the keeper gets to kill its tree and to say that the login
// is over, before the warden kills both.
const keeperGrace = 500 * time.Millisecond

// warden starts the keeper. When that is gone, it may have left its tree here.
func warden(control *net.UnixConn) error {
	nulls, err := nullFiles()
	if err != nil {
		return err
	}
	t, err := plant(keeperName, &syscall.SysProcAttr{Setsid: true}, append(nulls, inherited(wardenFiles)...))
	if err != nil {
		return err
	}
	select {
	case <-t.exit:
	case <-ordered(control):
		select {
		case <-t.exit:
		case <-time.After(keeperGrace): // somebody stopped it
		}
	}
	group := cgroup(os.Getenv(groupVariable))
	t.kill(group)
	group.remove() // the keeper may not have come to it
	return nil
}

// keeper starts the child from what the agent sends, tells how it went, and
// stays until nothing is below it any more.
func keeper(control *net.UnixConn) error {
	var spec launch
	if err := gob.NewDecoder(control).Decode(&spec); err != nil {
		return nil // the agent left
	}
	end := ordered(control)
	tell := gob.NewEncoder(control)
	t, answer, err := startChild(spec)
	if err != nil {
		return tell.Encode(started{Problem: err.Error()})
	}
	first := started{Keeper: t.self.pid, KeeperStart: t.self.start, Main: t.main}
	if t.notice != nil {
		first.Notice = t.notice.Error()
	}
	select {
	case first.Problem = <-answer:
		_ = tell.Encode(first) // an agent that left is noticed by ordered
	case <-end:
	}
	t.keep(end, spec, tell)
	return nil
}

// startChild starts the login child. What it answers before it becomes the
// shell is why it couldn't, or nothing.
func startChild(spec launch) (*tree, <-chan string, error) {
	mine, theirs, err := pair()
	if err != nil {
		return nil, nil, err
	}
	session := &syscall.SysProcAttr{Setsid: true, Setctty: spec.Terminal}
	t, err := plant(childName, session, append(inherited(keeperFiles), theirs))
	if err != nil {
		_ = mine.Close()
		return nil, nil, err
	}
	// The child waits for its orders, so it is in the group before it forks, and
	// listed before it looks who is there.
	if err := spec.Cgroup.add(t.main); err != nil && spec.Held {
		_ = mine.Close() // the child leaves
		return nil, nil, fmt.Errorf("put the shell into the visit's control group: %w, so nothing is started", err)
	}
	if spec.Record != nil {
		t.notice = spec.Record.begin(login{pid: t.main, line: spec.Line, at: time.Now()})
	}
	answer := make(chan string, 1)
	go func() {
		defer func() { _ = mine.Close() }()
		_ = gob.NewEncoder(mine).Encode(spec) // a child that is gone shows as an exit
		text, _ := io.ReadAll(mine)
		answer <- string(text)
	}()
	return t, answer, nil
}

// ordered is closed when the tree has to end: the agent closed the socket, on
// purpose or by dying, or this process was told to go.
func ordered(control io.Reader) <-chan struct{} {
	end, closed := make(chan struct{}), make(chan struct{})
	told := make(chan os.Signal, 1)
	signal.Notify(told, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	go func() {
		_, _ = io.Copy(io.Discard, control)
		close(closed)
	}()
	go func() {
		defer close(end)
		select {
		case <-closed:
		case <-told:
		}
	}()
	return end
}

// tree is all that runs below a keeper.
type tree struct {
	self  process                 // the keeper
	kin   *kin                    // what is below it
	main  int                     // the process that it started
	exit  chan syscall.WaitStatus // of main
	empty chan struct{}           // closed when the kernel knows of no descendant

	notice error // see [started]
}

// plant makes this process take in orphans, where the kernel has that, and starts the tree's main process. The
// files given are closed here: only the tree holds them.
func plant(name string, sys *syscall.SysProcAttr, files []*os.File) (*tree, error) {
	defer closeAll(files)
	self, err := readProcess(os.Getpid())
	if err != nil {
		return nil, err
	}
	if err := adopt(); err != nil {
		return nil, err
	}
	p, err := spawn(name, os.Args[1], files, sys)
	if err != nil {
		return nil, err
	}
	t := &tree{self: self, kin: follow(self), main: p.Pid, exit: make(chan syscall.WaitStatus, 1), empty: make(chan struct{})}
	_ = p.Release() // reap waits for it, as for every other child
	go t.reap()
	return t, nil
}

// reap waits for children of every kind, born here or orphaned to here, until
// there are none. Where orphans come here, none means no descendant at all.
func (t *tree) reap() {
	defer close(t.empty)
	for ended := false; ; {
		var s syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &s, waitAll, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			t.kin.gone() // ECHILD
			return
		case pid == t.main && !ended:
			ended = true
			t.exit <- s
		}
	}
}

// keep waits until the tree is empty, and kills it when it has to end. It
// tells the main process's exit, after the login is over for whoever asks.
func (t *tree) keep(end <-chan struct{}, spec launch, tell *gob.Encoder) {
	group := spec.Cgroup
	var s syscall.WaitStatus
	select {
	case s = <-t.exit:
	case <-end:
		t.kill(group)
		s = <-t.exit
	}
	if spec.Record != nil {
		_ = spec.Record.end(login{pid: t.main, line: spec.Line, at: time.Now()}) // the beginning told what is wrong
	}
	_ = tell.Encode(exitOf(s)) // an agent that left is noticed by ordered
	select {
	case <-t.empty:
	case <-end:
		t.kill(group)
	}
	group.remove()
}

const (
	firstPause   = 2 * time.Millisecond
	longestPause = 200 * time.Millisecond
)

// kill kills the tree again and again until it is empty, however long that
// takes: what can't be killed, because it became another account or hangs in
// the kernel, keeps its keeper.
func (t *tree) kill(group cgroup) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		select {
		case <-t.empty:
			return
		default:
		}
		group.kill()
		t.kin.kill()
		killAll(t.kin.alive)
		select {
		case <-t.empty:
		case <-time.After(pause):
		}
	}
}
