//go:build linux || darwin || freebsd

package proc

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// startLimit is how long a shell may take to come up, on a device that is busy.
const startLimit = 30 * time.Second

// Process is a shell or command of a visit and all that it started. Its
// methods may be called from any goroutine, [Process.Stdin] and the readers'
// own each from one.
//
// To lose no output: copy Stdout and Stderr to their ends, which they reach by
// themselves, then Wait, then tell the technician's side the end and the exit,
// then Kill and Close.
type Process struct {
	warden             *os.Process
	wardenEntry        process
	keeper             atomic.Pointer[process] // nil until it said so
	toWarden, toKeeper *net.UnixConn
	stdio              *stdio
	group              cgroup
	main               int // its pid, and its session's and first group's number
	notice             string
	listed             *Record // of a login that the keeper lists; nil for none

	first chan started  // the keeper's first word
	heard chan struct{} // closed: the keeper is gone
	done  chan struct{} // closed: the main process ended and exit is set
	gone  chan struct{} // closed: both keepers are gone, and with them all they kept
	once  sync.Once
	exit  Exit
}

// Start opens a terminal or pipes and starts the shell. It returns when the
// shell itself runs, or says why it doesn't; then nothing is left of it. Only
// an agent that is root can start shells of other accounts. With a terminal,
// TERM and SSH_TTY are added to an environment that lacks them.
//
// Call Close on the result, also when the shell has ended by itself.
func Start(s Spec) (*Process, error) {
	if err := allowed(s.Account); err != nil {
		return nil, err
	}
	if len(s.Args) > 0 && !filepath.IsAbs(s.Args[0]) {
		return nil, fmt.Errorf("%.80q is no absolute path of a program", s.Args[0])
	}
	ends, err := openStdio(s)
	if err != nil {
		return nil, err
	}
	defer func() { closeAll(ends.theirs) }()
	group, err := s.Group.shell()
	if err != nil {
		ends.close()
		return nil, err
	}
	p, err := startKeepers(s, ends, group)
	if err != nil {
		ends.close()
		group.remove()
		return nil, err
	}
	if err := p.launch(s); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// startKeepers starts the warden, and with it the keeper, which then waits.
func startKeepers(s Spec, ends *stdio, group cgroup) (*Process, error) {
	toWarden, wardenEnd, err := pair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = wardenEnd.Close() }()
	toKeeper, keeperEnd, err := pair()
	if err != nil {
		_ = toWarden.Close()
		return nil, err
	}
	defer func() { _ = keeperEnd.Close() }()
	w, entry, err := startWarden(s.Visit, group, append([]*os.File{wardenEnd, keeperEnd}, ends.theirs...))
	if err != nil {
		_, _ = toWarden.Close(), toKeeper.Close()
		return nil, err
	}
	p := &Process{
		warden: w, wardenEntry: entry, toWarden: toWarden, toKeeper: toKeeper, stdio: ends, group: group, listed: listed(s),
		first: make(chan started, 1), heard: make(chan struct{}), done: make(chan struct{}), gone: make(chan struct{}),
	}
	live.add(w.Pid)
	go p.hear()
	go p.outlive()
	return p, nil
}

func startWarden(visit string, group cgroup, files []*os.File) (*os.Process, process, error) {
	nulls, err := nullFiles()
	if err != nil {
		return nil, process{}, err
	}
	defer closeAll(nulls)
	// A session of its own: the agent's terminal and its Ctrl-C mean the agent.
	w, err := spawn(wardenName, value(visit), append(nulls, files...), &syscall.SysProcAttr{Setsid: true}, groupVariable+"="+string(group))
	if err != nil {
		return nil, process{}, err
	}
	entry, err := readProcess(w.Pid)
	if err != nil {
		_ = w.Kill()
		_, _ = w.Wait()
		return nil, process{}, fmt.Errorf("find the shell's keeper among the processes: %w", err)
	}
	return w, entry, nil
}

// launch sends the keeper what to start and waits until it runs.
func (p *Process) launch(s Spec) error {
	env := s.Env
	if s.PTY != nil {
		env = withTerminal(env, s.PTY.Term, p.stdio.name)
	}
	if err := p.toKeeper.SetWriteDeadline(time.Now().Add(startLimit)); err != nil {
		return fmt.Errorf("start a shell: %w", err)
	}
	spec := launch{
		Account: s.Account, Command: s.Command, Args: s.Args, Inside: s.Inside, Input: s.Input, Env: env,
		Terminal: s.PTY != nil, Cgroup: p.group, Held: s.Group != nil && s.Group.Held(), Tasks: s.Group.tasks(), Login: s.Record != nil, Line: line(p.stdio.name), Record: p.listed,
	}
	if err := gob.NewEncoder(p.toKeeper).Encode(spec); err != nil {
		return fmt.Errorf("start a shell: tell its keeper: %w", err)
	}
	select {
	case f := <-p.first:
		if f.Problem != "" {
			return errors.New(strings.TrimSpace(f.Problem))
		}
		p.main, p.notice = f.Main, f.Notice
		return nil
	case <-time.After(startLimit):
		return fmt.Errorf("the shell of %s did not start within %v: look at the load and the home folder of the device", s.Account.Name, startLimit)
	}
}

// listed is how the keeper lists the login; only one with a terminal is listed.
func listed(s Spec) *Record {
	if s.Record == nil || s.PTY == nil {
		return nil
	}
	r := *s.Record
	r.User = s.Account.Name
	return &r
}

// line is the terminal's name in utmp(5).
func line(terminal string) string { return strings.TrimPrefix(terminal, "/dev/") }

// hear takes the keeper's words until it is gone. A keeper that was killed
// leaves its tree to the warden.
func (p *Process) hear() {
	defer close(p.heard)
	defer func() { _ = p.toWarden.CloseWrite() }()
	words := gob.NewDecoder(p.toKeeper)
	var f started
	if err := words.Decode(&f); err != nil {
		f.Problem = "the shell's keeper ended before the shell started"
	}
	if f.Keeper != 0 {
		live.add(f.Keeper)
		defer live.remove(f.Keeper)
		p.keeper.Store(&process{pid: f.Keeper, start: f.KeeperStart})
	}
	p.first <- f
	var e Exit
	if err := words.Decode(&e); err == nil {
		p.ended(e)
	} else if p.listed != nil && f.Main != 0 {
		_ = p.listed.end(login{pid: f.Main, line: line(p.stdio.name), at: time.Now()}) // what the keeper would have done
	}
	_, _ = io.Copy(io.Discard, p.toKeeper)
}

// outlive waits until both keepers are gone. A warden that was killed leaves
// the tree to the keeper.
func (p *Process) outlive() {
	defer close(p.gone)
	defer live.remove(p.warden.Pid)
	_, _ = p.warden.Wait()
	_ = p.toKeeper.CloseWrite()
	<-p.heard
	p.group.clear(killLimit) // the tree of keepers that were killed both
	p.ended(exitOf(syscall.WaitStatus(syscall.SIGKILL)))
	_, _ = p.toWarden.Close(), p.toKeeper.Close()
}

// ended sets the exit that is told first.
func (p *Process) ended(e Exit) {
	p.once.Do(func() {
		p.exit = e
		close(p.done)
		p.stdio.stdout.end()
		p.stdio.stderr.end()
	})
}
