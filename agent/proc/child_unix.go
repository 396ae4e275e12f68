//go:build linux || darwin || freebsd

package proc

import (
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// child becomes the account and then the shell. It was started as the leader
// of a new session, with its terminal as the controlling one. Its socket
// closes by itself when it becomes the shell.
func child(control *net.UnixConn, inside Inside) error {
	var spec launch
	if err := gob.NewDecoder(control).Decode(&spec); err != nil {
		return nil // the keeper left
	}
	var err error
	if spec.Inside == "" {
		err = become(spec)
	} else {
		err = work(spec, control, inside)
	}
	_, _ = fmt.Fprint(control, err)
	os.Exit(255)
	return nil
}

// work does what this program does itself as the account, in this very process.
// It returns only when that can't begin.
func work(spec launch, control *net.UnixConn, inside Inside) error {
	do := inside[spec.Inside]
	if do == nil {
		return fmt.Errorf("this program does nothing that is called %q", spec.Inside)
	}
	root := os.Geteuid() == 0
	if err := drop(spec.Account); err != nil {
		return err
	}
	if root {
		if err := proveThreads(spec.Account); err != nil {
			return fmt.Errorf("become %s: %w, so nothing is started", spec.Account.Name, err)
		}
	}
	unix.Umask(0o022)
	_ = goHome(spec.Account.Home) // what serves files says itself what it can't
	if err := limitTasks(spec.Tasks); err != nil {
		return fmt.Errorf("limit the tasks of %s: %w", spec.Account.Name, err)
	}
	_ = control.Close()
	os.Exit(do(spec.Input))
	return nil
}

// become returns only when it fails. Limits but the number of tasks, and the OOM
// score, stay as the agent has them, and no_new_privs stays off so that sudo works.
func become(spec launch) error {
	runtime.LockOSThread() // the thread that is checked is the one that runs the shell
	a := spec.Account
	if spec.Login {
		logIn(a)
	}
	if err := drop(a); err != nil {
		return err
	}
	unix.Umask(0o022)
	if err := enterHome(&spec); err != nil {
		fmt.Fprintf(os.Stderr, "accord: %v, so this begins in /\n", err)
	}
	if err := limitTasks(spec.Tasks); err != nil {
		return fmt.Errorf("limit the tasks of %s: %w", a.Name, err)
	}
	program, argv := a.Shell, []string{"-" + filepath.Base(a.Shell)} // the dash makes a login shell
	switch {
	case len(spec.Args) > 0:
		program, argv = spec.Args[0], spec.Args
	case spec.Command != "":
		argv = []string{filepath.Base(a.Shell), "-c", spec.Command}
	}
	resetSignals()
	err := syscall.Exec(program, argv, spec.Env)
	return fmt.Errorf("run %s as %s: %w", program, a.Name, err)
}

// goHome enters a folder, or / where it can't.
func goHome(home string) error {
	err := os.Chdir(home)
	if err != nil {
		_ = os.Chdir("/") // never fails: it is this process's folder already
	}
	return err
}

// enterHome enters the account's home. One that isn't there, or is somebody
// else's than the account's or root's, is none: its owner could put into it what
// the account's shell reads and runs.
func enterHome(spec *launch) error {
	a := spec.Account
	var why *os.PathError
	if err := goHome(a.Home); errors.As(err, &why) {
		return fmt.Errorf("the home %s of %s can't be entered (%w)", a.Home, a.Name, why.Err)
	}
	err := ownHome(a)
	if err == nil {
		return nil
	}
	_ = goHome("/")
	for i, v := range spec.Env {
		if strings.HasPrefix(v, "HOME=") {
			spec.Env[i] = "HOME=/"
		}
	}
	return fmt.Errorf("the home %s of %s is not used (%w)", a.Home, a.Name, err)
}

func ownHome(a Account) error {
	info, err := os.Stat(".")
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int64(s.Uid) != int64(a.UID) && s.Uid != 0 {
		return fmt.Errorf("it belongs to another account, %d", s.Uid)
	}
	return nil
}
