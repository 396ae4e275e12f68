//go:build linux || darwin || freebsd

package proc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// The roles of a re-executed agent, told by argv[0].
const (
	wardenName = "accord-warden"
	keeperName = "accord-keeper"
	childName  = "accord-login"
)

// groupVariable tells the warden the control group that it clears.
const groupVariable = "ACCORD_GROUP"

// A role starts with its control socket behind the standard descriptors.
// Behind that the warden has what it hands to the keeper: the keeper's control
// socket and three files; and the keeper the three files, which the child gets
// as its standard input, output and error.
const (
	controlFD   = 3
	wardenFiles = 4
	keeperFiles = 3
)

var errNotStarted = errors.New("this is a part of accord that only accord itself starts")

// Main must be the first call of main, before flags, files and goroutines. In
// a process that this package started for itself it does that process's work
// and exits; in any other it returns at once. The work of [Spec.Inside] is
// looked up in inside.
func Main(inside Inside) {
	switch os.Args[0] {
	case wardenName:
		play(warden)
	case keeperName:
		play(keeper)
	case childName:
		play(func(control *net.UnixConn) error { return child(control, inside) })
	}
}

// play plays a role and exits.
func play(role func(control *net.UnixConn) error) {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, os.Args[0]+":", errNotStarted)
		os.Exit(2)
	}
	sealDescriptors()
	nameSelf()
	control, err := controlSocket()
	if err == nil {
		err = role(control)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, os.Args[0]+":", err)
		syscall.Exit(1)
	}
	// Not os.Exit: a role has nothing to flush, and a binary built to detect
	// races would wait a second there.
	syscall.Exit(0)
}

func controlSocket() (*net.UnixConn, error) {
	f := os.NewFile(controlFD, "control")
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotStarted, err)
	}
	if c, ok := c.(*net.UnixConn); ok {
		return c, nil
	}
	return nil, errNotStarted
}

// inherited are n files from behind the control socket.
func inherited(n int) []*os.File {
	var files []*os.File
	for fd := controlFD + 1; fd <= controlFD+n; fd++ {
		files = append(files, os.NewFile(uintptr(fd), "inherited"))
	}
	return files
}

// nullFiles are a role's standard descriptors.
func nullFiles() ([]*os.File, error) {
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("start a shell: %w", err)
	}
	return []*os.File{f, f, f}, nil
}

// spawn starts a role with files as its descriptors from 0 on. The agent's
// environment is none of its business; a role waits more than it works, and one
// processor's worth of threads starts sooner. The visit's number stands behind
// the role's name, for whoever lists processes.
func spawn(name, visit string, files []*os.File, sys *syscall.SysProcAttr, env ...string) (*os.Process, error) {
	self, err := selfPath()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p, err := os.StartProcess(self, []string{name, visit}, &os.ProcAttr{Dir: "/", Env: append(env, "GOMAXPROCS=1"), Files: files, Sys: sys})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// pair makes a socket whose one end is for another process.
func pair() (mine *net.UnixConn, theirs *os.File, err error) {
	fds, err := socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("make a control socket: %w", err)
	}
	f := os.NewFile(uintptr(fds[0]), "control")
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f)
	if err != nil {
		_ = unix.Close(fds[1])
		return nil, nil, fmt.Errorf("make a control socket: %w", err)
	}
	return c.(*net.UnixConn), os.NewFile(uintptr(fds[1]), "control"), nil
}
