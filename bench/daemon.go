//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// daemon is a server that runs until it is stopped.
type daemon struct {
	log  string // file with what it printed
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start runs a server. It has a process group of its own, so that a Ctrl-C here
// is ours to deal with.
func start(log string, env []string, program string, args ...string) (*daemon, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &daemon{log: log, cmd: exec.Command(program, args...), done: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr, d.cmd.Env = f, f, append(os.Environ(), env...)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait() // how it ended is in its log
	}()
	return d, nil
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

// stop asks the server to end, and makes it after ten seconds.
func (d *daemon) stop() {
	if d == nil {
		return
	}
	d.end(syscall.SIGTERM)
}

func (d *daemon) end(how os.Signal) {
	_ = d.cmd.Process.Signal(how)
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
}

// answers waits until the server takes connections.
func (d *daemon) answers(ctx context.Context, network, address string) error {
	for {
		conn, err := net.Dial(network, address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-d.done:
			text, _ := os.ReadFile(d.log)
			return fmt.Errorf("%s ended at once: %s", d.cmd.Path, strings.TrimSpace(string(text)))
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// freePort is one that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // it was listened on as tcp
}
